// The files in tests/storage/golden/parquet-v1 were written by another program (pyarrow 26).

#include <map>
#include <random>

#include "storage/import/convert.h"
#include "storage/import/parquet_process.h"
#include "storage/import/parquet_table.h"
#include "tests/storage/import/import_testing.h"
#include "tests/tools/paths.h"

namespace hearth {
namespace {

using namespace import_testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Golden(const std::string& name) {
  return testing::SourcePath("tests/storage/golden/parquet-v1/" + name);
}

std::string Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// All rows of a column; lists in brackets.
std::vector<std::string> Column(const std::string& path, const std::string& name) {
  BadRows bad_rows(BadRowRule::kRefuse, 0);
  ParquetTable table(path, &bad_rows);
  const size_t column = table.RequireColumn(name);
  table.Use({}, {column});
  std::vector<std::string> texts;
  while (table.Next()) {
    std::string text(table.fields()[column]);
    if (table.FormOf(column) == FieldForm::kList) {
      text = "[";
      for (const std::string_view value : table.Parts(column, "|"))
        text += std::string(value) + ",";
      text += "]";
    }
    texts.push_back(text);
  }
  return texts;
}

// The same log as text.
std::string Csv() {
  std::string text = "time,item,user,label\n";
  for (int64_t i = 0; i < 60; ++i) {
    const std::string label = i % 9 == 4 ? "" : fmt::format("{}.5", i % 5);
    text += fmt::format("{},item {},{:03},{}\n", 978'300'760 + i * 86'413, i * 13 % 17, i * 7 % 11,
                        label);
  }
  return text;
}

class Parquet : public ::testing::Test {
 protected:
  void SetUp() override {
    if (ParquetProgram().empty()) GTEST_SKIP() << "hearth was built without Parquet";
  }

  // The hashes of all files of the data set.
  std::vector<std::string> Convert(const std::string& format, const std::string& path,
                                   const std::string& item_features = "") {
    ConvertOptions options;
    options.format = format;
    options.input = path;
    options.output = folder_ / "data";
    options.overwrite = true;
    options.columns.label_column = "label";
    options.columns.time_column = "time";
    options.columns.item_features = item_features;
    options.clean.missing = MissingRule::kMean;
    options.split = {.kind = SplitKind::kTime};
    ConvertLog(options);
    const Dataset dataset({.path = options.output});
    std::vector<std::string> hashes = {dataset.manifest().users_sha256,
                                       dataset.manifest().items_sha256};
    for (const ShardEntry& shard : dataset.manifest().shards) hashes.push_back(shard.sha256);
    return hashes;
  }

  std::string ErrorOf(const std::string& path, const std::string& column = "user") {
    return MessageOf<DataError>([&] { Column(path, column); });
  }

