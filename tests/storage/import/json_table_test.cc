#include "storage/import/json_table.h"

#include <archive.h>

#include "storage/import/importers.h"
#include "tests/storage/import/encoding_testing.h"
#include "tests/storage/import/import_testing.h"

namespace hearth {
namespace {

using namespace import_testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class JsonLines : public ::testing::Test {
 protected:
  std::unique_ptr<EventSource> Open(std::string_view text, const std::string& task_column = "") {
    return MakeTableSource("jsonl", folder_.Write("log.jsonl", text), options_, task_column,
                           &bad_rows_);
  }
  std::vector<Event> Read(std::string_view text) { return EventsOf(Open(text).get()); }
  std::string Refusal(std::string_view text) {
    return MessageOf<DataError>([&] { Read(text); });
  }
  /// Reads `line` between two good lines: the events, without those.
  std::vector<Event> ReadOne(const std::string& line) {
    const std::string good = "{\"user\": \"good\", \"item\": \"x\", \"label\": 1}\n";
    std::vector<Event> events = Read(good + line + "\n" + good);
    std::erase_if(events, [](const Event& event) { return event.user == "good"; });
    return events;
  }
  /// A source with item features.
  std::unique_ptr<EventSource> WithItems(const std::string& log, const std::string& items) {
    options_.item_features = folder_.Write("items", items);
    return Open(log);
  }

  ScratchFolder folder_;
  BadRows bad_rows_{BadRowRule::kRefuse, 0};
  ColumnOptions options_;
};

TEST_F(JsonLines, ReadsColumnsByNameInAnyOrder) {
  options_.label_column = "y";
  options_.time_column = "ts";
  const std::string text =
      "{\"user\": \"u1\", \"item\": 7, \"y\": 4.5, \"ts\": 978300760}\n"
      "\n  \n"
      " { \"ts\":\"2001-01-01T00:00:00Z\" ,\"y\":\"3\",\"item\":\"7\",\"user\":\"u2\",\"z\":[]} "
      "\r\n"
      "{\"y\": null, \"ts\": 978300762, \"user\": 3, \"item\": \"x\"}";
  const std::vector<Event> events = Read(text);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0], (Event{"u1", "7", 4.5F, 978300760}));
  EXPECT_EQ(events[1], (Event{"u2", "7", 3, 978307200}));
  EXPECT_EQ(events[2].user, "3");
  EXPECT_TRUE(std::isnan(events[2].label)) << "null is a missing label";
}

TEST_F(JsonLines, KeepsTheSpellingOfIds) {
  for (const std::string id :
       {"9223372036854775807", "9223372036854775808", "18446744073709551615",
        "18446744073709551616", "123456789012345678901234567890", "-5", "1.0", "1e3", "1.50"}) {
    EXPECT_THAT(ReadOne("{\"user\": " + id + ", \"item\": \"007\"}"),
                ElementsAre(Event{id, "007", 1}));
    EXPECT_THAT(ReadOne("{\"user\": \"" + id + "\", \"item\": \"007\"}"),
                ElementsAre(Event{id, "007", 1}));
  }
}

TEST_F(JsonLines, DecodesStrings) {
  const auto user = [&](const std::string& json) {
    return ReadOne("{\"user\": \"" + json + "\", \"item\": 1}").at(0).user;
  };
  EXPECT_EQ(user("a\\\"b\\\\c\\/d"), "a\"b\\c/d");
  EXPECT_EQ(user("a\\n\\tb"), "a\n\tb");
  EXPECT_EQ(user("\\u00e9"), "\xC3\xA9");
  EXPECT_EQ(user("\xC3\xA9"), "\xC3\xA9");
  EXPECT_EQ(user("\\ud83d\\ude00"), "\xF0\x9F\x98\x80") << "a pair of surrogates";
}

