#include "storage/import/importers.h"
#include "tests/storage/import/import_testing.h"

namespace hearth {
namespace {

using namespace import_testing;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr std::string_view kReviews2018 =
    "{\"overall\": 5.0, \"verified\": true, \"reviewTime\": \"01 1, 2018\", \"reviewerID\": "
    "\"A2SUAM1J3GNN3B\", \"asin\": \"0000013714\", \"style\": {\"Format:\": \" Hardcover\"}, "
    "\"reviewText\": \"says \\\"so\\\"\", \"unixReviewTime\": 1252800000}\n"
    "{\"overall\": 2.0, \"reviewerID\": \"A14VAT5EAX3D9S\", \"asin\": \"B00A1B2C3D\", "
    "\"unixReviewTime\": 1363392000}\n";
constexpr std::string_view kMeta2018 =
    "{\"asin\": \"0000013714\", \"title\": \"Hymns\", \"brand\": \"Acme\", \"main_cat\": "
    "\"Books\", "
    "\"category\": [\"Books\", \"Arts | Crafts\"], \"price\": \"$1,299.50\", \"also_buy\": "
    "[\"B00A1B2C3D\"], \"details\": {\"Pages\": 5}}\n"
    "{\"asin\": \"B00A1B2C3D\", \"title\": \"\", \"brand\": \"\", \"category\": [], \"price\": "
    "\"$4.00 - $9.00\"}\n"
    "{\"asin\": \"B00NOBODYX\", \"title\": \"unseen\"}\n";

class Amazon : public ::testing::Test {
 protected:
  std::unique_ptr<EventSource> Open(const std::string& path) {
    return MakeAmazonSource(path, options_, "", &bad_rows_);
  }
  std::vector<Event> Read(const std::string& path) { return EventsOf(Open(path).get()); }
  std::string Refusal(const std::string& path) {
    return MessageOf<DataError>([&] {
      const auto source = Open(path);
      TablesOf(source.get(), &bad_rows_);
    });
  }

