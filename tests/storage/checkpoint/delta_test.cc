#include <filesystem>
#include <numeric>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/hash.h"
#include "common/random.h"
#include "storage/checkpoint/piece_file.h"
#include "storage/file/durable_file.h"
#include "tests/storage/checkpoint/fault_fixture.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// The model is a table with its optimizer state, changed row by row, and dense parameters.
class DeltaCheckpoint : public CheckpointFixture {
 protected:
  /// Each row has float values and one number of optimizer state.
  struct Model {
    explicit Model(int64_t row_count, int64_t row_width = 4)
        : width(row_width), values(row_count * row_width), state(row_count) {}
    int64_t row_count() const { return std::ssize(state); }
    void Change(int64_t row, float to) {
      std::fill_n(values.begin() + row * width, width, to);
      state[row] += 1.0;
      touched.insert(row);
    }
    bool operator==(const Model& other) const {
      return values == other.values && state == other.state && dense == other.dense;
    }

    int64_t width;
    std::vector<float> values;
    std::vector<double> state;
    std::vector<double> dense = {1.0, 2.0};
    std::set<int64_t> touched;  // rows changed since the last save
  };

  /// The arrays of one rank, whole or the touched rows alone, and their memory.
  struct RankArrays {
    RankArrays(const Model& model, int rank, int world_size, bool is_delta) {
      const RowRange share{model.row_count() * rank / world_size,
                           model.row_count() * (rank + 1) / world_size};
      auto touched = std::make_shared<TouchedRows>(TouchedRows{"table", share, {}});
      for (int64_t row = share.begin; row < share.end; ++row) {
        if (is_delta && !model.touched.contains(row)) continue;
        touched->offsets.push_back(static_cast<uint32_t>(row - share.begin));
        const auto first = model.values.begin() + row * model.width;
        values.insert(values.end(), first, first + model.width);
        state.push_back(model.state[row]);
      }
      const std::shared_ptr<const TouchedRows> held = is_delta ? touched : nullptr;
      arrays = {{.name = "table/rows",
                 .spec = {ColumnType::kFloat32, {model.row_count(), model.width}},
                 .rows = share,
                 .data = values.data(),
                 .touched = held},
                {.name = "table/state",
                 .spec = {ColumnType::kFloat64, {model.row_count()}},
                 .rows = share,
                 .data = state.data(),
                 .touched = held}};
      if (rank == 0) arrays.push_back(WholeArray("dense", {2}, model.dense.data()));
    }
    std::vector<float> values;
    std::vector<double> state;
    std::vector<NamedArray> arrays;
  };

  std::string Commit(Model& model, int64_t step, int world_size,
                     std::optional<int64_t> base = std::nullopt) {
    const std::string folder = PrepareCheckpoint(run_dir_, step, run_id_);
    std::vector<CheckpointPiece> pieces;
    for (int rank = 0; rank < world_size; ++rank) {
      const RankArrays of(model, rank, world_size, base.has_value());
      pieces.push_back(WriteCheckpointPiece(folder, {run_id_, step, rank, world_size}, of.arrays));
    }
    CheckpointManifest manifest = ManifestAt(step, std::move(pieces));
    if (base) {
      const std::string path = CheckpointPath(run_dir_, *base);
      manifest.base = CheckpointBase{*base, ReadCheckpointManifest(path).sha256};
    }
    model.touched.clear();
    return CommitCheckpoint(run_dir_, folder, manifest);
  }

  static Model ReadBack(const CheckpointReader& reader) {
    Model model(reader.Spec("table/state").row_count(), reader.Spec("table/rows").shape[1]);
    model.values = reader.Read<float>("table/rows");
    model.state = reader.Read<double>("table/state");
    model.dense = reader.Read<double>("dense");
    return model;
  }

  /// Saves step 1 whole, and steps 2 and 3 as deltas of the step before. Each changes two rows.
  Model SaveChain() {
    Model model(12);
    Commit(model, 1, 2);
    for (const int64_t step : {2, 3}) {
      model.Change(step, static_cast<float>(step));
      model.Change(10, static_cast<float>(step));
      Commit(model, step, 2, step - 1);
    }
    return model;
  }
};

