#include "storage/import/importers.h"
#include "tests/storage/import/import_testing.h"

namespace hearth {
namespace {

using namespace import_testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class Importers : public ::testing::Test {
 protected:
  ScratchFolder folder_;
  BadRows bad_rows_{BadRowRule::kRefuse, 0};
};

class RecBole : public Importers {};

TEST_F(RecBole, ReadsColumnsByTypedHeaderInAnyOrder) {
  folder_.Write("a.inter", "rating:float\titem_id:token\tuser_id:token\n4\tx\tu\n2.5\ty\tu\n");
  auto source = MakeRecBoleSource(folder_.path(), {}, &bad_rows_);
  EXPECT_EQ(source->traits().time, TimeMeaning::kNone);
  EXPECT_THAT(EventsOf(source.get()), ElementsAre(Event{"u", "x", 4}, Event{"u", "y", 2.5F}));
}

TEST_F(RecBole, ReadsAllFourTypesAndShortRows) {
  folder_.Write("a.inter", "user_id:token\titem_id:token\ttimestamp:float\nu\tx\t9.5\nu\ty\t10\n");
  folder_.Write(
      "a.item",
      "item_id:token\tname:token_seq\ttags:token_seq\tsize:float\tspot:float_seq\tmaker:token\n"
      "x\tThe X\tp q\t2\t1 2 3\tacme inc\ny\tThe Y\n");
  auto source = MakeRecBoleSource(folder_ / "a.inter", {}, &bad_rows_);
  EXPECT_THAT(EventsOf(source.get()), ElementsAre(Event{"u", "x", 1, 9}, Event{"u", "y", 1, 10}));
  source = MakeRecBoleSource(folder_ / "a.inter", {}, &bad_rows_);
  const Tables tables = TablesOf(source.get(), &bad_rows_);
  EXPECT_EQ(TitleOf(tables.items, "x"), "The X");
  EXPECT_THAT(CategoriesOf(tables.items, "x", "tags"), UnorderedElementsAre("p", "q"));
  EXPECT_THAT(CategoriesOf(tables.items, "x", "maker"), ElementsAre("acme inc"));
  EXPECT_THAT(CategoriesOf(tables.items, "y", "tags"), ElementsAre());
  EXPECT_EQ(tables.items.FindFeature("size")->numbers[0], 2.0F);
  EXPECT_EQ(tables.items.FindFeature("spot")->width, 3);
}

TEST_F(RecBole, RefusesBrokenHeadersVectorsAndFolders) {
  EXPECT_THAT(MessageOf<DataError>([&] { MakeRecBoleSource(folder_.path(), {}, &bad_rows_); }),
              HasSubstr("no *.inter file"));
  folder_.Write("a.inter", "user_id\titem_id\nu\tx\n");
  EXPECT_THAT(MessageOf<DataError>([&] { MakeRecBoleSource(folder_.path(), {}, &bad_rows_); }),
              AllOf(HasSubstr("a.inter:1"), HasSubstr("'user_id'"), HasSubstr("name:type")));
  folder_.Write("a.inter", "user_id:token\titem_id:token\nu\tx\nu\ty\n");
  folder_.Write("a.item", "item_id:token\tspot:float_seq\nx\t1 2\ny\t1 2 3\n");
  EXPECT_THAT(
      MessageOf<DataError>(
          [&] { TablesOf(MakeRecBoleSource(folder_.path(), {}, &bad_rows_).get(), &bad_rows_); }),
      AllOf(HasSubstr("a.item:3"), HasSubstr("3 numbers"), HasSubstr("earlier rows have 2")));
  folder_.Write("b.inter", "user_id:token\titem_id:token\n");
  EXPECT_THAT(MessageOf<DataError>([&] { MakeRecBoleSource(folder_.path(), {}, &bad_rows_); }),
              HasSubstr("2 *.inter files"));
}

TEST_F(RecBole, TakesOtherColumnsByOptionAndNamesTheUnused) {
  const std::string text =
      "user_id:token\tartist_id:token\tweight:float\tage:float\nu\tx\t1000\t7\nv\tx\t3\t8\n";
  folder_.Write("a.inter", text);
  ColumnOptions options;
  options.item_column = "artist_id";
  auto source = MakeRecBoleSource(folder_.path(), options, &bad_rows_);
  EXPECT_THAT(source->notes(),
              ElementsAre(HasSubstr("every row is a positive"), "columns not used: weight, age"));
  options.label_column = "weight";
  source = MakeRecBoleSource(folder_.path(), options, &bad_rows_);
  EXPECT_THAT(source->notes(), ElementsAre("columns not used: age"));
  EXPECT_THAT(EventsOf(source.get()), ElementsAre(Event{"u", "x", 1000}, Event{"v", "x", 3}));
  options.label_column = "weigth";
  EXPECT_THAT(MessageOf<DataError>([&] { MakeRecBoleSource(folder_.path(), options, &bad_rows_); }),
              HasSubstr("did you mean 'weight'"));
}

TEST_F(RecBole, JoinsThePartsOfASplitLog) {
  const std::string header = "user_id:token\titem_id:token\n";
  folder_.Write("a.part2.inter", header + "v\tx\n");
  folder_.Write("a.part1.inter", header + "u\tx\nu\ty\n");
  folder_.Write("a.part3.inter", header + "u\tz\n");
  folder_.Write("a.item", "item_id:token\tmaker:token\nx\tacme\n");
  auto source = MakeRecBoleSource(folder_.path(), {}, &bad_rows_);
  EXPECT_TRUE(source->traits().has_parts);
  EXPECT_TRUE(source->traits().has_validation_part);
  std::vector<std::string> rows;
  for (const Event& event : EventsOf(source.get())) {
    rows.push_back(event.user + event.item + " " + event.part.substr(0, 4));
  }
  EXPECT_THAT(rows, ElementsAre("ux trai", "uy trai", "vx vali", "uz test"));
  folder_.Write("b.part1.inter", header);
  EXPECT_THAT(MessageOf<DataError>([&] { MakeRecBoleSource(folder_.path(), {}, &bad_rows_); }),
              HasSubstr("4 *.inter files"));
}

class MetaHin : public Importers {
 protected:
  void SetUp() override {
    for (const std::string name :
         {"warm_up", "user_cold_testing", "item_cold_testing", "user_and_item_cold_testing"}) {
      Write(name, "{}", "{}");
    }
    Write("meta_training", R"({"2": [10, 11], "1": [10]})", R"({"1": [5], "2": [4, 3.5]})");
  }
  void Write(const std::string& name, std::string_view items, std::string_view labels) {
    folder_.Write(name + ".json", items);
    folder_.Write(name + "_y.json", labels);
  }
  std::vector<Event> Read() {
    return EventsOf(MakeMetaHinSource(folder_.path(), "", &bad_rows_).get());
  }
};

TEST_F(MetaHin, ReadsEverySectionIntoItsPart) {
  Write("warm_up", R"({"1": [11]})", R"({"1": [1]})");
  Write("user_cold_testing", R"({"3": ["10"]})", R"({"3": [2]})");
  Write("item_cold_testing", R"({"1": [12]})", R"({"1": [3]})");
  Write("user_and_item_cold_testing", R"({"3": [12]})", R"({"3": [4]})");
  EXPECT_THAT(
      Read(),
      ElementsAre(Event{"2", "10", 4, 0, 0, "train"}, Event{"2", "11", 3.5F, 0, 0, "train"},
                  Event{"1", "10", 5, 0, 0, "train"}, Event{"1", "11", 1, 0, 0, "test/non_cold"},
                  Event{"3", "10", 2, 0, 0, "test/user_cold"},
                  Event{"1", "12", 3, 0, 0, "test/item_cold"},
                  Event{"3", "12", 4, 0, 0, "test/both_cold"}));
}

TEST_F(MetaHin, TakesFeaturesFromAMovieLensFolder) {
  folder_.Write("ml/movies.dat", "10::A (1990)::Drama\n");
  auto source = MakeMetaHinSource(folder_.path(), folder_ / "ml", &bad_rows_);
  const Tables tables = TablesOf(source.get(), &bad_rows_);
  EXPECT_EQ(TitleOf(tables.items, "10"), "A (1990)");
  EXPECT_THAT(CategoriesOf(tables.items, "10", "genre"), ElementsAre("Drama"));
}

TEST_F(MetaHin, RefusesWhatDoesNotFitTogether) {
  Write("meta_training", R"({"1": [10, 11]})", R"({"1": [5]})");
  EXPECT_THAT(MessageOf<DataError>([&] { Read(); }),
              AllOf(HasSubstr("user is '1'"), HasSubstr("2 items but 1 labels")));
  Write("meta_training", R"({"1": [10]})", R"({"2": [5]})");
  EXPECT_THAT(MessageOf<DataError>([&] { Read(); }), HasSubstr("user '1'"));
  Write("meta_training", R"({"1": [10], "1": [11]})", R"({"1": [5]})");
  EXPECT_THAT(MessageOf<DataError>([&] { Read(); }), HasSubstr("'1' occurs twice"));
  Write("meta_training", R"({"1": [10)", R"({"1": [5]})");
  EXPECT_THAT(MessageOf<DataError>([&] { Read(); }),
              AllOf(HasSubstr("meta_training.json is not valid JSON"), HasSubstr("line 1")));
  for (const std::string_view wrong :
       {"[1]", R"({"1": 5})", R"({"1": {"2": []}})", R"({"1": [null]})", R"({"1": [[1]]})", "3"}) {
    Write("meta_training", wrong, R"({"1": [5]})");
    EXPECT_THAT(MessageOf<DataError>([&] { Read(); }), HasSubstr("object of lists")) << wrong;
  }
  std::filesystem::remove(folder_ / "warm_up_y.json");
  EXPECT_THAT(MessageOf<DataError>([&] { Read(); }), HasSubstr("warm_up_y.json does not exist"));
}

class Episodes : public Importers {
 protected:
  void SetUp() override {
    Write("training", "0\tsupport\tu\tx\t1\n0\tquery\tu\ty\t0\n");
    Write("validation", "0\tsupport\tv\tx\t1\n");
    Write("testing", "0\tquery\tw\tx\t1\n");
  }
  void Write(const std::string& name, const std::string& rows) {
    folder_.Write(name + ".tsv", "episode\trole\tuser\titem\tlabel\n" + rows);
  }
  std::vector<Event> Read() {
    return EventsOf(MakeEpisodeSource(folder_.path(), &bad_rows_).get());
  }
};

TEST_F(Episodes, KeepPartsAndRoles) {
  EXPECT_THAT(Read(),
              ElementsAre(Event{"u", "x", 1, 0, 1, "train"}, Event{"u", "y", 0, 0, 2, "train"},
                          Event{"v", "x", 1, 0, 1, "validation/user_cold"},
                          Event{"w", "x", 1, 0, 2, "test/user_cold"}));
}

TEST_F(Episodes, RefuseUnknownRolesAndUsersOfTwoEpisodes) {
  Write("training", "0\tboth\tu\tx\t1\n");
  EXPECT_THAT(MessageOf<DataError>([&] { Read(); }),
              AllOf(HasSubstr("training.tsv:2: role is 'both'"), HasSubstr("support and query")));
  Write("training", "0\tsupport\tu\tx\t1\n1\tsupport\tu\ty\t1\n");
  EXPECT_THAT(MessageOf<DataError>([&] { Read(); }),
              AllOf(HasSubstr("training.tsv:3"), HasSubstr("already has the episode 0")));
  folder_.Write("training.tsv", "role\tepisode\tuser\titem\tlabel\n");
  EXPECT_THAT(MessageOf<DataError>([&] { Read(); }), HasSubstr("the header must be episode"));
  std::filesystem::remove(folder_ / "testing.tsv");
  EXPECT_THAT(MessageOf<DataError>([&] { Read(); }), HasSubstr("testing.tsv does not exist"));
}

class Sequences : public Importers {};

TEST_F(Sequences, NumberThePositions) {
  const std::string file = folder_.Write("s.txt", "1 7 8  9\n\n2\t7\r\n");
  folder_.Write("s_item2attributes.json", R"({"7": [1, 2, 1], "99": [3]})");
  auto source = MakeSequenceSource(file, &bad_rows_);
  EXPECT_THAT(EventsOf(source.get()), ElementsAre(Event{"1", "7", 1, 0}, Event{"1", "8", 1, 1},
                                                  Event{"1", "9", 1, 2}, Event{"2", "7", 1, 0}));
  EXPECT_EQ(source->traits().time, TimeMeaning::kPosition);
  const Tables tables = TablesOf(source.get(), &bad_rows_);
  EXPECT_EQ(tables.items.size(), 3);
  EXPECT_THAT(CategoriesOf(tables.items, "7", "attribute"), UnorderedElementsAre("1", "2"));
  EXPECT_THAT(CategoriesOf(tables.items, "8", "attribute"), ElementsAre());
}

TEST_F(Sequences, RefuseAUserWithoutItems) {
  const std::string file = folder_.Write("s.txt", "1 7\n2\n");
  EXPECT_THAT(MessageOf<DataError>([&] { EventsOf(MakeSequenceSource(file, &bad_rows_).get()); }),
              AllOf(HasSubstr("s.txt:2"), HasSubstr("'2'"), HasSubstr("no items")));
}

TEST_F(Importers, AreChosenByNameAndRefuseOthers) {
  ConvertOptions options;
  options.input = folder_.path();
  options.format = "movielen";
  EXPECT_THAT(MessageOf<UsageError>([&] { MakeEventSource(options, &bad_rows_); }),
              AllOf(HasSubstr("did you mean 'movielens'"), HasSubstr("sequences")));
  options.format = "recbole";
  options.task_by = "users";
  EXPECT_THAT(MessageOf<UsageError>([&] { MakeEventSource(options, &bad_rows_); }),
              AllOf(HasSubstr("--task-by users"), HasSubstr("did you mean 'user'")));
  options.task_by = "user";
  options.features = "x";
  EXPECT_THAT(MessageOf<UsageError>([&] { MakeEventSource(options, &bad_rows_); }),
              HasSubstr("--features"));
}

}  // namespace
}  // namespace hearth
