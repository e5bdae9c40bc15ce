#include "storage/import/importers.h"
#include "tests/storage/import/import_testing.h"

namespace hearth {
namespace {

using namespace import_testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class MovieLens : public ::testing::Test {
 protected:
  std::unique_ptr<EventSource> Source() { return MakeMovieLensSource(folder_.path(), &bad_rows_); }
  Tables ReadTables() { return TablesOf(Source().get(), &bad_rows_); }

  ScratchFolder folder_;
  BadRows bad_rows_{BadRowRule::kRefuse, 0};
};

TEST_F(MovieLens, ReadsTheOriginal100K) {
  folder_.Write("u.data", "7\t50\t4\t881250949\n8\t50\t3\t881250950\n7\t51\t1\t881250951\n");
  folder_.Write(
      "u.item",
      "50|Caf\xE9 Noir (1961)|01-Jan-1961||http://x|0|0|0|0|0|0|0|0|1|0|1|0|0|0|0|0|0|0|0\n"
      "51|unknown||||1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
      "52|Unseen (1999)|||x|0|1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n");
  folder_.Write("u.user", "7|24|M|technician|85711\n8|53|F|other|T8H1N\n");
  EXPECT_THAT(EventsOf(Source().get()),
              ElementsAre(Event{"7", "50", 4, 881250949}, Event{"8", "50", 3, 881250950},
                          Event{"7", "51", 1, 881250951}));
  EXPECT_EQ(Source()->traits().time, TimeMeaning::kSeconds);
  const Tables tables = ReadTables();
  EXPECT_EQ(tables.items.size(), 2);
  EXPECT_EQ(TitleOf(tables.items, "50"), "Caf\xC3\xA9 Noir (1961)");
  EXPECT_THAT(CategoriesOf(tables.items, "50", "genre"),
              UnorderedElementsAre("Drama", "Film-Noir"));
  EXPECT_THAT(CategoriesOf(tables.items, "50", "year"), ElementsAre("1961"));
  EXPECT_THAT(CategoriesOf(tables.items, "50", "decade"), ElementsAre("1960s"));
  EXPECT_THAT(CategoriesOf(tables.items, "51", "genre"), ElementsAre("unknown"));
  EXPECT_THAT(CategoriesOf(tables.items, "51", "year"), ElementsAre(""));
  EXPECT_THAT(CategoriesOf(tables.users, "7", "age"), ElementsAre("18"));
  EXPECT_THAT(CategoriesOf(tables.users, "8", "age"), ElementsAre("50"));
  EXPECT_THAT(CategoriesOf(tables.users, "8", "gender"), ElementsAre("F"));
  EXPECT_THAT(CategoriesOf(tables.users, "8", "zip2"), ElementsAre("T8"));
  EXPECT_THAT(CategoriesOf(tables.users, "7", "occupation"), ElementsAre("technician"));
}

TEST_F(MovieLens, Reads1MWithExtraInfosAndMixedEncodings) {
  folder_.Write("ratings.dat", "1::10::5::978300760\r\n2::11::3::978300761");
  folder_.Write("movies.dat",
                "10::Mis\xE9rables, Les (1995)::Drama|Musical\n"
                "11::Am\xC3\xA9lie: A::B (2001)::Comedy\n");
  folder_.Write(
      "movies_extrainfos.dat",
      "10::Les Miserables::1995::R::20 Oct 1995::Drama, History::Ann Lee::"
      "Ann Lee (screenplay), Bo Ray (novel), Bo Ray (story)::Cy Day, Di Fox::Plot :: here::N/A\n"
      "11::x::2001::N/A::N/A::N/A::N/A::N/A::N/A::N/A::N/A\n");
  folder_.Write("users.dat", "1::F::1::10::48067\n2::M::56::16::70072\n");
  EXPECT_THAT(EventsOf(Source().get()),
              ElementsAre(Event{"1", "10", 5, 978300760}, Event{"2", "11", 3, 978300761}));
  const Tables tables = ReadTables();
  EXPECT_EQ(TitleOf(tables.items, "10"), "Mis\xC3\xA9rables, Les (1995)");
  EXPECT_THAT(CategoriesOf(tables.items, "10", "genre"), UnorderedElementsAre("Drama", "Musical"));
  EXPECT_THAT(CategoriesOf(tables.items, "10", "rate"), ElementsAre("R"));
  EXPECT_THAT(CategoriesOf(tables.items, "10", "director"), ElementsAre("Ann Lee"));
  EXPECT_THAT(CategoriesOf(tables.items, "10", "writer"),
              UnorderedElementsAre("Ann Lee", "Bo Ray"));
  EXPECT_THAT(CategoriesOf(tables.items, "10", "actor"), UnorderedElementsAre("Cy Day", "Di Fox"));
  EXPECT_EQ(TitleOf(tables.items, "11"), "Am\xC3\xA9lie: A::B (2001)");
  EXPECT_THAT(CategoriesOf(tables.items, "11", "year"), ElementsAre("2001"));
  EXPECT_THAT(CategoriesOf(tables.items, "11", "genre"), ElementsAre("Comedy"));
  EXPECT_THAT(CategoriesOf(tables.items, "11", "rate"), ElementsAre(""));
  EXPECT_THAT(CategoriesOf(tables.items, "11", "director"), ElementsAre());
  EXPECT_THAT(CategoriesOf(tables.users, "1", "age"), ElementsAre("1"));
  EXPECT_THAT(CategoriesOf(tables.users, "1", "zip1"), ElementsAre("4"));
}

TEST_F(MovieLens, Reads1MWithoutTimestamps) {
  folder_.Write("ratings_no_timestamp.dat", "1::10::5\n1::11::3\n");
  EXPECT_THAT(EventsOf(Source().get()), ElementsAre(Event{"1", "10", 5}, Event{"1", "11", 3}));
  EXPECT_EQ(Source()->traits().time, TimeMeaning::kNone);
  EXPECT_TRUE(ReadTables().items.features.empty());
}

TEST_F(MovieLens, ReadsTheCsvEditions) {
  folder_.Write("ratings.csv",
                "userId,movieId,rating,timestamp\n3,1,3.5,964982703\n3,2,0.5,964982704\n");
  folder_.Write("movies.csv",
                "movieId,title,genres\n1,\"President, The \"\"A\"\" (1995)\",Comedy|Sci-Fi\n"
                "2,No Year,(no genres listed)\n");
  EXPECT_THAT(EventsOf(Source().get()),
              ElementsAre(Event{"3", "1", 3.5F, 964982703}, Event{"3", "2", 0.5F, 964982704}));
  const Tables tables = ReadTables();
  EXPECT_EQ(TitleOf(tables.items, "1"), "President, The \"A\" (1995)");
  EXPECT_THAT(CategoriesOf(tables.items, "1", "genre"), UnorderedElementsAre("Comedy", "Sci-Fi"));
  EXPECT_THAT(CategoriesOf(tables.items, "2", "genre"), ElementsAre());
}

TEST_F(MovieLens, ReadsRecBoleFilesUnderTheSameFeatureNames) {
  folder_.Write(
      "ml-x.inter",
      "user_id:token\titem_id:token\trating:float\ttimestamp:float\n7\t5\t4\t881250949\n");
  folder_.Write("ml-x.item",
                "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
                "5\tToy Story\t1995\tAnimation Children's\n");
  folder_.Write("ml-x.user",
                "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
                "7\t24\tM\ttechnician\t85711\n");
  EXPECT_THAT(EventsOf(Source().get()), ElementsAre(Event{"7", "5", 4, 881250949}));
  const Tables tables = ReadTables();
  EXPECT_EQ(TitleOf(tables.items, "5"), "Toy Story");
  EXPECT_THAT(CategoriesOf(tables.items, "5", "year"), ElementsAre("1995"));
  EXPECT_THAT(CategoriesOf(tables.items, "5", "genre"),
              UnorderedElementsAre("Animation", "Children's"));
  EXPECT_THAT(CategoriesOf(tables.users, "7", "age"), ElementsAre("18"));
  EXPECT_THAT(CategoriesOf(tables.users, "7", "zip2"), ElementsAre("85"));
}

TEST_F(MovieLens, SaysWhatItLookedFor) {
  EXPECT_THAT(MessageOf<DataError>([&] { Source(); }),
              AllOf(HasSubstr("u.data"), HasSubstr("ratings.csv"), HasSubstr("*.inter")));
  EXPECT_THAT(MessageOf<DataError>([&] { MakeMovieLensSource(folder_ / "none", &bad_rows_); }),
              HasSubstr("is not a folder"));
}

TEST_F(MovieLens, RefusesBadRowsByFileLineAndColumn) {
  folder_.Write("ratings.dat", "1::10::5::978300760\n1::11::3.5x::978300760\n");
  EXPECT_THAT(MessageOf<DataError>([&] { EventsOf(Source().get()); }),
              HasSubstr("ratings.dat:2: rating is '3.5x'"));
  folder_.Write("ratings.dat", "1::10::5::978300760\n::11::3::978300760\n");
  EXPECT_THAT(MessageOf<DataError>([&] { EventsOf(Source().get()); }),
              HasSubstr("ratings.dat:2: user is ''"));
  folder_.Write("ratings.dat", "1::10::5::978300760\n\n1::11::3\n");
  EXPECT_THAT(MessageOf<DataError>([&] { EventsOf(Source().get()); }),
              HasSubstr("ratings.dat:3: 3 fields separated by '::', expected 4"));
}

TEST_F(MovieLens, RefusesAMovieDescribedTwice) {
  folder_.Write("ratings.dat", "1::10::5::978300760\n");
  folder_.Write("movies.dat", "10::A (1990)::Drama\n10::B (1991)::Comedy\n");
  EXPECT_THAT(MessageOf<DataError>([&] { ReadTables(); }),
              AllOf(HasSubstr("movies.dat:2"), HasSubstr("'10'"), HasSubstr("already described")));
}

TEST_F(MovieLens, RefusesAnotherCsvHeader) {
  folder_.Write("ratings.csv", "user,movie,rating,timestamp\n1,1,1,1\n");
  EXPECT_THAT(MessageOf<DataError>([&] { EventsOf(Source().get()); }), HasSubstr("--format csv"));
}

}  // namespace
}  // namespace hearth
