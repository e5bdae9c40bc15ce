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
    return EventsOf(MakeTableSource("csv", file, options_, task_column, &bad_rows_).get());
  }

  ScratchFolder folder_;
  BadRows bad_rows_{BadRowRule::kRefuse, 0};
  ColumnOptions options_;
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
  auto source = MakeTableSource("csv", folder_.Write("log.csv", "user,item\nu,x\nu,y\n"), options_,
                                "", &bad_rows_);
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

TEST_F(Csv, TakesTheDelimiterFromTheFirstLineWhereTheNameDoesNotFit) {
  for (const std::string delimiter : {",", "\t", ";", "|"}) {
    for (const char* name : {"log.csv", "log.tsv", "log.dat", "log.csv.gz"}) {
      const std::string text = "user" + delimiter + "item\na" + delimiter + "b\n";
      EXPECT_THAT(Read(folder_.Write(name, text)), ElementsAre(Event{"a", "b", 1})) << name << text;
    }
  }
  // The delimiter of the name wins where the line has it.
  EXPECT_THAT(Read(folder_.Write("log.csv", "user,item,a;b;c;d\nx,y,z\n")),
              ElementsAre(Event{"x", "y", 1}));
}

TEST_F(Csv, NoticesAMissingHeader) {
  const std::string rows = "7,12,5,978300760\n7,13,3,978300761\n8,12,1,978300762\n";
  const std::string file = folder_.Write("log.csv", rows);
  EXPECT_THAT(MessageOf<DataError>([&] { Read(file); }),
              AllOf(HasSubstr("log.csv:1"), HasSubstr("looks like a row"), HasSubstr("--header")));
  options_.user_column = "1";
  options_.item_column = "2";
  options_.label_column = "3";
  options_.time_column = "4";
  const auto expected = ElementsAre(Event{"7", "12", 5, 978300760}, Event{"7", "13", 3, 978300761},
                                    Event{"8", "12", 1, 978300762});
  EXPECT_THAT(Read(file), expected);
  EXPECT_THAT(Read(folder_.Write("log.csv", "user,item,y,t\n" + rows)), expected)
      << "a header is noticed too";
  options_.header = true;
  EXPECT_EQ(Read(folder_.Write("log.csv", rows)).size(), 2U) << "the option wins";
}

TEST_F(Csv, RejectsRowsWithOtherNumbersOfFields) {
  options_.label_column = "y";
  const std::string file = folder_.Write("log.csv", "user,item,y\na,x,1\na,b,c,2\nb,x,3,\nc,4\n");
  EXPECT_THAT(MessageOf<DataError>([&] { Read(file); }),
              AllOf(HasSubstr("log.csv:3"), HasSubstr("4 fields"), HasSubstr("expected 3")));
  bad_rows_ = BadRows(BadRowRule::kSkip, 9);
  EXPECT_THAT(Read(file), ElementsAre(Event{"a", "x", 1}, Event{"b", "x", 3}));
  EXPECT_EQ(bad_rows_.count(), 2);
}

TEST_F(Csv, GuessesTheTimeUnitAndSaysIt) {
  options_.time_column = "t";
  const std::string file =
      folder_.Write("log.csv", "user,item,t,note\na,x,978300760123,n\na,y,978300760124,n\n");
  const auto source = MakeTableSource("csv", file, options_, "", &bad_rows_);
  EXPECT_THAT(source->notes(), ElementsAre(HasSubstr("','"), HasSubstr("milliseconds"),
                                           HasSubstr("positive"), "columns not used: note"));
  EXPECT_THAT(EventsOf(source.get()),
              ElementsAre(Event{"a", "x", 1, 978300760}, Event{"a", "y", 1, 978300760}));
}

TEST_F(Csv, GuessesTheKindOfAFeatureAndTakesAnother) {
  std::string log = "user,item\n", items = "item,price,code,zip,size\n";
  for (int i = 0; i < 40; ++i) {
    log += fmt::format("u,i{}\n", i);
    items += fmt::format("i{},{},{},{:05},{}\n", i, i, i % 5, i, i % 3 == 0 ? "NaN" : "1.5");
  }
  options_.item_features = folder_.Write("items.csv", items);
  const std::string file = folder_.Write("log.csv", log);
  const auto kind = [&](const std::string& name) {
    const auto source = MakeTableSource("csv", file, options_, "", &bad_rows_);
    const Tables tables = TablesOf(source.get(), &bad_rows_);
    const FeatureColumn* feature = tables.items.FindFeature(name);
    return feature == nullptr ? "none" : std::string(NameOf(feature->kind));
  };
  EXPECT_EQ(kind("price"), "number") << "many values";
  EXPECT_EQ(kind("code"), "category") << "few values";
  EXPECT_EQ(kind("zip"), "category") << "leading zeros";
  EXPECT_EQ(kind("size"), "number") << "fractions";
  options_.kinds = {"price=category", "code=number", "zip=skip", "size=categories"};
  EXPECT_EQ(kind("price"), "category");
  EXPECT_EQ(kind("code"), "number");
  EXPECT_EQ(kind("zip"), "none");
  EXPECT_EQ(kind("size"), "categories");
  for (const char* bad : {"price=numbers", "price", "=number"}) {
    options_.kinds = {bad};
    EXPECT_THROW(kind("price"), UsageError) << bad;
  }
}

TEST_F(Csv, RefusesFeaturesThatFitNothing) {
  const std::string file = folder_.Write("log.csv", "user,item\nu,i007\n");
  options_.item_features = folder_.Write("items.csv", "item,genre\ni7,a\ni8,b\n");
  const auto read = [&] {
    TablesOf(MakeTableSource("csv", file, options_, "", &bad_rows_).get(), &bad_rows_);
  };
  EXPECT_THAT(MessageOf<DataError>(read),
              AllOf(HasSubstr("items.csv"), HasSubstr("'i7'"), HasSubstr("'i007'")));
  folder_.Write("items.csv", "item,genre\n");
  EXPECT_THAT(MessageOf<DataError>(read), HasSubstr("no rows"));
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
  EXPECT_THAT(MessageOf<UsageError>([&] { Read(folder_.Write("log.bin", "user item\n")); }),
              HasSubstr("--delimiter"));
  options_.delimiter = "ab";
  EXPECT_THAT(MessageOf<UsageError>([&] { Read(file); }), HasSubstr("one character"));
  options_.delimiter = "";
  options_.header = false;
  options_.user_column = "9";
  EXPECT_THAT(MessageOf<DataError>([&] { Read(file); }), HasSubstr("has 3 columns"));
  options_.user_column = "1";
  options_.item_column = "2";
  options_.time_unit = "minutes";
  EXPECT_THAT(MessageOf<UsageError>([&] { Read(file); }), HasSubstr("s, ms, us, ns, date"));
}

}  // namespace
}  // namespace hearth
