// Damaged tables: every line becomes an event, is counted as bad, or belongs to a quoted field.

#include <sstream>

#include "storage/import/importers.h"
#include "tests/storage/import/import_testing.h"
#include "tests/tools/mutator.h"

namespace hearth {
namespace {

using import_testing::CollectingSink;
using import_testing::ScratchFolder;
using testing::MutationCount;
using testing::Mutator;

constexpr std::string_view kHeader = "user,item,label,time,note\n";
constexpr std::string_view kRows =
    "u1,i1,4,978300760,plain\n"
    "u1,i2,3.5,978300761,\"quoted, with a comma\"\n"
    "u2,i1,1,978300762,5\" disk\n"
    "\"u 3\",i3,,978300763,\"say \"\"so\"\"\"\n"
    "u4,i4,2,2001-01-01T00:00:00Z,\"two\nlines\"\n"
    "u5,i5,5,978300764,\n"
    "u6,i6,5,978300765,last\n";

// The lines behind the header that are not empty.
int64_t LineCount(const std::string& rows) {
  int64_t count = 0;
  std::istringstream lines(rows);
  for (std::string line; std::getline(lines, line);) count += !line.empty() && line != "\r";
  return count;
}

TEST(TableMutation, NoLineIsLostSilently) {
  const ScratchFolder folder;
  ColumnOptions options;
  options.header = true;
  options.label_column = "label";
  options.time_column = "time";
  int64_t bad = 0, joined = 0, events = 0;
  for (int64_t number = 0; number < MutationCount(); ++number) {
    Mutator mutator(11, number,
                    {"\"", "\"\"", ",", "\n", "\r\n", "\",\"", "\"\n", "\n\"", ",\"", "\\\"",
                     "NULL", "u7,i7,3,978300766,x\n"});
    const std::string rows = mutator.Mutate(std::string(kRows));
    BadRows bad_rows(BadRowRule::kSkip, 1'000'000);
    const auto source = MakeTableSource("csv", folder.Write("log.csv", std::string(kHeader) + rows),
                                        options, "", &bad_rows);
    CollectingSink sink(/*has_parts=*/false);
    source->ReadEvents(&sink);
    EXPECT_EQ(std::ssize(sink.events) + bad_rows.count() + source->joined_lines(), LineCount(rows))
        << "mutation " << number << ":\n"
        << rows;
    events += std::ssize(sink.events);
    bad += bad_rows.count();
    joined += source->joined_lines();
  }
  EXPECT_GT(events, bad);
  EXPECT_GT(bad, MutationCount() / 10);
  EXPECT_GT(joined, MutationCount() / 4);
}

}  // namespace
}  // namespace hearth
