#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/checkpoint/checkpoint_fixture.h"
#include "tests/tools/paths.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;

/// Every format version ever released stays readable. The folder holds what CheckpointFixture::Save
/// (7, 2) wrote when the version was current; it is never written again.
class GoldenCheckpoint : public CheckpointFixture {
 protected:
  const std::string golden_ = testing::SourcePath("tests/storage/golden/checkpoint-v1/step-000007");
};

TEST_F(GoldenCheckpoint, Version1VerifiesAndHoldsTheKnownState) {
  const CheckpointReader reader(golden_);
  reader.VerifyAll();
  EXPECT_EQ(reader.Read<float>("tables/items/rows"), TableAt(7));
  EXPECT_EQ(reader.Read<double>("parameters/adapted"), ParametersAt(7));
  EXPECT_THAT(reader.Read<int64_t>("optimizer/counter"), ElementsAre(7000));
  EXPECT_EQ(reader.manifest().run_id, "run-1");
  EXPECT_EQ(reader.manifest().epoch, 0);
  EXPECT_EQ(reader.manifest().world_size, 2);
  EXPECT_EQ(reader.manifest().metric->name, "rmse");
  EXPECT_EQ(reader.manifest().scalars, ManifestAt(7, {}).scalars);
}

TEST_F(GoldenCheckpoint, Version1KeepsItsContentHash) {
  EXPECT_EQ(ContentHash(CheckpointReader(golden_)), ContentHash(CheckpointReader(Save(7, 3))));
  EXPECT_EQ(ContentHash(CheckpointReader(golden_)),
            "070d0ad3dc19176354fee599520800b745388fb0d21132ddc0e2c912df163bd6");
}

TEST_F(GoldenCheckpoint, TodaysManifestHasTheTextOfVersion1) {
  EXPECT_EQ(SerializeManifest(ReadCheckpointManifest(golden_)), Slurp(golden_ + "/MANIFEST.json"));
}

TEST_F(GoldenCheckpoint, TodaysPartFilesHaveTheBytesOfVersion1) {
  const std::string today = Save(7, 2);
  for (const std::string name : {"part-00000-of-00002.h5", "part-00001-of-00002.h5"}) {
    EXPECT_EQ(Slurp(today + "/" + name), Slurp(golden_ + "/" + name)) << name;
  }
}

}  // namespace
}  // namespace hearth
