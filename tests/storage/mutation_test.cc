// Damaged and hostile files of every kind that storage reads: whatever is done to a file, it is
// refused with an error of class data that names it, within a second, or what is read of it is
// legal. HEARTH_MUTATIONS sets how many of each kind are tried.

#include <chrono>
#include <cmath>
#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "common/hash.h"
#include "tests/storage/checkpoint/checkpoint_fixture.h"
#include "tests/storage/shard/dataset_fixture.h"
#include "tests/tools/mutator.h"

namespace hearth {
namespace {

using ::testing::HasSubstr;
using testing::MutationCount;
using testing::Mutator;
using testing_data::NewFolder;
using testing_data::ReadBytes;
using testing_data::WriteBytes;

/// What became of the mutations of one kind.
class Tally {
 public:
  explicit Tally(std::string kind) : kind_(std::move(kind)) {}
  ~Tally() {
    std::printf(
        "%s: %d refused (%d of them because their reader crashed), %d legal, slowest %.0f ms\n",
        kind_.c_str(), refused_, crashed_, legal_, 1e3 * slowest_sec_);
  }
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;

  /// `read` returns whether what it read is legal, and throws when it refuses. A refusal must say
  /// `name`. Returns whether the file was refused.
  template <typename Read>
  bool Try(const std::string& name, const Read& read) {
    const auto begin = std::chrono::steady_clock::now();
    bool refused = false;
    try {
      EXPECT_TRUE(read()) << "what was read is not legal";
      ++legal_;
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr(name));
      crashed_ += std::string_view(error.what()).find("its reader") != std::string_view::npos;
      ++refused_;
      refused = true;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(took.count(), kLimitSec);
    slowest_sec_ = std::max(slowest_sec_, took.count());
    return refused;
  }

 private:
  // One second as promised; several tests and sanitizers share the processors.
  static constexpr double kLimitSec = 5;
  std::string kind_;
  int refused_ = 0, crashed_ = 0, legal_ = 0;
  double slowest_sec_ = 0;
};

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

// Shards and entity files.

class DatasetMutation : public ::testing::Test {
 protected:
  DatasetMutation() {
    // Large columns and small ones, with every optional column.
    testing_data::ShardList shards = testing_data::Shards();
    for (auto& [file, part, content] : shards) content.roles.assign(content.items.size(), 0);
    manifest_ =
        testing_data::WriteDataset(folder_, shards, testing_data::Users(), testing_data::Items());
    manifest_text_ = ReadBytes(folder_ + "/manifest.json");
  }

  /// Puts a mutation of one file in its place; `hostile`: with all hashes made right again.
  void Place(const std::string& file, const std::string& original, std::string mutated,
             bool hostile) {
    std::string manifest = manifest_text_;
    if (hostile) {
      testing::RepairHdf5Checksums(&mutated);
      manifest = Replaced(manifest, Sha256Hex(original), Sha256Hex(mutated));
      const std::string old_size = fmt::format("\"size_bytes\": {}", original.size());
      if (file != "users.h5" && file != "items.h5") {
        const size_t entry = manifest.find("\"" + file + "\"");
        manifest.replace(manifest.find(old_size, entry), old_size.size(),
                         fmt::format("\"size_bytes\": {}", mutated.size()));
      }
    }
    WriteBytes(folder_ + "/" + file, mutated);
    WriteBytes(folder_ + "/manifest.json", manifest);
  }

  /// Opens the data set and the first shard as training does.
  bool ReadIsLegal() const {
    const Dataset dataset(
        {.path = folder_, .read = number_++ % 2 == 0 ? ReadMode::kMmap : ReadMode::kPread});
    return IsLegal(dataset.users()) && IsLegal(dataset.items()) &&
           IsLegal(dataset.Shard(0), dataset.users().size(), dataset.items().size());
  }

  static bool IsLegal(const EntityTable& table) {
    bool legal = table.size() == 6 && (table.titles.empty() || table.titles.size() == 6);
    for (const FeatureColumn& feature : table.features) {
      for (int64_t entity = 0; entity < table.size(); ++entity) {
        const auto [begin, end] = feature.CategoriesOf(entity);
        for (const int32_t* category = begin; category != end; ++category) {
          legal &= *category >= 0 && *category < std::ssize(feature.vocabulary);
        }
      }
      for (const float number : feature.numbers) legal &= !std::isinf(number);
    }
    return legal;
  }

  static bool IsLegal(const ShardReader& shard, int64_t users, int64_t items) {
    const ShardContent content = testing_data::ContentOf(shard);
    bool legal = content.offsets.back() == std::ssize(content.items) &&
                 std::ranges::is_sorted(content.offsets);
    for (const int64_t id : content.task_ids) legal &= id >= 0 && id < users;
    for (const uint32_t item : content.items) legal &= item < items;
    for (const float label : content.labels) legal &= label >= 1 && label <= 5;
    for (const uint8_t role : content.roles) legal &= role <= 2;
    return legal;
  }

  void TryMutationsOf(const std::string& file, uint64_t seed) {
    const std::string original = ReadBytes(folder_ + "/" + file);
    Tally damaged("damaged " + file), hostile("hostile " + file);
    for (int64_t number = 0; number < MutationCount(); ++number) {
      const bool with_hashes = number % 2 == 1;
      Place(file, original, Mutator(seed, number).Mutate(original), with_hashes);
      Tally& tally = with_hashes ? hostile : damaged;
      const bool refused = tally.Try(file, [&] { return ReadIsLegal(); });
      EXPECT_TRUE(refused || with_hashes) << "silently accepted";
      ASSERT_FALSE(HasFailure()) << "mutation " << number << " of " << file;
    }
  }

