#include "storage/checkpoint/reader.h"

#include <bit>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/hash.h"
#include "tests/storage/checkpoint/checkpoint_fixture.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class CheckpointReading : public CheckpointFixture {};

TEST_F(CheckpointReading, AnyNumberOfWritersAndAnySlicingReadBackTheSameRows) {
  const std::vector<float> table = TableAt(8);
  for (int writers = 1; writers <= 4; ++writers) {
    SCOPED_TRACE(writers);
    fs::remove_all(run_dir_ + "/checkpoints");
    const CheckpointReader reader(Save(8, writers));
    EXPECT_EQ(reader.Read<float>("tables/items/rows"), table);
    for (int64_t readers = 1; readers <= 6; ++readers) {
      std::vector<float> joined;
      for (int64_t rank = 0; rank < readers; ++rank) {
        const RowRange rows{kRows * rank / readers, kRows * (rank + 1) / readers};
        const std::vector<float> slice = reader.ReadRows<float>("tables/items/rows", rows);
        joined.insert(joined.end(), slice.begin(), slice.end());
      }
      EXPECT_EQ(joined, table) << readers << " readers";
    }
  }
}

TEST_F(CheckpointReading, KeepsEveryBitOfNumbersAndScalars) {
  const CheckpointReader reader(Save(3));
  const std::vector<double> expected = ParametersAt(3);
  const std::vector<double> found = reader.Read<double>("parameters/adapted");
  ASSERT_THAT(found, SizeIs(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(std::bit_cast<uint64_t>(found[i]), std::bit_cast<uint64_t>(expected[i])) << i;
  }
  EXPECT_THAT(reader.Read<int64_t>("optimizer/counter"), ElementsAre(3000));
  EXPECT_THAT(reader.Read<int32_t>("tables/items/evicted"), IsEmpty());

  const CheckpointManifest& manifest = reader.manifest();
  EXPECT_EQ(manifest.step, 3);
  EXPECT_EQ(manifest.run_id, "run-1");
  EXPECT_EQ(manifest.metric->value, 0.25);
  EXPECT_EQ(manifest.scalars, ManifestAt(3, {}).scalars);
}

TEST_F(CheckpointReading, OneRankMayWriteSeveralSlicesOfAnArray) {
  const std::vector<uint8_t> values = {0, 1, 2, 3, 4, 5, 6, 7};
  const std::string folder = PrepareCheckpoint(run_dir_, 1, run_id_);
  const auto slice = [&](int64_t begin, int64_t count) {
    return ArraySlice("buckets", {count, 2}, begin, 4, values.data() + 2 * begin);
  };
  const std::vector<NamedArray> even = {slice(2, 1), slice(0, 1)}, odd = {slice(1, 1), slice(3, 1)};
  const std::string path =
      CommitCheckpoint(run_dir_, folder,
                       ManifestAt(1, {WriteCheckpointPiece(folder, {run_id_, 1, 0, 2}, even),
                                      WriteCheckpointPiece(folder, {run_id_, 1, 1, 2}, odd)}));
  const CheckpointReader reader(path);
  EXPECT_EQ(reader.Read<uint8_t>("buckets"), values);
  EXPECT_THAT(reader.ReadRows<uint8_t>("buckets", {1, 3}), ElementsAre(2, 3, 4, 5));
}

TEST_F(CheckpointReading, ARankWithNothingToSayWritesAnEmptyPiece) {
  const std::string folder = PrepareCheckpoint(run_dir_, 1, run_id_);
  const int64_t value = 42;
  const std::vector<NamedArray> arrays = {WholeArray("a", {1}, &value)};
  CommitCheckpoint(run_dir_, folder,
                   ManifestAt(1, {WriteCheckpointPiece(folder, {run_id_, 1, 0, 2}, arrays),
                                  WriteCheckpointPiece(folder, {run_id_, 1, 1, 2}, {})}));
  EXPECT_THAT(CheckpointReader(*Newest()).Read<int64_t>("a"), ElementsAre(42));
}

TEST_F(CheckpointReading, NamesWhatIsMissingAndTheNearestName) {
  const CheckpointReader reader(Save(1));
  EXPECT_THAT(MessageOf([&] { reader.Spec("tables/items/row"); }),
              HasSubstr("did you mean 'tables/items/rows'?"));
  EXPECT_THAT(MessageOf([&] { reader.Read<double>("tables/items/rows"); }),
              HasSubstr("is float32 [37, 5], expected float64"));
}

TEST_F(CheckpointReading, ACopyElsewhereUnderAnyNameIsReadable) {
  const std::string path = Save(6);
  fs::copy(path, run_dir_ + "/best model");
  EXPECT_EQ(CheckpointReader(run_dir_ + "/best model").Read<float>("tables/items/rows"),
            TableAt(6));
}

TEST_F(CheckpointReading, ContentHashIsThatOfTheLogicalContentWhoeverWroteIt) {
  Sha256 oracle;
  const std::vector<double> parameters = ParametersAt(2);
  const std::vector<float> table = TableAt(2);
  oracle.Update("parameters/adapted float64 [4]\n");
  oracle.Update(parameters.data(), parameters.size() * sizeof(double));
  oracle.Update("tables/items/rows float32 [37, 5]\n");
  oracle.Update(table.data(), table.size() * sizeof(float));
  const std::string expected = oracle.HexDigest();
  std::string all;
  for (int writers = 1; writers <= 4; ++writers) {
    fs::remove_all(run_dir_ + "/checkpoints");
    const CheckpointReader reader(Save(2, writers));
    EXPECT_EQ(ContentHash(reader, {"tables/items/rows", "parameters/adapted"}), expected);
    if (all.empty()) all = ContentHash(reader);
    EXPECT_EQ(ContentHash(reader), all) << writers;
    EXPECT_NE(all, expected);
  }
  fs::remove_all(run_dir_ + "/checkpoints");
  EXPECT_NE(ContentHash(CheckpointReader(Save(3))), all);
}

TEST_F(CheckpointReading, NewestValidIsNothingForARunWithoutCheckpoints) {
  EXPECT_EQ(Newest(), std::nullopt);
  PrepareCheckpoint(run_dir_, 5, run_id_);
  EXPECT_EQ(Newest(), std::nullopt);
}

TEST_F(CheckpointReading, NewestIsByStepWhateverTheHintOrTheClockSay) {
  Save(1000000);
  const std::string older = Save(999999);
  Overwrite(run_dir_ + "/checkpoints/LATEST", "step-999999\n");
  EXPECT_EQ(Newest(), run_dir_ + "/checkpoints/step-1000000");
  EXPECT_THAT(ListSteps(run_dir_), ElementsAre(999999, 1000000));
}

TEST_F(CheckpointReading, RefusesDamagedFilesLoudlyAndUsesThePreviousCheckpoint) {
  const std::string previous = Save(10), newest = Save(20);
  for (const std::string& name : NamesIn(newest)) {
    const std::string file = newest + "/" + name, whole = Slurp(file);
    std::vector<std::string> mutants;
    for (size_t i = 0; i < 40; ++i) mutants.push_back(whole.substr(0, whole.size() * i / 40));
    for (size_t i = 0; i < 200; ++i) {
      std::string flipped = whole;
      char& byte = flipped[(i * 7919 + 13) % whole.size()];
      byte = static_cast<char>(byte ^ (1 << (i % 8)));  // one bit
      mutants.push_back(flipped);
    }
    mutants.push_back(whole + '\0');
    for (size_t i = 0; i < mutants.size(); ++i) {
      SCOPED_TRACE(fmt::format("{} mutant {}", name, i));
      Overwrite(file, mutants[i]);
      // Sizes and hashes refuse the file before a sandbox is needed.
      EXPECT_EQ(Newest(Author::kThisJob), previous);
      ASSERT_THAT(refused_, SizeIs(1));
      EXPECT_THAT(refused_[0], HasSubstr(name));
    }
    Overwrite(file, whole);
  }
  EXPECT_EQ(Newest(), newest);
}

TEST_F(CheckpointReading, RefusesMissingExtraSwappedAndLinkedFiles) {
  const std::string previous = Save(10), newest = Save(20);
  const std::string piece = newest + "/part-00001-of-00002.h5", whole = Slurp(piece);
  const auto refused = [&](const std::string& expected) {
    EXPECT_EQ(Newest(), previous);
    ASSERT_THAT(refused_, SizeIs(1));
    EXPECT_THAT(refused_[0], HasSubstr(expected));
  };
  Overwrite(piece, Slurp(previous + "/part-00001-of-00002.h5"));
  refused("part-00001-of-00002.h5");
  fs::remove(piece);
  refused("is missing");
  Overwrite(run_dir_ + "/moved.h5", whole);
  fs::create_symlink(run_dir_ + "/moved.h5", piece);
  refused("is not a regular file");
  fs::remove(piece);
  Overwrite(piece, whole);
  Overwrite(newest + "/notes.txt", "");
  refused("notes.txt' is not part of the checkpoint");
  fs::remove(newest + "/notes.txt");
  fs::copy_file(previous + "/MANIFEST.json", newest + "/MANIFEST.json",
                fs::copy_options::overwrite_existing);
  refused("holds step 10, not the step of its folder's name");
}

TEST_F(CheckpointReading, PieceOfAnotherStepIsRefusedEvenUnderAManifestWithItsHash) {
  Save(10);
  const std::string newest = Save(20);
  CheckpointManifest manifest = ReadCheckpointManifest(newest);
  const CheckpointManifest older = ReadCheckpointManifest(run_dir_ + "/checkpoints/step-000010");
  manifest.pieces[1] = older.pieces[1];
  Overwrite(newest + "/MANIFEST.json", SerializeManifest(manifest));
  fs::copy_file(run_dir_ + "/checkpoints/step-000010/part-00001-of-00002.h5",
                newest + "/part-00001-of-00002.h5", fs::copy_options::overwrite_existing);
  for (const Author author : {Author::kUnknown, Author::kThisJob}) {
    EXPECT_THAT(MessageOf([&] { VerifyCheckpoint(newest, author); }), HasSubstr("says step '10'"));
  }
}

TEST_F(CheckpointReading, AnArrayOfAnotherTypeIsRefusedUnderItsHash) {
  const std::string path = Save(20);
  CheckpointManifest manifest = ReadCheckpointManifest(path);
  manifest.pieces[0].arrays.at("optimizer/counter").spec.type = ColumnType::kFloat64;
  Overwrite(path + "/MANIFEST.json", SerializeManifest(manifest));
  for (const Author author : {Author::kUnknown, Author::kThisJob}) {
    EXPECT_THAT(MessageOf([&] { VerifyCheckpoint(path, author); }),
                HasSubstr("is int64 [1], the manifest says float64 [1]"));
  }
}

TEST_F(CheckpointReading, AValueThatIsNotFiniteIsRefusedUnderItsHash) {
  const std::string path = Save(20), file = path + "/part-00000-of-00002.h5";
  std::string bytes = Slurp(file);
  const std::vector<float> table = TableAt(20);
  const std::string row(reinterpret_cast<const char*>(&table[kWidth]), kWidth * sizeof(float));
  ASSERT_NE(bytes.find(row), std::string::npos);
  bytes.replace(bytes.find(row), sizeof(float), "\xff\xff\xff\x7f");
  Overwrite(file, bytes);
  CheckpointManifest manifest = ReadCheckpointManifest(path);
  manifest.pieces[0].sha256 = Sha256Hex(bytes);
  Overwrite(path + "/MANIFEST.json", SerializeManifest(manifest));
  EXPECT_THAT(MessageOf([&] { CheckpointReader(path).Read<float>("tables/items/rows"); }),
              HasSubstr("'tables/items/rows' row 1 is not finite"));
}

TEST_F(CheckpointReading, PiecesOfTwoRanksExchangedAreRefused) {
  const std::string path = Save(20);
  const std::string first = path + "/part-00000-of-00002.h5",
                    second = path + "/part-00001-of-00002.h5";
  fs::rename(first, path + "/x");
  fs::rename(second, first);
  fs::rename(path + "/x", second);
  EXPECT_THAT(MessageOf([&] { VerifyCheckpoint(path); }), HasSubstr("part-0000"));
}

TEST_F(CheckpointReading, NoUsableCheckpointAtAllIsAnErrorNotAFreshStart) {
  Overwrite(Save(10) + "/MANIFEST.json", "");
  Overwrite(Save(20) + "/MANIFEST.json", "");
  EXPECT_THAT(MessageOf([&] { Newest(); }), HasSubstr("none of the 2 checkpoints"));
  EXPECT_THAT(refused_, SizeIs(2));
}

}  // namespace
}  // namespace hearth