TEST_F(DeltaCheckpoint, AnyChainByAnyNumberOfRanksReadsAsTheModelWas) {
  RandomStream random(7, Purpose::kTest);
  for (int trial = 0; trial < 20; ++trial) {
    std::filesystem::remove_all(run_dir_ + "/checkpoints");
    Model model(1 + random.NextBelow(40));
    std::map<int64_t, Model> was;
    for (int64_t step = 1; step <= 6; ++step) {
      model.dense[0] = static_cast<double>(step);
      for (uint64_t change = random.NextBelow(8); change > 0; --change) {
        model.Change(random.NextBelow(model.row_count()), static_cast<float>(step));
      }
      const bool is_delta = step > 1 && random.NextBelow(5) > 0;
      Commit(model, step, 1 + static_cast<int>(random.NextBelow(4)),
             is_delta ? std::optional(step - 1) : std::nullopt);
      was.emplace(step, model);
    }
    for (const auto& [step, expected] : was) {
      const CheckpointReader reader(CheckpointPath(run_dir_, step));
      reader.VerifyAll();
      EXPECT_EQ(ReadBack(reader), expected) << "step " << step;
      const int64_t begin = random.NextBelow(model.row_count());
      const std::vector<double> rows =
          reader.ReadRows<double>("table/state", {begin, model.row_count()});
      EXPECT_TRUE(std::equal(rows.begin(), rows.end(), expected.state.begin() + begin));
    }
  }
}

TEST_F(DeltaCheckpoint, ContentHashIsThatOfAWholeCheckpoint) {
  Model model = SaveChain();
  const std::string of_delta = ContentHash(CheckpointReader(CheckpointPath(run_dir_, 3)));
  run_dir_ += "/other";
  std::filesystem::create_directory(run_dir_);
  Commit(model, 3, 1);
  EXPECT_EQ(ContentHash(CheckpointReader(CheckpointPath(run_dir_, 3))), of_delta);
}