  ScratchFolder folder_;
};

TEST(ParquetWithoutSupport, NamesTheRemedy) {
  if (!ParquetProgram().empty()) GTEST_SKIP() << "hearth was built with Parquet";
  BadRows bad_rows(BadRowRule::kRefuse, 0);
  EXPECT_THAT(
      MessageOf<DataError>([&] { OpenTable(Golden("log.parquet"), {}, &bad_rows, "parquet"); }),
      AllOf(HasSubstr("log.parquet is a Parquet file"), HasSubstr("launch/setup --parquet")));
}

TEST_F(Parquet, GivesTheDataSetOfTheSameText) {
  const std::string csv = folder_.Write("log.csv", Csv());
  const std::string items =
      folder_.Write("items.csv", "item,title,genres,size\nitem 0,Zero,a|b,1.5\nitem 1,One,c,\n");
  const std::vector<std::string> expected = Convert("csv", csv);
  EXPECT_EQ(Convert("parquet", Golden("log.parquet")), expected);
  EXPECT_EQ(Convert("parquet", Golden("parts")), expected);
  EXPECT_EQ(Convert("parquet", Golden("times.parquet")), expected);
  const std::vector<std::string> with_items = Convert("csv", csv, items);
  EXPECT_NE(with_items, expected);
  EXPECT_EQ(Convert("csv", csv, Golden("items.parquet")), with_items);
  EXPECT_EQ(Convert("parquet", Golden("log.parquet"), items), with_items);
}

TEST_F(Parquet, ReadsEveryType) {
  const std::string path = Golden("types.parquet");
  const auto expect = [&](const std::string& column, const std::string& first,
                          const std::string& last) {
    EXPECT_THAT(Column(path, column), ElementsAre(first, "", last)) << column;
  };
  expect("text", "a", "ü");
  expect("int8", "-128", "1");
  expect("uint64", "18446744073709551615", "0");
  expect("int64", "-9223372036854775808", "9007199254740993");
  expect("float", "0.1", "100000");
  expect("double", "0.1", "1e+300");
  expect("bool", "true", "false");
  expect("decimal", "1.50", "-0.01");
  expect("us", "1.5", "-0.000001");
  expect("ns", "0.000000001", "1000000000");
  expect("date", "86400", "946684800");
  expect("dict", "p", "q");
  expect("words", "[a,b,]", "");
  expect("vector", "[1,2.5,]", "[3,4,]");
  expect("struct.a", "1", "");
  expect("struct.b.c", "x", "y");
}

TEST_F(Parquet, TellsTypesAndTimes) {
  BadRows bad_rows(BadRowRule::kRefuse, 0);
  ParquetTable table(Golden("types.parquet"), &bad_rows);
  EXPECT_EQ(table.header().type(table.RequireColumn("words")), "token_seq");
  EXPECT_EQ(table.header().type(table.RequireColumn("vector")), "float_seq");
  EXPECT_TRUE(table.IsTime(table.RequireColumn("date")));
  EXPECT_FALSE(table.IsTime(table.RequireColumn("int64")));
  ASSERT_TRUE(table.Next());
  EXPECT_EQ(table.FormOf(table.RequireColumn("map")), FieldForm::kObject);
}

TEST_F(Parquet, TextThatIsNoUtf8IsABadRow) {
  EXPECT_THAT(ErrorOf(Golden("types.parquet"), "binary"),
              AllOf(HasSubstr("types.parquet:3: binary"), HasSubstr("not UTF-8")));
}

TEST_F(Parquet, RowsHaveNumbersInTheirFile) {
  BadRows bad_rows(BadRowRule::kRefuse, 0);
  ParquetTable table(Golden("parts"), &bad_rows);
  for (int i = 0; i < 27; ++i) ASSERT_TRUE(table.Next());
  EXPECT_THAT(std::string(table.place().file), HasSubstr("part-00001.parquet"));
  EXPECT_EQ(table.place().line, 2);
}

TEST_F(Parquet, EqualIdsHaveEqualCodes) {
  BadRows bad_rows(BadRowRule::kRefuse, 0);
  ParquetTable table(Golden("parts"), &bad_rows);
  const size_t user = table.RequireColumn("user");
  table.Use({user}, {});
  std::map<uint32_t, std::string> texts;
  while (table.Next()) {
    const auto [found, is_new] =
        texts.emplace(table.CodeOf(user), std::string(table.fields()[user]));
    EXPECT_EQ(found->second, table.fields()[user]);
  }
  EXPECT_EQ(texts.size(), 11U);
}

TEST_F(Parquet, RefusesWrongColumnsPartsAndFormats) {
  EXPECT_THAT(ErrorOf(Golden("log.parquet"), "usr"), HasSubstr("user"));
  EXPECT_THAT(ErrorOf(Golden("twice.parquet")), HasSubstr("two columns have the name 'user'"));
  folder_.Write("mixed/a.parquet", Slurp(Golden("log.parquet")));
  folder_.Write("mixed/b.parquet", Slurp(Golden("times.parquet")));
  EXPECT_THAT(ErrorOf(folder_ / "mixed"),
              AllOf(HasSubstr("b.parquet: column 1 is time (timestamp"), HasSubstr("int64")));
  EXPECT_THAT(MessageOf<DataError>([&] { Convert("csv", Golden("log.parquet")); }),
              HasSubstr("--format parquet"));
  EXPECT_THAT(MessageOf<DataError>([&] { Convert("parquet", folder_.Write("log.csv", Csv())); }),
              HasSubstr("no Parquet file"));
  EXPECT_THAT(MessageOf<DataError>([&] { Convert("parquet", folder_.path()); }),
              HasSubstr("without *.parquet files"));
}

TEST_F(Parquet, RefusesClaimsThatDoNotHold) {
  EXPECT_THAT(ErrorOf(Golden("claims.parquet")), HasSubstr("claims.parquet"));
}

TEST_F(Parquet, DamagedFilesAreRefusedOrRead) {
  const std::string whole = Slurp(Golden("types.parquet"));
  for (size_t size = 0; size < whole.size(); size += whole.size() / 12) {
    EXPECT_THAT(ErrorOf(folder_.Write("cut.parquet", whole.substr(0, size)), "text"),
                HasSubstr("cut.parquet"));
  }
  std::mt19937 random(7);
  for (int trial = 0; trial < 40; ++trial) {
    std::string damaged = whole;
    for (int i = 0; i < 3; ++i) damaged[random() % whole.size()] = static_cast<char>(random());
    const std::string path = folder_.Write("damaged.parquet", damaged);
    try {
      BadRows bad_rows(BadRowRule::kSkip, 1000);
      ParquetTable table(path, &bad_rows);
      while (table.Next()) {
      }
    } catch (const DataError& error) {
      EXPECT_THAT(std::string(error.what()), HasSubstr("damaged.parquet"));
    }
  }
}

}  // namespace
}  // namespace hearth