TEST_F(JsonLines, TakesTrueAndFalseAsLabels) {
  options_.label_column = "label";
  EXPECT_THAT(
      Read("{\"user\":1,\"item\":2,\"label\":true}\n{\"user\":1,\"item\":3,\"label\":false}"),
      ElementsAre(Event{"1", "2", 1}, Event{"1", "3", 0}));
}

TEST_F(JsonLines, ReadsCompressedTextAndUtf16) {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += fmt::format("{{\"user\": \"u{}\", \"item\": {}}}\n", i, i);
  const std::vector<Event> expected = Read(text);
  ASSERT_EQ(expected.size(), 2000U);
  EXPECT_EQ(Read(Compressed(text, archive_write_add_filter_gzip)), expected);
  EXPECT_EQ(Read(Compressed(text, archive_write_add_filter_zstd)), expected);
  EXPECT_EQ(Read("\xFF\xFE" + Utf16(text, false)), expected);
  EXPECT_EQ(Read("\xEF\xBB\xBF" + text), expected);
}

TEST_F(JsonLines, ReadsKeysOfNestedObjects) {
  options_.user_column = "who.id";
  options_.item_column = "what.a.b";
  EXPECT_THAT(
      Read("{\"who\": {\"id\": 1, \"x\": {}}, \"what\": {\"a\": {\"b\": \"i\", \"c\": 5}}}\n"
           "{\"what\": {\"c\": 1, \"a\": {\"b\": \"j\"}}, \"who\": {\"x\": [1], \"id\": 2}}"),
      ElementsAre(Event{"1", "i", 1}, Event{"2", "j", 1}));
  options_.user_column = "who.idd";
  EXPECT_THAT(Refusal("{\"who\": {\"id\": 1}, \"what\": {\"a\": {\"b\": 1}}}"),
              AllOf(HasSubstr("'who.idd'"), HasSubstr("who, what")));
}

TEST_F(JsonLines, TakesTheWholeNameOfAKeyWithADotFirst) {
  options_.user_column = "a.b";
  EXPECT_THAT(Read("{\"a.b\": \"whole\", \"item\": 1}"), ElementsAre(Event{"whole", "1", 1}));
}

TEST_F(JsonLines, NamesUnusedKeysAlsoThoseOfLaterRows) {
  std::string text;
  for (int i = 0; i < 1500; ++i)
    text += "{\"user\":1,\"item\":2,\"note\":\"n\",\"more\":{\"k\":1}}\n";
  const auto source = Open(text + "{\"user\":1,\"item\":2,\"late\":3}\n");
  EXPECT_EQ(EventsOf(source.get()).size(), 1501U);
  EXPECT_THAT(source->notes(), ElementsAre(HasSubstr("JSON"), HasSubstr("positive"),
                                           "columns not used: note, more, late"));
}

TEST_F(JsonLines, UsesAnObjectThroughItsKeys) {
  options_.user_column = "who.id";
  const auto source = Open("{\"who\": {\"id\": 1}, \"item\": 2, \"whoever\": 3}");
  EventsOf(source.get());
  EXPECT_EQ(source->notes().back(), "columns not used: whoever");
}

TEST_F(JsonLines, PutsATaskColumnInTheUsersPlace) {
  EXPECT_THAT(EventsOf(Open("{\"user\":\"a\",\"item\":1,\"city\":\"Rome\"}", "city").get()),
              ElementsAre(Event{"Rome", "1", 1, 0, 0, "", "a"}));
}

struct BadLine {
  std::string line, message;
};