  const std::string folder_ = NewFolder();
  DatasetManifest manifest_;
  std::string manifest_text_;
  mutable int64_t number_ = 0;
};

TEST_F(DatasetMutation, AShardIsRefusedOrLegal) { TryMutationsOf("train-00000.h5", 1); }
TEST_F(DatasetMutation, AnEntityFileIsRefusedOrLegal) { TryMutationsOf("items.h5", 2); }

TEST_F(DatasetMutation, AManifestIsRefusedOrLegal) {
  static const std::regex kPlainName("[A-Za-z0-9_][A-Za-z0-9._-]*");
  const auto read = [](const std::string& text) {
    const DatasetManifest manifest = ParseDatasetManifest(text, "the-manifest");
    std::set<std::string> files = {manifest.users_file, manifest.items_file};
    int64_t event_count = 0;
    bool legal = true;
    for (const ShardEntry& shard : manifest.shards) {
      legal &= files.insert(shard.file).second && shard.sha256.size() == 64 &&
               shard.task_count >= 0 && shard.event_count >= 0 && shard.size_bytes >= 0;
      event_count += shard.event_count;
    }
    for (const std::string& file : files) legal &= std::regex_match(file, kPlainName);
    return legal && event_count == manifest.event_count && manifest.label_min <= manifest.label_max;
  };
  Tally tally("data manifest");
  for (int64_t number = 0; number < MutationCount(); ++number) {
    Mutator mutator(3, number, testing::TextDictionary());
    const std::string mutated = mutator.Mutate(manifest_text_);
    tally.Try("the-manifest", [&] { return read(mutated); });
    ASSERT_FALSE(HasFailure()) << "mutation " << number;
  }
}

// Checkpoints.

constexpr std::string_view kHashPrefix = "{\n  \"manifest_sha256\": \"";

/// The manifest with its own hash made right again.
std::string Rehashed(std::string text) {
  if (!text.starts_with(kHashPrefix) || text.size() < kHashPrefix.size() + 64) return text;
  text.replace(kHashPrefix.size(), 64, std::string(64, '0'));
  return text.replace(kHashPrefix.size(), 64, Sha256Hex(text));
}

class CheckpointMutation : public CheckpointFixture {
 protected:
  CheckpointMutation() : path_(Save(3)), manifest_(Slurp(path_ + "/MANIFEST.json")) {}

  bool ReadIsLegal() const {
    const CheckpointReader reader(path_);
    reader.VerifyAll();
    bool legal = true;
    for (const auto& [name, spec] : reader.arrays()) {
      if (spec.type == ColumnType::kFloat32) {
        for (const float value : reader.Read<float>(name)) legal &= std::isfinite(value);
      } else if (spec.type == ColumnType::kFloat64) {
        for (const double value : reader.Read<double>(name)) legal &= std::isfinite(value);
      }
    }
    return legal;
  }

  const std::string path_, manifest_;
};

TEST_F(CheckpointMutation, APieceIsRefusedOrLegal) {
  const std::string file = path_ + "/part-00000-of-00002.h5";
  const std::string original = Slurp(file);
  Tally damaged("damaged checkpoint piece"), hostile("hostile checkpoint piece");
  for (int64_t number = 0; number < MutationCount(); ++number) {
    const bool with_hashes = number % 2 == 1;
    std::string mutated = Mutator(4, number).Mutate(original);
    std::string manifest = manifest_;
    if (with_hashes) {
      testing::RepairHdf5Checksums(&mutated);
      manifest = Replaced(manifest, Sha256Hex(original), Sha256Hex(mutated));
      manifest = Rehashed(Replaced(manifest, fmt::format("\"size_bytes\": {}", original.size()),
                                   fmt::format("\"size_bytes\": {}", mutated.size())));
    }
    WriteBytes(file, mutated);
    WriteBytes(path_ + "/MANIFEST.json", manifest);
    const bool refused =
        (with_hashes ? hostile : damaged).Try(path_, [&] { return ReadIsLegal(); });
    EXPECT_TRUE(refused || with_hashes) << "silently accepted";
    ASSERT_FALSE(HasFailure()) << "mutation " << number;
  }
}

TEST_F(CheckpointMutation, AManifestIsRefusedOrLegal) {
  const auto read = [](const std::string& text) {
    const CheckpointManifest manifest = ParseManifest(text, "the-manifest");
    bool legal = manifest.step >= 0 && manifest.world_size == std::ssize(manifest.pieces) &&
                 manifest.size_bytes() > 0;
    for (const CheckpointPiece& piece : manifest.pieces) legal &= IsPlainName(piece.file);
    for (const auto& [name, spec] : manifest.Arrays("it")) {
      legal &= IsArrayName(name) && spec.row_count() >= 0 && spec.row_bytes() >= 0;
    }
    return legal;
  };
  Tally damaged("damaged checkpoint manifest"), hostile("hostile checkpoint manifest");
  for (int64_t number = 0; number < MutationCount(); ++number) {
    const bool with_hash = number % 2 == 1;
    std::string text = Mutator(5, number, testing::TextDictionary()).Mutate(manifest_);
    if (with_hash) text = Rehashed(text);
    const bool refused =
        (with_hash ? hostile : damaged).Try("the-manifest", [&] { return read(text); });
    EXPECT_TRUE(refused || with_hash) << "silently accepted";
    ASSERT_FALSE(HasFailure()) << "mutation " << number << "\n" << text;
  }
}

}  // namespace
}  // namespace hearth