  ScratchFolder folder_;
  BadRows bad_rows_{BadRowRule::kRefuse, 0};
  ColumnOptions options_;
};

TEST_F(Amazon, ReadsReviewsOf2018WithTheirMetadata) {
  folder_.Write("Books_5.json", kReviews2018);
  folder_.Write("meta_Books.json", kMeta2018);
  folder_.Write("README", "not a table");
  EXPECT_THAT(Read(folder_.path()),
              ElementsAre(Event{"A2SUAM1J3GNN3B", "0000013714", 5, 1252800000},
                          Event{"A14VAT5EAX3D9S", "B00A1B2C3D", 2, 1363392000}));
  const auto source = Open(folder_.path());
  EXPECT_EQ(source->traits().format, "amazon (Books_5.json)");
  EXPECT_EQ(source->traits().inputs.size(), 2U);
  const Tables tables = TablesOf(source.get(), &bad_rows_);
  EXPECT_EQ(TitleOf(tables.items, "0000013714"), "Hymns");
  EXPECT_THAT(CategoriesOf(tables.items, "0000013714", "brand"), ElementsAre("Acme"));
  EXPECT_THAT(CategoriesOf(tables.items, "0000013714", "category"),
              UnorderedElementsAre("Books", "Arts | Crafts"));
  const FeatureColumn& price = *tables.items.FindFeature("price");
  EXPECT_EQ(price.numbers[0], 1299.5F);
  EXPECT_TRUE(std::isnan(price.numbers[1]));
  EXPECT_EQ(tables.items.FindFeature("also_buy"), nullptr);
  EXPECT_THAT(source->notes(),
              AllOf(Contains(HasSubstr("1 prices")), Contains(HasSubstr("style"))));
}

TEST_F(Amazon, ReadsReviewsOf2014WithoutMetadata) {
  const std::string file = folder_.Write(
      "reviews_Books_5.json",
      "{\"reviewerID\": \"A1\", \"asin\": \"0000013714\", \"helpful\": [0, 0], \"overall\": 4.0, "
      "\"unixReviewTime\": 1252800000}\n");
  const auto source = Open(file);
  EXPECT_THAT(EventsOf(source.get()), ElementsAre(Event{"A1", "0000013714", 4, 1252800000}));
  EXPECT_THAT(source->notes(), Contains(HasSubstr("no metadata")));
}

TEST_F(Amazon, ReadsReviewsOf2023ByTheParentOfTheItem) {
  folder_.Write("Books.jsonl",
                "{\"rating\": 5.0, \"title\": \"Good\", \"images\": [], \"asin\": \"B000000001\", "
                "\"parent_asin\": \"B000000009\", \"user_id\": \"AHZ\", \"timestamp\": "
                "1612044451196, \"verified_purchase\": true}\n");
  folder_.Write("meta_Books.jsonl",
                "{\"main_category\": \"Books\", \"title\": \"T\", \"average_rating\": 4.5, "
                "\"rating_number\": 12, \"price\": 9.5, \"store\": \"S\", \"categories\": [\"a\", "
                "\"b\"], \"parent_asin\": \"B000000009\", \"details\": {\"x\": \"y\"}}\n");
  const auto source = Open(folder_.path());
  const Tables tables = TablesOf(source.get(), &bad_rows_);
  EXPECT_THAT(Read(folder_.path()), ElementsAre(Event{"AHZ", "B000000009", 5, 1612044451}));
  EXPECT_EQ(TitleOf(tables.items, "B000000009"), "T");
  EXPECT_THAT(CategoriesOf(tables.items, "B000000009", "store"), ElementsAre("S"));
  EXPECT_THAT(CategoriesOf(tables.items, "B000000009", "categories"),
              UnorderedElementsAre("a", "b"));
  EXPECT_EQ(tables.items.FindFeature("price")->numbers[0], 9.5F);
  EXPECT_EQ(tables.items.FindFeature("average_rating"), nullptr)
      << "it knows the reviews of the test part";
  options_.kinds = {"average_rating=number"};
  const auto asked = Open(folder_.path());
  EXPECT_NE(TablesOf(asked.get(), &bad_rows_).items.FindFeature("average_rating"), nullptr);
  options_.item_column = "asin";
  EXPECT_THAT(Read(folder_ / "Books.jsonl"),
              ElementsAre(Event{"AHZ", "B000000001", 5, 1612044451}));
}

TEST_F(Amazon, ReadsRatingsInBothOrders) {
  const auto expected = ElementsAre(Event{"A2SUAM1J3GNN3B", "0000013714", 5, 1252800000},
                                    Event{"AHZ", "B00A1B2C3D", 2, 1363392000});
  EXPECT_THAT(Read(folder_.Write("ratings_Books.csv",
                                 "A2SUAM1J3GNN3B,0000013714,5.0,1252800000\n"
                                 "AHZ,B00A1B2C3D,2.0,1363392000\n")),
              expected)
      << "2014";
  EXPECT_THAT(Read(folder_.Write("Books.csv",
                                 "0000013714,A2SUAM1J3GNN3B,5.0,1252800000\n"
                                 "B00A1B2C3D,AHZ,2.0,1363392000\n")),
              expected)
      << "2018";
  EXPECT_THAT(Read(folder_.Write("Books.csv",
                                 "user_id,parent_asin,rating,timestamp,history\n"
                                 "A2SUAM1J3GNN3B,0000013714,5.0,1252800000123,\n"
                                 "AHZ,B00A1B2C3D,2.0,1363392000000,B1 B2\n")),
              expected)
      << "2023";
}

TEST_F(Amazon, AsksWhereTheOrderCannotBeTold) {
  for (const char* text : {"A123456789,0000013714,5.0,1252800000\n", "u1,i1,5.0,1252800000\n"}) {
    options_ = {};
    const std::string file = folder_.Write("r.csv", text);
    EXPECT_THAT(Refusal(file), AllOf(HasSubstr("--user-col 1 --item-col 2"), HasSubstr("r.csv")));
    options_.user_column = "1";
    options_.item_column = "2";
    EXPECT_EQ(Read(file).at(0).time, 1252800000);
    EXPECT_EQ(Read(file).at(0).label, 5);
  }
}

TEST_F(Amazon, TakesMetadataFromTheOption) {
  const std::string reviews = folder_.Write("a/Books.json", kReviews2018);
  options_.item_features = folder_.Write("b/x.json", kMeta2018);
  const auto source = Open(reviews);
  EXPECT_EQ(TitleOf(TablesOf(source.get(), &bad_rows_).items, "0000013714"), "Hymns");
}

TEST_F(Amazon, RefusesOtherFilesAndFolders) {
  EXPECT_THAT(Refusal(folder_ / "none"), HasSubstr("cannot read"));
  EXPECT_THAT(Refusal(folder_.path()), HasSubstr("holds no file of reviews"));
  EXPECT_THAT(Refusal(folder_.Write("x.json", "{\"user\": 1, \"asin\": 2}\n")),
              AllOf(HasSubstr("neither reviewerID"), HasSubstr("user_id")));
  EXPECT_THAT(Refusal(folder_.Write("x.csv", "a,b,c\n1,2,3\n")), HasSubstr("3 fields"));
  folder_.Write("y.json.gz", kReviews2018);
  EXPECT_THAT(Refusal(folder_.path()),
              AllOf(HasSubstr("3 files of reviews"), HasSubstr("y.json.gz")));
  folder_.Write("d/Books.json", kReviews2018);
  folder_.Write("d/meta_a.json", kMeta2018);
  folder_.Write("d/meta_b.json", kMeta2018);
  EXPECT_THAT(Refusal(folder_ / "d"), HasSubstr("2 files of metadata"));
  std::filesystem::remove(folder_ / "d/meta_b.json");
  folder_.Write("d/meta_a.json", "{'asin': '0000013714', 'title': 'Hymns'}\n");
  EXPECT_THAT(Refusal(folder_ / "d"),
              AllOf(HasSubstr("meta_a.json"), HasSubstr("Python literals")));
}

}  // namespace
}  // namespace hearth
