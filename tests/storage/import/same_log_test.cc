// One log in many spellings gives the same data set: the same entities, features and shards.

#include <chrono>

#include <archive.h>

#include "storage/import/convert.h"
#include "tests/storage/import/encoding_testing.h"
#include "tests/storage/import/import_testing.h"

namespace hearth {
namespace {

using namespace import_testing;

struct Row {
  std::string user, item, label;
  int64_t time = 0;  // seconds since 1970
};

std::vector<Row> Rows() {
  std::vector<Row> rows;
  for (int64_t i = 0; i < 60; ++i) {
    rows.push_back({fmt::format("{:03}", i * 7 % 11), fmt::format("item {}", i * 13 % 17),
                    i % 9 == 4 ? "" : fmt::format("{}.5", i % 5), 978'300'760 + i * 86'413});
  }
  return rows;
}

std::string IsoTime(int64_t seconds) {
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

// The time of a row as text.
using TimeText = std::function<std::string(int64_t)>;

std::string Seconds(int64_t time) { return std::to_string(time); }

std::string Delimited(const std::string& separator, const TimeText& time = Seconds,
                      const std::string& quote = "") {
  std::string text = "user" + separator + "item" + separator + "label" + separator + "time\n";
  for (const Row& row : Rows()) {
    text += quote + row.user + quote + separator + quote + row.item + quote + separator +
            row.label + separator + time(row.time) + "\n";
  }
  return text;
}

std::string JsonLines(const TimeText& time = Seconds, bool is_text = false) {
  std::string text;
  for (const Row& row : Rows()) {
    const std::string label = row.label.empty() ? "null" : row.label;
    const std::string quote = is_text ? "\"" : "";
    text += fmt::format("{{\"time\": {}{}{}, \"item\": \"{}\", \"user\": \"{}\", \"label\": {}}}\n",
                        quote, time(row.time), quote, row.item, row.user, label);
  }
  return text;
}

const std::string kCsvItems = "item,title,genres,size\nitem 0,Zero,a|b,1.5\nitem 1,One,c,\n";
const std::string kJsonItems =
    "{\"item\": \"item 0\", \"title\": \"Zero\", \"genres\": [\"a\", \"b\"], \"size\": 1.5}\n"
    "{\"item\": \"item 1\", \"title\": \"One\", \"genres\": [\"c\"], \"size\": null}\n";

// Everything that a data set holds, without the names of its inputs.
struct Contents {
  std::vector<Event> events;
  std::vector<std::string> hashes;  // of the shards, the users and the items with their features
};

class SameLog : public ::testing::Test {
 protected:
  SameLog() {
    options_.columns.label_column = "label";
    options_.columns.time_column = "time";
    options_.clean.missing = MissingRule::kMean;
    options_.split = {.kind = SplitKind::kTime};
  }

  Contents Read(const std::string& format, const std::string& text, const std::string& items,
                const std::string& delimiter) {
    ConvertOptions options = options_;
    options.format = format;
    options.input = folder_.Write("log", text);
    options.columns.item_features = folder_.Write("items", items);
    options.columns.delimiter = delimiter;
    options.output = folder_ / "data";
    options.overwrite = true;
    ConvertLog(options);
    const Dataset dataset({.path = options.output});
    EXPECT_EQ(TitleOf(dataset.event_entities(), "item 0"), "Zero");
    Contents contents{EventsOf(options.output), {}};
    for (const ShardEntry& shard : dataset.manifest().shards) {
      contents.hashes.push_back(shard.sha256);
    }
    contents.hashes.push_back(dataset.manifest().users_sha256);
    contents.hashes.push_back(dataset.manifest().items_sha256);
    return contents;
  }

  void ExpectSame(const std::string& format, const std::string& text,
                  const std::string& items = kCsvItems, const std::string& delimiter = "") {
    const Contents expected = Read("csv", Delimited(","), kCsvItems, "");
    ASSERT_EQ(expected.events.size(), 60U);
    const Contents contents = Read(format, text, items, delimiter);
    EXPECT_EQ(contents.events, expected.events);
    EXPECT_EQ(contents.hashes, expected.hashes);
  }

  ScratchFolder folder_;
  ConvertOptions options_;
};

TEST_F(SameLog, InDelimitedText) {
  ExpectSame("csv", Delimited("\t"));
  ExpectSame("csv", Delimited(";"));
  ExpectSame("csv", Delimited(",", Seconds, "\""));
  ExpectSame("csv", Delimited("::"), kJsonItems, "::");
}

TEST_F(SameLog, InJsonLines) {
  ExpectSame("jsonl", JsonLines());
  ExpectSame("jsonl", JsonLines(), kJsonItems);
  ExpectSame("csv", Delimited(","), kJsonItems);
}

TEST_F(SameLog, InOtherEncodings) {
  for (const std::string format : {"csv", "jsonl"}) {
    const std::string text = format == "csv" ? Delimited(",") : JsonLines();
    ExpectSame(format, Compressed(text, archive_write_add_filter_gzip));
    ExpectSame(format, "\xFF\xFE" + Utf16(text, /*big_endian=*/false));
    ExpectSame(format, "\xFE\xFF" + Utf16(text, /*big_endian=*/true));
    ExpectSame(format, "\xEF\xBB\xBF" + text);
  }
}

TEST_F(SameLog, WithOtherTimes) {
  const TimeText milliseconds = [](int64_t time) { return std::to_string(time) + "000"; };
  const TimeText nanoseconds = [](int64_t time) { return std::to_string(time) + "000000000"; };
  const TimeText fractions = [](int64_t time) { return std::to_string(time) + ".0"; };
  for (const TimeText& time : {milliseconds, nanoseconds, fractions, TimeText(IsoTime)}) {
    ExpectSame("csv", Delimited(",", time));
    ExpectSame("jsonl", JsonLines(time, /*is_text=*/true));
  }
  ExpectSame("jsonl", JsonLines(milliseconds));
}

}  // namespace
}  // namespace hearth
