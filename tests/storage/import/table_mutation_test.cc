// Damaged tables: every line becomes an event, is counted as bad, or belongs to a quoted field.
// Blank lines alone are nothing.

#include <sstream>

#include "common/text.h"
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

constexpr std::string_view kJsonRows =
    "{\"user\": \"u1\", \"item\": \"i1\", \"label\": 4, \"time\": 978300760}\n"
    "{\"user\": \"u1\", \"item\": 2, \"label\": 3.5, \"time\": 978300761, \"k\": {\"a\": [1, "
    "{}]}}\n"
    "{\"user\": 18446744073709551616, \"item\": \"i1\", \"label\": true, \"time\": 978300762}\n"
    "{\"user\": \"\\ud83d\\ude00 \\\"3\", \"item\": \"i3\", \"label\": null, \"time\": 978300763}\n"
    "{\"user\": \"u4\", \"item\": \"i4\", \"label\": 2, \"time\": \"2001-01-01T00:00:00Z\"}\n"
    "{\"user\": \"u5\", \"item\": \"i5\", \"time\": 978300764, \"tags\": [\"x\", \"\xC3\xA9\"]}\n"
    "{\"time\": 978300765, \"label\": 5, \"item\": \"i6\", \"user\": \"u6\"}\n";
constexpr std::string_view kFirstRow =
    "{\"user\": \"u0\", \"item\": \"i0\", \"label\": 1, \"time\": 978300759}\n";

int64_t JsonLineCount(const std::string& rows) {
  int64_t count = 0;
  std::istringstream lines(rows);
  for (std::string line; std::getline(lines, line);) count += !Trim(line).empty();
  return count;
}

TEST(TableMutation, NoJsonLineIsLostSilently) {
  const ScratchFolder folder;
  ColumnOptions options;
  options.label_column = "label";
  options.time_column = "time";
  std::vector<std::string> dictionary = testing::TextDictionary();
  for (const char* word : {"{", "}", "[", "]", "\"", "\\", "\\u", "\n", "\r\n", "null", ",", ":",
                           "\xFF", "{\"user\": 1, \"item\": 2, \"time\": 3}\n"}) {
    dictionary.emplace_back(word);
  }
  int64_t bad = 0, events = 0;
  for (int64_t number = 0; number < MutationCount(); ++number) {
    Mutator mutator(12, number, dictionary);
    // The first row is whole, so that the columns are known.
    const std::string rows = std::string(kFirstRow) + mutator.Mutate(std::string(kJsonRows));
    BadRows bad_rows(BadRowRule::kSkip, 1'000'000);
    const auto source =
        MakeTableSource("jsonl", folder.Write("log.jsonl", rows), options, "", &bad_rows);
    CollectingSink sink(/*has_parts=*/false);
    source->ReadEvents(&sink);
    EXPECT_EQ(std::ssize(sink.events) + bad_rows.count(), JsonLineCount(rows))
        << "mutation " << number << ":\n"
        << rows;
    events += std::ssize(sink.events);
    bad += bad_rows.count();
  }
  EXPECT_GT(events, bad);
  EXPECT_GT(bad, MutationCount() / 2);
}

}  // namespace
}  // namespace hearth