TEST_F(JsonLines, RejectsBadRowsWithTheirReason) {
  const std::string deep(5000, '[');
  const std::vector<BadLine> lines = {
      {"{\"user\": 1, \"item\": 2", "not valid JSON: column"},
      {"{\"user\": 1, \"item\": }", "not valid JSON: column"},
      {"{'user': 1, 'item': 2}", "not valid JSON"},
      {"{\"user\": 1, \"item\": 2} x", "not valid JSON"},
      {"{\"user\": 1, \"item\": 2} {\"user\": 1, \"item\": 2}", "not valid JSON"},
      {"{\"user\": 1, \"item\": 2, \"user\": 3}", "the key 'user' occurs twice"},
      {"{\"user\": 1, \"item\": 2, \"n\": 1e999}", "number overflow"},
      {"{\"user\": 1, \"item\": 2, \"n\": NaN}", "not valid JSON"},
      {"{\"user\": 01, \"item\": 2}", "not valid JSON"},
      {"{\"user\": \"\\ud800\", \"item\": 2}", "surrogate"},
      {"{\"user\": \"\xE9\", \"item\": 2}", "not UTF-8"},
      {"{\"user\": \"a\\u0000b\", \"item\": 2}", "NUL character"},
      {"{\"user\": 1, \"item\": 2, \"k\\u0000\": 2}", "NUL character"},
      {std::string("{\"user\": 1, \"item\": 2 \0}", 24), "NUL byte"},
      {"[{\"user\": 1, \"item\": 2}]", "a list, where an object is expected"},
      {"7", "a value, where an object is expected"},
      {"null", "a value, where an object is expected"},
      {"user,item", "not valid JSON"},
      {"{\"user\": 1, \"item\": 2, \"d\": " + deep + "}", "more than 100 levels"},
      {"{\"user\": 1, \"item\": 2, \"d\": \"" + std::string(1 << 20, 'x') + "\"}", "longer than"},
      {"{\"user\": [1], \"item\": 2}", "a list; one value is expected"},
      {"{\"user\": 1, \"item\": {\"id\": 2}}", "an object; name one of its keys"},
      {"{\"user\": null, \"item\": 2}", "an empty id"},
      {"{\"item\": 2}", "an empty id"},
      {"{\"user\": \"\", \"item\": 2}", "an empty id"},
      {"{\"user\": \"NULL\", \"item\": 2}", "a missing value, not an id"},
      {"{}", "an empty id"},
  };
  for (const BadLine& bad : lines) {
    SCOPED_TRACE(bad.line.substr(0, 80));
    bad_rows_ = BadRows(BadRowRule::kRefuse, 0);
    EXPECT_THAT(MessageOf<DataError>([&] { ReadOne(bad.line); }),
                AllOf(HasSubstr("log.jsonl:2"), HasSubstr(bad.message)));
    bad_rows_ = BadRows(BadRowRule::kSkip, 9);
    EXPECT_THAT(ReadOne(bad.line), IsEmpty());
    EXPECT_EQ(bad_rows_.count(), 1);
  }
}

TEST_F(JsonLines, ForgetsTheKeysOfRejectedRows) {
  bad_rows_ = BadRows(BadRowRule::kSkip, 9);
  const auto source = Open("{\"user\": 1, \"item\": 2}\n{\"odd\": 1, \"user\": 1, \"item\": 2");
  EXPECT_EQ(EventsOf(source.get()).size(), 1U);
  EXPECT_THAT(source->notes(), ElementsAre(HasSubstr("JSON"), HasSubstr("positive")));
}

