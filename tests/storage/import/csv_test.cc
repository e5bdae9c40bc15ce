#include "storage/import/importers.h"
#include "tests/storage/import/import_testing.h"

namespace hearth {
namespace {

using namespace import_testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class Csv : public ::testing::Test {
 protected:
  std::vector<Event> Read(const std::string& file, const std::string& task_column = "") {
    return EventsOf(MakeCsvSource(file, options_, task_column, &bad_rows_).get());
  }

  ScratchFolder folder_;
  BadRows bad_rows_{BadRowRule::kRefuse, 0};
  CsvOptions options_;
};

TEST_F(Csv, FindsColumnsByNameInAnyOrder) {
  options_.user_column = "u";
  options_.item_column = "i";
  options_.label_column = "y";
  options_.time_column = "ts";
  const std::string file =
      folder_.Write("log.csv", "ts,note,y,i,u\r\n10,\"a, b\",4.5,x,\"U,1\"\r\n11,,1,y,U2");
  EXPECT_THAT(Read(file), ElementsAre(Event{"U,1", "x", 4.5F, 10}, Event{"U2", "y", 1, 11}));
}

TEST_F(Csv, FindsColumnsByNumberWithoutAHeader) {
  options_.header = false;
  options_.user_column = "2";
  options_.item_column = "1";
  options_.label_column = "3";
  EXPECT_THAT(Read(folder_.Write("log.tsv", "x\tU1\t4\ny\tU2\t5\n")),
              ElementsAre(Event{"U1", "x", 4}, Event{"U2", "y", 5}));
}

TEST_F(Csv, TakesRowsWithoutALabelColumnAsPositive) {
  EXPECT_THAT(Read(folder_.Write("log.csv", "user,item\na,b\n")), ElementsAre(Event{"a", "b", 1}));
}

TEST_F(Csv, TakesTheDelimiterFromTheOption) {
  options_.delimiter = ";";
  EXPECT_THAT(Read(folder_.Write("log.dat", "user;item\na;b\n")), ElementsAre(Event{"a", "b", 1}));
  options_.delimiter = "tab";
  EXPECT_THAT(Read(folder_.Write("log.dat", "user\titem\na\tb\n")),
              ElementsAre(Event{"a", "b", 1}));
}

TEST_F(Csv, ReadsTimesInMilliseconds) {
  options_.time_column = "t";
  options_.time_unit = "ms";
  EXPECT_THAT(Read(folder_.Write("log.csv", "user,item,t\na,b,1600000000123\n")),
              ElementsAre(Event{"a", "b", 1, 1600000000}));
}

TEST_F(Csv, PutsATaskColumnInTheUsersPlaceAndKeepsWhoActed) {
  const std::string file = folder_.Write("log.csv", "user,item,city\na,x,Rome\nb,x,Rome\n");
  EXPECT_THAT(Read(file, "city"), ElementsAre(Event{"Rome", "x", 1, 0, 0, "", "a"},
                                              Event{"Rome", "x", 1, 0, 0, "", "b"}));
}

TEST_F(Csv, ReadsTypedAndUntypedFeatures) {
  options_.item_features =
      folder_.Write("items.csv",
                    "item,title,kinds,maker,price:float,spot:float_seq\n"
                    "x,The X,a|b,acme,2.5,0.5 1\ny,The Y,b,,,\nunseen,Z,c,other,1,1 1\n");
  options_.user_features = folder_.Write("users.csv", "user,land\nu,IT\n");
  auto source =
      MakeCsvSource(folder_.Write("log.csv", "user,item\nu,x\nu,y\n"), options_, "", &bad_rows_);
  const Tables tables = TablesOf(source.get(), &bad_rows_);
  EXPECT_EQ(TitleOf(tables.items, "y"), "The Y");
  EXPECT_EQ(tables.items.size(), 2);
  EXPECT_EQ(tables.items.FindFeature("kinds")->kind, FeatureKind::kCategories);
  EXPECT_THAT(CategoriesOf(tables.items, "x", "kinds"), UnorderedElementsAre("a", "b"));
  EXPECT_EQ(tables.items.FindFeature("maker")->kind, FeatureKind::kCategory);
  EXPECT_THAT(CategoriesOf(tables.items, "x", "maker"), ElementsAre("acme"));
  EXPECT_THAT(CategoriesOf(tables.items, "y", "maker"), ElementsAre(""));
  const FeatureColumn& price = *tables.items.FindFeature("price");
  EXPECT_EQ(price.numbers[0], 2.5F);
  EXPECT_TRUE(std::isnan(price.numbers[1]));
  const FeatureColumn& spot = *tables.items.FindFeature("spot");
  EXPECT_EQ(spot.width, 2);
  EXPECT_THAT(std::vector<float>(spot.numbers.begin(), spot.numbers.begin() + 2),
              ElementsAre(0.5F, 1.0F));
  EXPECT_TRUE(std::isnan(spot.numbers[2]));
  EXPECT_THAT(CategoriesOf(tables.users, "u", "land"), ElementsAre("IT"));
}

TEST_F(Csv, NamesTheNearestColumn) {
  options_.user_column = "usr";
  const std::string file = folder_.Write("log.csv", "user,item\na,b\n");
  EXPECT_THAT(MessageOf<DataError>([&] { Read(file); }),
              AllOf(HasSubstr("log.csv:1"), HasSubstr("'usr'"), HasSubstr("did you mean 'user'"),
                    HasSubstr("user, item")));
}

TEST_F(Csv, RefusesWrongUse) {
  const std::string file = folder_.Write("log.csv", "user,item,user\na,b,c\n");
  EXPECT_THAT(MessageOf<DataError>([&] { Read(file); }), HasSubstr("'user' occurs twice"));
  EXPECT_THAT(MessageOf<DataError>([&] { Read(folder_.Write("e.csv", "")); }),
              HasSubstr("is empty"));
  EXPECT_THAT(MessageOf<UsageError>([&] { Read(folder_.Write("log.bin", "user,item\n")); }),
              HasSubstr("--delimiter"));
  options_.delimiter = "ab";
  EXPECT_THAT(MessageOf<UsageError>([&] { Read(file); }), HasSubstr("one character"));
  options_.delimiter = "";
  options_.header = false;
  options_.user_column = "9";
  EXPECT_THAT(MessageOf<DataError>([&] { Read(file); }), HasSubstr("has 3 columns"));
  options_.time_unit = "minutes";
  EXPECT_THAT(MessageOf<UsageError>([&] { Read(file); }), HasSubstr("s, ms, us"));
}

}  // namespace
}  // namespace hearth
