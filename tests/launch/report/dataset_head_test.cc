#include "launch/report/dataset_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/shard/dataset_fixture.h"

namespace hearth {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing_data::AddTask;
using testing_data::Items;
using testing_data::NewFolder;
using testing_data::Users;
using testing_data::WriteDataset;

TEST(Head, ShowsOriginalIdsTitlesTimesAndLabels) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  const Dataset dataset({.path = folder});
  EXPECT_EQ(HeadText(dataset, kTrainPart, 2, 2),
            "user u0: 3 events\n"
            "       5  1970-01-01 00:00  i0 \"Alien (1979)\"\n"
            "       3  1970-01-01 00:00  i1\n"
            "  ... and 1 more\n"
            "user u1: 2 events\n"
            "       4  1970-01-01 00:00  i1\n"
            "       2  1970-01-01 00:00  i3 \"Brazil\"\n");
  EXPECT_THAT(HeadText(dataset, kTrainPart, 100, 10), HasSubstr("user u2: 1 events"));
  EXPECT_EQ(HeadText(dataset, kTrainPart, 0, 10), "");
}

TEST(Head, ShowsRolesAndHidesControlCharacters) {
  const std::string folder = NewFolder();
  EntityTable items = Items();
  items.titles[0] = "\x1b[31mred\n";
  ShardContent train;
  AddTask(0, {{0, 0, 1}, {1, 0, 1}}, &train);
  train.roles = {1, 2};
  WriteDataset(folder, {{"train-00000.h5", kTrainPart, train}}, Users(), items);
  const std::string text = HeadText(Dataset({.path = folder}), kTrainPart, 1, 10);
  EXPECT_THAT(text, HasSubstr("support  i0 \"?[31mred?\""));
  EXPECT_THAT(text, HasSubstr("query    i1"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace hearth