TEST_F(JsonLines, RefusesOtherTextsWithTheRemedy) {
  EXPECT_THAT(Refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(Refusal(" \n\n"), HasSubstr("is empty"));
  EXPECT_THAT(Refusal("[\n{\"user\": 1, \"item\": 2}\n]"), HasSubstr("jq -c '.[]'"));
  EXPECT_THAT(Refusal("[" + std::string(2 << 20, ' ') + "{}]"), HasSubstr("jq -c '.[]'"));
  EXPECT_THAT(Refusal("{\n  \"user\": 1,\n  \"item\": 2\n}\n"), HasSubstr("jq -c ."));
  EXPECT_THAT(Refusal("{\"user\": 1,\n \"item\": 2\n}\n"), HasSubstr("jq -c ."));
  EXPECT_THAT(Refusal("{'user': 1, 'item': None}\n"), HasSubstr("Python literals"));
  EXPECT_THAT(Refusal("user,item\n1,2\n"), AllOf(HasSubstr("'user,item'"), HasSubstr("csv")));
  EXPECT_THAT(Refusal("{\"usr\": 1, \"item\": 2}"),
              AllOf(HasSubstr("'user'"), HasSubstr("did you mean 'usr'"), HasSubstr("usr, item")));
  options_.user_column = "1";
  EXPECT_THAT(Refusal("{\"user\": 1, \"item\": 2}"), HasSubstr("has a key '1'")) << "not a number";
}

TEST_F(JsonLines, RefusesIdsAsKeys) {
  std::string text = "{\"user\": 1, \"item\": 2}\n{";
  for (int i = 0; i < 20'000; ++i) text += fmt::format("\"u{}\": 1, ", i);
  EXPECT_THAT(Refusal(text + "\"z\": 1}\n"), HasSubstr("are the keys ids?"));
}

TEST_F(JsonLines, CsvNamesTheFormatOfJsonLines) {
  const std::string file = folder_.Write("log.csv", "{\"user\": 1, \"item\": 2}\n");
  EXPECT_THAT(MessageOf<DataError>([&] { MakeTableSource("csv", file, options_, "", &bad_rows_); }),
              HasSubstr("--format jsonl"));
}

TEST_F(JsonLines, MakesFeaturesOfEveryKindOfValue) {
  options_.kinds = {"maker.name=category", "off=skip"};
  const auto source = WithItems(
      "{\"user\":1,\"item\":\"x\"}\n{\"user\":1,\"item\":\"y\"}\n",
      "{\"item\":\"x\",\"title\":\"The X\",\"tags\":[\"a|b\",\"c\"],\"spot\":[0.5,1],\"price\":2.5,"
      "\"maker\":{\"name\":\"acme\",\"land\":\"IT\"},\"codes\":[1,2,3],\"new\":true,\"off\":1,"
      "\"genre\":\"d|e\"}\n"
      "{\"item\":\"y\",\"tags\":[],\"spot\":null,\"price\":null,\"maker\":null,\"codes\":[[7],[8]],"
      "\"images\":[{\"url\":1}],\"new\":false,\"title\":\"The \\u00c9\"}\n"
      "{\"item\":\"other\",\"tags\":[\"z\"]}\n");
  std::vector<std::string> users = {"1"}, items = {"x", "y"};
  EntityBuilder user_builder(users, false, &bad_rows_), item_builder(items, false, &bad_rows_);
  EventsOf(source.get());
  source->ReadFeatures(&user_builder, &item_builder);
  EXPECT_THAT(item_builder.files().at(0).unused, ElementsAre("maker", "images"));
  const EntityTable table = item_builder.Build();
  EXPECT_EQ(TitleOf(table, "x"), "The X");
  EXPECT_EQ(TitleOf(table, "y"), "The \xC3\x89");
  EXPECT_THAT(CategoriesOf(table, "x", "tags"), UnorderedElementsAre("a|b", "c"))
      << "a value of a list is not divided";
  EXPECT_THAT(CategoriesOf(table, "x", "genre"), UnorderedElementsAre("d", "e"));
  EXPECT_THAT(CategoriesOf(table, "x", "codes"), UnorderedElementsAre("1", "2", "3"))
      << "lists of numbers with other lengths hold categories";
  EXPECT_THAT(CategoriesOf(table, "y", "codes"), UnorderedElementsAre("7", "8"));
  EXPECT_THAT(CategoriesOf(table, "x", "maker.name"), ElementsAre("acme"));
  EXPECT_THAT(CategoriesOf(table, "y", "new"), ElementsAre("false"));
  EXPECT_EQ(table.FindFeature("off"), nullptr);
  const FeatureColumn& spot = *table.FindFeature("spot");
  EXPECT_EQ(spot.kind, FeatureKind::kVector);
  EXPECT_EQ(spot.width, 2);
  EXPECT_EQ(spot.numbers[1], 1.0F);
  EXPECT_TRUE(std::isnan(spot.numbers[2]));
  EXPECT_EQ(table.FindFeature("price")->kind, FeatureKind::kNumber);
}

TEST_F(JsonLines, MakesFeaturesOfKeysOfLaterRows) {
  std::string log, items;
  for (int i = 0; i < 2000; ++i) {
    log += fmt::format("{{\"user\":1,\"item\":{}}}\n", i);
    items += fmt::format("{{\"item\":{}{}}}\n", i, i == 1900 ? ",\"late\":[0.5,0.25,1]" : "");
  }
  const auto source = WithItems(log, items);
  const Tables tables = TablesOf(source.get(), &bad_rows_);
  const FeatureColumn* late = tables.items.FindFeature("late");
  ASSERT_NE(late, nullptr);
  EXPECT_EQ(late->width, 3);
  EXPECT_EQ(late->numbers[1900 * 3 + 1], 0.25F);
}

TEST_F(JsonLines, PassesOverFeaturesThatRepeatARow) {
  const std::string log = "{\"user\":1,\"item\":1}\n",
                    row = "{\"item\":1,\"tags\":[\"a\",\"b\"]}\n";
  std::vector<std::string> users = {"1"}, items = {"1"};
  const auto read = [&](const std::string& features) {
    EntityBuilder user_builder(users, false, &bad_rows_), item_builder(items, false, &bad_rows_);
    WithItems(log, features)->ReadFeatures(&user_builder, &item_builder);
    return item_builder.files().at(0).repeated;
  };
  EXPECT_EQ(read(row + row + row), 2);
  for (const std::string other :
       {"{\"item\":1,\"tags\":[\"a\"]}", "{\"item\":1,\"tags\":[\"a\",\"b\"],\"more\":2}"}) {
    EXPECT_THAT(MessageOf<DataError>([&] { read(row + other + "\n"); }),
                AllOf(HasSubstr("items:2"), HasSubstr("already described")));
  }
}

TEST_F(JsonLines, RejectsCellsThatDoNotFitTheirKind) {
  const std::string log = "{\"user\":1,\"item\":1}\n";
  for (const auto& [kind, cell] :
       std::vector<std::pair<std::string, std::string>>{{"f=number", "[1]"},
                                                        {"f=category", "[1]"},
                                                        {"f=category", "{\"a\":1}"},
                                                        {"f=categories", "{\"a\":1}"},
                                                        {"f=number", "\"x\""},
                                                        {"f=category", "\"a\\u0000\""},
                                                        {"f=categories", "[\"a\\u0000\"]"}}) {
    options_.kinds = {kind};
    const auto source = WithItems(log, "{\"item\":1,\"f\":" + cell + "}\n");
    EXPECT_THAT(MessageOf<DataError>([&] { TablesOf(source.get(), &bad_rows_); }),
                HasSubstr("items:1: f is"))
        << kind << cell;
  }
}

TEST_F(JsonLines, StandsBesideDelimitedText) {
  const std::string csv_items = "item,genre\nx,a|b\n",
                    json_items = "{\"item\":\"x\",\"genre\":[\"a\",\"b\"]}";
  const std::string csv_log = "user,item\nu,x\n", json_log = "{\"user\":\"u\",\"item\":\"x\"}\n";
  for (const std::string& items : {csv_items, json_items}) {
    options_.item_features = folder_.Write("items.dat", items);
    for (const std::string format : {"csv", "jsonl"}) {
      const std::string file = folder_.Write("log", format == "csv" ? csv_log : json_log);
      const auto source = MakeTableSource(format, file, options_, "", &bad_rows_);
      const Tables tables = TablesOf(source.get(), &bad_rows_);
      EXPECT_THAT(CategoriesOf(tables.items, "x", "genre"), UnorderedElementsAre("a", "b"));
    }
  }
}

}  // namespace
}  // namespace hearth
