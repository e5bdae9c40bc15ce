#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/checkpoint/checkpoint_fixture.h"
#include "tests/tools/paths.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;

/// Every format version ever released stays readable. CheckpointFixture::Save(7, 2) wrote the
/// folder when the version was current. The folder never changes.
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

TEST_F(GoldenCheckpoint, TodaysPiecesHaveTheBytesOfVersion1) {
  const std::string today = Save(7, 2);
  for (const std::string name : {"part-00000-of-00002.h5", "part-00001-of-00002.h5"}) {
    EXPECT_EQ(Slurp(today + "/" + name), Slurp(golden_ + "/" + name)) << name;
  }
}

/// Version 2: a whole step 7 by two ranks, step 8 by two ranks as the changes since 7, and step 9
/// by one rank as the changes since 8, as CheckpointFixture::Save wrote them with that base_of_.
class GoldenDelta : public CheckpointFixture {
 protected:
  GoldenDelta() { base_of_ = {{8, 7}, {9, 8}}; }

  static std::string Golden(int64_t step) {
    return testing::SourcePath("tests/storage/golden/checkpoint-v2/step-00000" +
                               std::to_string(step));
  }
  static int WorldSizeOf(int64_t step) { return step == 9 ? 1 : 2; }
  void SaveAll() {
    for (const int64_t step : {7, 8, 9}) Save(step, WorldSizeOf(step));
  }

  /// The table of step 7 with the touched rows of each later step laid over.
  static std::vector<float> ChangedTableAt(int64_t step) {
    std::vector<float> table = TableAt(7);
    for (int64_t later = 8; later <= step; ++later) {
      const std::vector<float> newer = TableAt(later);
      for (int64_t i = 0; i < kRows * kWidth; ++i) {
        if (IsTouched(i / kWidth, later)) table[i] = newer[i];
      }
    }
    return table;
  }
};

TEST_F(GoldenDelta, Version2VerifiesAndHoldsTheKnownState) {
  for (const int64_t step : {7, 8, 9}) {
    const CheckpointReader reader(Golden(step));
    reader.VerifyAll();
    EXPECT_EQ(reader.Read<float>("tables/items/rows"), ChangedTableAt(step)) << step;
    EXPECT_EQ(reader.Read<double>("parameters/adapted"), ParametersAt(step));
    EXPECT_THAT(reader.Read<int64_t>("optimizer/counter"), ElementsAre(1000 * step));
    EXPECT_EQ(reader.Spec("tables/items/evicted").row_count(), 0);
    EXPECT_EQ(reader.manifest().step, step);
    EXPECT_EQ(reader.manifest().run_id, "run-1");
    EXPECT_EQ(reader.manifest().world_size, WorldSizeOf(step));
    EXPECT_EQ(reader.manifest().metric->value, 1.0 / static_cast<double>(step + 1));
    EXPECT_EQ(reader.manifest().scalars.at("sampler").at("step"), step);
  }
}

TEST_F(GoldenDelta, Version2NamesItsBase) {
  EXPECT_FALSE(ReadCheckpointManifest(Golden(7)).base.has_value());
  for (const int64_t step : {8, 9}) {
    const CheckpointManifest manifest = ReadCheckpointManifest(Golden(step));
    ASSERT_TRUE(manifest.base.has_value());
    EXPECT_EQ(manifest.base->step, step - 1);
    EXPECT_EQ(manifest.base->manifest_sha256, ReadCheckpointManifest(Golden(step - 1)).sha256);
  }
}

TEST_F(GoldenDelta, Version2KeepsItsContentHash) {
  EXPECT_EQ(ContentHash(CheckpointReader(Golden(8))),
            "a9c3a0501c995ec9b51ab98a326f3a676853ee35d7dc6ccdc61a2bc415b31bfa");
  EXPECT_EQ(ContentHash(CheckpointReader(Golden(9))),
            "eedbedf288c73e88203b0cc9a2567e921429f8a9d4c9735eca1c362152f8cdb7");
}

TEST_F(GoldenDelta, TodaysFilesHaveTheBytesOfVersion2) {
  SaveAll();
  for (const int64_t step : {7, 8, 9}) {
    const std::string today = CheckpointPath(run_dir_, step);
    ASSERT_EQ(NamesIn(today), NamesIn(Golden(step)));
    for (const std::string& name : NamesIn(today)) {
      EXPECT_EQ(Slurp(today + "/" + name), Slurp(Golden(step) + "/" + name)) << name;
    }
  }
}

}  // namespace
}  // namespace hearth
