// Model folders that earlier versions wrote stay readable.

#include <map>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/paths.h"
#include "trainer/model/data_binding.h"
#include "trainer/serve/support_set.h"
#include "trainer/state/model_folder.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;

/// tests/trainer/golden/model-folder-v2 was written by a run of five steps on the golden data set
/// when version 2 was current, and is never written again. The scores are those of `hearth
/// recommend --model` on that day.
class GoldenModelFolder : public ::testing::Test {
 protected:
  GoldenModelFolder()
      : folder_(testing::SourcePath("tests/trainer/golden/model-folder-v2")),
        learner_(folder_.schema(), Options(), at::TensorOptions().dtype(at::kFloat)) {}

  static LearnerOptions Options() {
    LearnerOptions options;
    options.model.dim = 2;
    options.model.layers = {3};
    options.model.min_item_events = 0;
    return options;
  }

  ModelFolder folder_;
  Learner learner_;
};

TEST_F(GoldenModelFolder, Version2TellsWhatTheModelKnowsOfData) {
  const InputSchema& schema = *folder_.schema();
  EXPECT_EQ(folder_.description().step, 5);
  EXPECT_EQ(folder_.description().tool_version, "0.1.0");
  EXPECT_EQ(folder_.description().output_offset, 3.0);
  EXPECT_EQ(schema.data_name, "tiny");
  EXPECT_EQ(schema.task_side, "user");
  EXPECT_EQ(schema.row_side, "item");
  EXPECT_EQ(schema.event_count, 6);
  EXPECT_EQ(schema.label_min, 1.0f);
  EXPECT_EQ(schema.label_max, 5.0f);
  EXPECT_EQ(schema.label_mean, 3.0);
  EXPECT_FALSE(schema.positive_only);
  ASSERT_EQ(schema.task_fields.size(), 2u);
  EXPECT_EQ(schema.task_fields[0].name, "user.city");
  EXPECT_EQ(schema.task_fields[0].kind, FieldKind::kCategory);
  EXPECT_EQ(schema.task_fields[0].row_count, 3);
  EXPECT_EQ(schema.task_fields[1].name, "user.age");
  EXPECT_EQ(schema.task_fields[1].kind, FieldKind::kNumber);
  EXPECT_THAT(schema.task_fields[1].mean, ElementsAre(46.5));
  ASSERT_EQ(schema.row_fields.size(), 3u);
  EXPECT_EQ(schema.row_fields[0].kind, FieldKind::kCategories);
  EXPECT_EQ(schema.row_fields[1].width(), 2);
  EXPECT_EQ(schema.row_fields[2].kind, FieldKind::kId);
  EXPECT_THAT(schema.catalogue.items->ids, ElementsAre("i0", "i1", "i2", "i3", "i4", "i5"));
  EXPECT_EQ(schema.catalogue.items->TitleOf(4), "Heat");
  EXPECT_EQ(schema.catalogue.event_counts.size(), 6u);
}

TEST_F(GoldenModelFolder, Version2ScoresAsOnTheDayItWasWritten) {
  MetaParameters parameters = learner_.InitialParameters(TableOptimizer::kAdam, 1);
  folder_.Load(learner_.layout(), parameters);
  const DataBinding data(*folder_.schema(), std::make_shared<const EntityTable>(),
                         folder_.schema()->catalogue.items, learner_.tensor_options());
  const SupportSet user{.user = "new", .items = {0, 3}, .labels = {5, 1}};
  const TaskState state = learner_.Adapt(parameters, data.builder(), ChunkOf(user));
  const std::vector<int64_t> items = {0, 1, 2, 3, 4, 5};
  const std::vector<double> expected = {2.97996, 2.98064, 2.99387, 2.97344, 2.99661, 2.99418};
  const std::vector<double> scores =
      learner_.ScoreItems(parameters, data.builder(), state, kUnknownEntity, items);
  ASSERT_EQ(scores.size(), expected.size());
  for (size_t i = 0; i < items.size(); ++i) EXPECT_NEAR(scores[i], expected[i], 1e-4) << i;
}

}  // namespace
}  // namespace hearth