TEST_F(DeltaCheckpoint, HoldsAtMostATenthMoreThanTheTouchedRows) {
  for (const int64_t width : {16, 64}) {
    std::filesystem::remove_all(run_dir_ + "/checkpoints");
    Model model(200'000, width);
    Commit(model, 1, 2);
    for (int64_t row = 0; row < model.row_count(); row += 17) model.Change(row, 3.0f);
    const auto touched = std::ssize(model.touched);
    Commit(model, 2, 2, 1);
    const int64_t bytes = ListCheckpoints(run_dir_).back().size_bytes;
    const int64_t row_bytes = width * int64_t{sizeof(float)} + int64_t{sizeof(double)};
    EXPECT_LE(static_cast<double>(bytes), 1.1 * static_cast<double>(touched * row_bytes))
        << "rows of " << row_bytes << " bytes";
  }
}

TEST_F(DeltaCheckpoint, IsRefusedWithoutItsBase) {
  const Model model = SaveChain();
  const std::string path = CheckpointPath(run_dir_, 3);
  std::filesystem::rename(CheckpointPath(run_dir_, 1), run_dir_ + "/moved");
  EXPECT_THAT(MessageOf([&] { CheckpointReader reader(path); }),
              AllOf(HasSubstr("step-000002' holds the changes since"),
                    HasSubstr("step-000001', which is missing")));
  EXPECT_THAT(MessageOf([&] { Newest(); }), HasSubstr("none of the 2 checkpoints"));
  std::filesystem::rename(run_dir_ + "/moved", CheckpointPath(run_dir_, 1));
  EXPECT_EQ(ReadBack(CheckpointReader(path)), model);
}

TEST_F(DeltaCheckpoint, IsReadableUnderAnyPathOfItsFolder) {
  const Model model = SaveChain();
  const std::string path = CheckpointPath(run_dir_, 3);
  EXPECT_EQ(ReadBack(CheckpointReader(path + "/")), model);
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(path);
  EXPECT_EQ(ReadBack(CheckpointReader(".")), model);
  std::filesystem::current_path(before);
}

TEST_F(DeltaCheckpoint, IsRefusedWithAnotherBaseOfTheSameStep) {
  SaveChain();
  std::filesystem::remove_all(CheckpointPath(run_dir_, 1));
  Model other(12);
  other.Change(5, 1.0f);
  Commit(other, 1, 1);
  EXPECT_THAT(MessageOf([&] { CheckpointReader(CheckpointPath(run_dir_, 2)); }),
              HasSubstr("than there is now"));
  EXPECT_EQ(Newest(), CheckpointPath(run_dir_, 1));
  EXPECT_THAT(refused_, ::testing::SizeIs(2));
}

TEST_F(DeltaCheckpoint, OfADamagedBaseIsRefused) {
  SaveChain();
  const std::string piece = CheckpointPath(run_dir_, 2) + "/" + PieceFileName(1, 2);
  std::string bytes = Slurp(piece);
  bytes.back() ^= 1;
  Overwrite(piece, bytes);
  EXPECT_EQ(Newest(), CheckpointPath(run_dir_, 1));
  EXPECT_THAT(refused_, ElementsAre(HasSubstr("step-000003"), HasSubstr("step-000002")));
}

TEST_F(DeltaCheckpoint, ListsTheBaseAndWhatIsWrongWithIt) {
  SaveChain();
  EXPECT_EQ(ListCheckpoints(run_dir_)[0].base_step, std::nullopt);
  EXPECT_EQ(ListCheckpoints(run_dir_)[2].base_step, 2);
  EXPECT_EQ(ListCheckpoints(run_dir_)[2].problem, "");
  std::filesystem::remove_all(CheckpointPath(run_dir_, 1));
  for (const CheckpointInfo& info : ListCheckpoints(run_dir_)) {
    EXPECT_THAT(info.problem,
                HasSubstr(fmt::format("its base, step {}, is missing", info.step - 1)));
  }
}

TEST_F(DeltaCheckpoint, PruneKeepsTheBasesOfWhatItKeeps) {
  Model model = SaveChain();
  EXPECT_THAT(PruneCheckpoints(run_dir_, 1, {}), IsEmpty());
  Commit(model, 4, 2);
  EXPECT_THAT(PruneCheckpoints(run_dir_, 2, {}), IsEmpty());  // step 3 needs steps 2 and 1
  Commit(model, 5, 2);
  const std::vector<int64_t> pinned = {2};
  EXPECT_THAT(PruneCheckpoints(run_dir_, 2, pinned), ElementsAre(3));
  EXPECT_EQ(ReadBack(CheckpointReader(CheckpointPath(run_dir_, 2))).row_count(), 12);
  EXPECT_THAT(PruneCheckpoints(run_dir_, 1, {}), ElementsAre(1, 2, 4));
}

TEST_F(DeltaCheckpoint, NothingIsPrunedWhileTheNewestHasADamagedBase) {
  Model model(12);
  for (const int64_t step : {1, 2, 3}) Commit(model, step, 1);
  Commit(model, 4, 1, 3);
  const std::string piece = CheckpointPath(run_dir_, 3) + "/" + PieceFileName(0, 1);
  std::string bytes = Slurp(piece);
  bytes.back() ^= 1;
  Overwrite(piece, bytes);
  EXPECT_THROW(PruneCheckpoints(run_dir_, 2, {}), DataError);
  EXPECT_THAT(ListSteps(run_dir_), ElementsAre(1, 2, 3, 4));
}

TEST_F(DeltaCheckpoint, NonFiniteTouchedRowsAreNamedByTheirPlaceInTheArray) {
  Model model(12);
  Commit(model, 1, 1);
  model.Change(4, 1.0f);
  model.Change(9, std::numeric_limits<float>::quiet_NaN());
  EXPECT_THAT(MessageOf([&] { Commit(model, 2, 1, 1); }), HasSubstr("not finite in row 9"));
}

TEST_F(DeltaCheckpoint, OfAnArrayThatTheBaseDoesNotHaveIsNotCommitted) {
  Model model(12);
  Commit(model, 1, 1);
  model.Change(4, 1.0f);
  const std::string folder = PrepareCheckpoint(run_dir_, 2, run_id_);
  RankArrays of(model, 0, 1, true);
  of.arrays[0].name = "other/rows";
  CheckpointManifest manifest =
      ManifestAt(2, {WriteCheckpointPiece(folder, {run_id_, 2, 0, 1}, of.arrays)});
  manifest.base = CheckpointBase{1, ReadCheckpointManifest(CheckpointPath(run_dir_, 1)).sha256};
  EXPECT_THAT(MessageOf([&] { CommitCheckpoint(run_dir_, folder, manifest); }),
              AllOf(HasSubstr("'other/rows' has touched rows of float32 [12, 4]"),
                    HasSubstr("has no such array")));
}

TEST_F(DeltaCheckpoint, ChainsOfAnyoneAreFollowedOnlySoFar) {
  Model model(12);
  Commit(model, 1, 1);
  CheckpointManifest manifest = ReadCheckpointManifest(CheckpointPath(run_dir_, 1));
  const std::string piece = CheckpointPath(run_dir_, 1) + "/" + manifest.pieces[0].file;
  for (int64_t step = 2; step <= CheckpointManifest::kMostDeltas + 2; ++step) {
    manifest.base = CheckpointBase{step - 1, manifest.sha256};
    manifest.step = step;
    const std::string folder = CheckpointPath(run_dir_, step);
    std::filesystem::create_directory(folder);
    std::filesystem::copy_file(piece, folder + "/" + manifest.pieces[0].file);
    Overwrite(folder + "/" + kManifestFile, SerializeManifest(manifest));
    manifest.sha256 = ReadCheckpointManifest(folder).sha256;
  }
  EXPECT_NO_THROW(CheckpointReader(CheckpointPath(run_dir_, manifest.step - 1)));
  EXPECT_THAT(MessageOf([&] { CheckpointReader(CheckpointPath(run_dir_, manifest.step)); }),
              HasSubstr("more than 256 delta checkpoints"));
}

/// A delta with offsets chosen by a careful forger. All hashes are right.
class ForgedOffsets : public DeltaCheckpoint,
                      public ::testing::WithParamInterface<std::vector<uint32_t>> {};

TEST_P(ForgedOffsets, AreRefused) {
  Model model(12);
  Commit(model, 1, 1);
  const std::string folder = PrepareCheckpoint(run_dir_, 2, run_id_);
  const std::vector<double> state(GetParam().size(), 1.0);
  const std::vector<NamedArray> arrays = {
      {.name = "table/state",
       .spec = {ColumnType::kFloat64, {12}},
       .rows = {0, 12},
       .data = state.data(),
       .touched = std::make_shared<TouchedRows>(TouchedRows{"table", {0, 12}, GetParam()})}};
  CheckpointPiece piece;
  piece.file = PieceFileName(0, 1);
  const WrittenFile written = WritePieceFile(folder + "/" + piece.file, {run_id_, 2, 0, 1}, arrays);
  piece.size_bytes = written.size_bytes;
  piece.sha256 = written.sha256;
  piece.arrays["table/state"] = {arrays[0].spec, {}, TouchedRecord{"table", {0, 12}, 3}};
  CheckpointManifest manifest = ManifestAt(2, {piece});
  manifest.base = CheckpointBase{1, ReadCheckpointManifest(CheckpointPath(run_dir_, 1)).sha256};
  CommitCheckpoint(run_dir_, folder, manifest);
  for (const Author author : {Author::kUnknown, Author::kThisJob}) {
    EXPECT_THAT(MessageOf([&] { VerifyCheckpoint(CheckpointPath(run_dir_, 2), author); }),
                AllOf(HasSubstr("part-00000-of-00001.h5"), HasSubstr("/touched/table")));
  }
}

INSTANTIATE_TEST_SUITE_P(Each, ForgedOffsets,
                         ::testing::Values(std::vector<uint32_t>{0, 5, 12},
                                           std::vector<uint32_t>{0, 5, 5},
                                           std::vector<uint32_t>{5, 0, 6},
                                           std::vector<uint32_t>{0, 1, 4294967295},
                                           std::vector<uint32_t>{0, 1, 2, 3}));

/// Step 30 is a delta of step 20. The tests are the same as in CheckpointFaults and
/// CheckpointPowerLoss.
class DeltaCheckpointFaults : public CheckpointFaultFixture {
 protected:
  DeltaCheckpointFaults() : CheckpointFaultFixture(Kind::kDelta) {}
};

TEST_F(DeltaCheckpointFaults, EachCallOfASaveFailsOnce) {
  EXPECT_THAT(FindingsOfEveryFailure({}), IsEmpty());
  EXPECT_GT(failures_tried_, 60);
}

TEST_F(DeltaCheckpointFaults, StorageFailsAtEachCallOfASaveAndStaysAway) {
  EXPECT_THAT(FindingsOfEveryFailure({.ever_after = true}), IsEmpty());
}

TEST_F(DeltaCheckpointFaults, AfterEveryOperationOfASaveTheOldOrTheNewStepIsWhole) {
  EXPECT_THAT(FindingsOfEveryCrash(), IsEmpty());
  EXPECT_GE(crashes_tried_, 400);
}

}  // namespace
}  // namespace hearth
