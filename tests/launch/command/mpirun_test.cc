// The real binary under mpirun: the rank that prints errors, exit codes and exit.json.

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "storage/shard/dataset.h"
#include "tests/launch/command/run_hearth.h"
#include "tests/tools/paths.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

size_t CountOf(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

class Mpirun : public ::testing::Test {
 protected:
  Mpirun() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = ::testing::TempDir() + "mpirun_" + test->name() + "_" + std::to_string(getpid());
    fs::create_directories(folder_);
    std::ofstream(folder_ + "/config.yaml") << "data: {path: data}\n"
                                               "run: {dir: run}\n"
                                               "tasks: {per_step: 8, chunk: 8}\n"
                                               "model: {dim: 4, layers: [4]}\n"
                                               "train: {max_steps: 2, device: cpu}\n";
    EXPECT_EQ(RunHearth({"data", "synth", "--output", folder_ + "/data", "--users", "60", "--items",
                         "48", "--events-per-user", "12"})
                  .code,
              0);
  }
  ~Mpirun() override { fs::remove_all(folder_); }

  Outcome Train(const std::string& rank_0, const std::string& rank_1) const {
    return Run("train", rank_0, rank_1);
  }
  /// Rank 0 and rank 1 with these settings behind the same command and configuration file.
  Outcome Run(const std::string& words, const std::string& rank_0,
              const std::string& rank_1) const {
    const std::string hearth =
        testing::HearthBinary() + " " + words + " -c " + folder_ + "/config.yaml ";
    const std::string command =
        "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun --oversubscribe -np 1 " +
        hearth + rank_0 + " : -np 1 " + hearth + rank_1 + " >" + folder_ + "/out 2>" + folder_ +
        "/err";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadWhole(folder_ + "/out"),
            ReadWhole(folder_ + "/err")};
  }
  /// stdout of a command on three ranks, which must succeed.
  std::string OnThreeRanks(const std::string& words) const {
    const std::string command =
        "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun --oversubscribe -np 3 " +
        testing::HearthBinary() + " " + words + " >" + folder_ + "/out 2>" + folder_ + "/err";
    EXPECT_EQ(std::system(command.c_str()), 0) << ReadWhole(folder_ + "/err");
    return ReadWhole(folder_ + "/out");
  }
  bool HasExitFile() const { return fs::exists(folder_ + "/run/exit.json"); }
  nlohmann::json ExitFile() const {
    return nlohmann::json::parse(ReadWhole(folder_ + "/run/exit.json"));
  }

  std::string folder_;
};

TEST_F(Mpirun, OnlyRankZeroTalksWhenAllIsWell) {
  const Outcome outcome = Train("", "");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(CountOf(outcome.err, "done at step 2"), 1u) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("2 ranks on cpu"));
  EXPECT_THAT(outcome.err, Not(HasSubstr("\033")));
  EXPECT_FALSE(HasExitFile());
}

TEST_F(Mpirun, AnErrorOfAllRanksIsPrintedOnce) {
  const Outcome outcome = Train("meta.inner_step=2", "meta.inner_step=2");
  EXPECT_EQ(outcome.code, 78);
  EXPECT_EQ(CountOf(outcome.err, "unknown key 'meta.inner_step'"), 1u) << outcome.err;
  EXPECT_THAT(outcome.err, Not(HasSubstr("[rank")));
}

TEST_F(Mpirun, ARankThatFailsAloneBeforeTheStartIsNamed) {
  const Outcome outcome = Train("", "data.path=" + folder_ + "/none");
  EXPECT_THAT(outcome.err, HasSubstr("[rank 1 on "));
  EXPECT_EQ(outcome.code, ExitFile()["code"]) << outcome.err;
  EXPECT_EQ(ExitFile()["rank"], 1);
  EXPECT_THAT(ExitFile()["message"].get<std::string>(), HasSubstr("/none"));
}

TEST_F(Mpirun, RanksWithDifferentConfigurationsDoNotTrain) {
  const Outcome outcome = Train("", "meta.inner_steps=2");
  EXPECT_EQ(outcome.code, 78) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("configuration"));
  EXPECT_EQ(CountOf(outcome.err, "hearth: error: "), 1u) << outcome.err;
  EXPECT_EQ(ExitFile()["code"], 78);
  EXPECT_FALSE(fs::exists(folder_ + "/run/checkpoints"));
}

/// Training on data of several shards; some of them break.
class MpirunBadShards : public Mpirun {
 protected:
  MpirunBadShards() : whole_(folder_ + "/whole") {
    EXPECT_EQ(RunHearth({"data", "synth", "--output", whole_, "--users", "60", "--items", "48",
                         "--events-per-user", "12", "--tasks-per-shard", "8"})
                  .code,
              0);
  }

  static std::vector<std::string> TrainShards(const std::string& data) {
    std::vector<std::string> files;
    for (const ShardEntry& entry : ReadManifest(data).shards) {
      if (entry.part == kTrainPart) files.push_back(entry.file);
    }
    return files;
  }
  /// A copy of the data set whose manifest does not list these shards.
  std::string WithoutShards(const std::vector<std::string>& files) const {
    const std::string copy = folder_ + "/without";
    fs::copy(whole_, copy);
    DatasetManifest manifest = ReadManifest(copy);
    for (const std::string& file : files) {
      const auto entry = std::ranges::find(manifest.shards, file, &ShardEntry::file);
      manifest.event_count -= entry->event_count;
      manifest.shards.erase(entry);
    }
    WriteManifest(copy, manifest);
    return copy;
  }
  Outcome TrainOn(const std::string& data, const std::string& run, const std::string& more) const {
    const std::string settings =
        "data.path=" + data + " run.dir=" + folder_ + "/" + run + " train.max_steps=6 " + more;
    return Train(settings, settings);
  }
  std::string HashOf(const std::string& run) const {
    return RunHearth({"ckpt", "hash", folder_ + "/" + run}).out;
  }

  std::string whole_;
};

TEST_F(MpirunBadShards, AreLeftOutByAllRanksAsIfTheyHadNeverBeenListed) {
  // The ranks divide the shards: one finds the first of these, the other the second.
  const std::vector<std::string> files = TrainShards(whole_);
  ASSERT_GE(files.size(), 4u);
  const std::vector<std::string> bad = {files[1], files[2]};
  const std::string without = WithoutShards(bad);
  fs::remove(whole_ + "/" + bad[0]);
  fs::resize_file(whole_ + "/" + bad[1], fs::file_size(whole_ + "/" + bad[1]) / 2);

  const Outcome outcome = TrainOn(whole_, "left_out", "data.max_bad_shards=2");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  for (const std::string& file : bad) {
    EXPECT_EQ(CountOf(outcome.err, "shard " + file + " is left out"), 1u) << outcome.err;
  }
  EXPECT_EQ(TrainOn(without, "never_listed", "").code, 0);
  EXPECT_EQ(HashOf("left_out"), HashOf("never_listed"));
  EXPECT_EQ(HashOf("left_out").size(), 65u);

  const Outcome eval = RunHearth({"eval", "--run", folder_ + "/left_out"});
  EXPECT_EQ(eval.code, 0) << eval.err;
  EXPECT_THAT(eval.err, HasSubstr("shard " + bad[0] + " is left out"));
}

TEST_F(MpirunBadShards, MoreThanAllowedEndTheJobWithCode65) {
  const std::vector<std::string> files = TrainShards(whole_);
  for (const size_t i : {1, 2}) fs::remove(whole_ + "/" + files[i]);
  const Outcome outcome = TrainOn(whole_, "run", "data.max_bad_shards=1");
  EXPECT_EQ(outcome.code, 65) << outcome.err;
  EXPECT_EQ(ExitFile()["code"], 65);
  EXPECT_THAT(ExitFile()["message"].get<std::string>(),
              ::testing::AllOf(HasSubstr("2 of "), HasSubstr(files[1])));
}

TEST_F(MpirunBadShards, ARunIsNotGoneOnWithOnOtherShards) {
  const std::string file = TrainShards(whole_)[1];
  fs::rename(whole_ + "/" + file, folder_ + "/aside");
  ASSERT_EQ(TrainOn(whole_, "run", "data.max_bad_shards=1").code, 0);
  fs::rename(folder_ + "/aside", whole_ + "/" + file);
  const Outcome outcome = TrainOn(whole_, "run", "train.max_steps=8");
  EXPECT_EQ(outcome.code, 78) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("was trained with all shards but " + file));
}

TEST_F(Mpirun, CommandsOfShardedTablesSayWhatOneProcessSays) {
  const std::string support = folder_ + "/support.tsv";
  std::ofstream(support) << "user\titem\tlabel\nann\ti1\t5\nann\ti2\t1\nbob\ti3\t4\n";
  for (const std::string adapt : {"head", "all"}) {
    const std::string run = folder_ + "/" + adapt, users = folder_ + "/users-" + adapt;
    OnThreeRanks("train -c " + folder_ + "/config.yaml run.dir=" + run + " meta.adapt=" + adapt +
                 " dist.replicate_bytes=0 eval.every=1");
    const std::string model = " --run " + run, shard_all = " dist.replicate_bytes=0";
    const auto alone = [&](const std::vector<std::string>& words) {
      std::vector<std::string> all = words;
      all.insert(all.begin() + 1, {"--run", run});
      const Outcome outcome = RunHearth(all);
      EXPECT_EQ(outcome.code, 0) << outcome.err;
      return outcome.out;
    };
    const std::string list = alone({"recommend", "--support", support, "--exclude-seen"});
    EXPECT_GT(CountOf(list, "\n"), 20u);
    EXPECT_EQ(
        OnThreeRanks("recommend --support " + support + " --exclude-seen" + model + shard_all),
        list)
        << adapt;
    OnThreeRanks("adapt --support " + support + " --output " + users + model + shard_all);
    EXPECT_EQ(OnThreeRanks("recommend --adapted " + users + " --exclude-seen" + model + shard_all),
              list)
        << adapt;
    EXPECT_EQ(OnThreeRanks("eval" + model + shard_all), alone({"eval"})) << adapt;
    alone({"export", "--output", run + "/alone"});
    OnThreeRanks("export --output " + run + "/together" + model);
    for (const char* file : {"model.safetensors", "model.json", "config.yaml"}) {
      EXPECT_EQ(ReadWhole(run + "/together/" + file), ReadWhole(run + "/alone/" + file)) << file;
    }
  }
}

TEST_F(Mpirun, CopiesUnderTheLauncherOfAnotherLibraryDoNotTrain) {
  // A foreign mpirun does the same: it announces two ranks, and MPI knows of one.
  for (const int rank : {0, 1}) {
    const std::string command = fmt::format(
        "OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK={} {} train -c {}/config.yaml 2>{}/err", rank,
        testing::HearthBinary(), folder_, folder_);
    const int status = std::system(command.c_str());
    EXPECT_EQ(WEXITSTATUS(status), 64);
    const std::string errors = ReadWhole(folder_ + "/err");
    EXPECT_EQ(CountOf(errors, "started 2 processes, and MPI sees only one"), rank == 0 ? 1u : 0u)
        << errors;
  }
  EXPECT_FALSE(fs::exists(folder_ + "/run"));
}

TEST_F(Mpirun, BenchCommCountsWhatAStepSends) {
  const std::string json_path = folder_ + "/comm.json";
  const std::string settings = "tasks.per_step=16";  // a chunk for each rank
  const Outcome outcome = Run("bench comm --rounds 1 --json " + json_path, settings, settings);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(CountOf(outcome.out, "operations of 2 ranks (mpi)"), 1u) << outcome.out;
  EXPECT_THAT(outcome.out, Not(HasSubstr("one rank")));

  const auto json = nlohmann::json::parse(ReadWhole(json_path));
  EXPECT_EQ(json["ranks"], 2);
  for (const char* name :
       {"AllReduce int64", "AllReduce float32", "AllGather", "AllToAll", "Broadcast"}) {
    EXPECT_THAT(outcome.out, HasSubstr(name));
    for (const char* bytes : {"8", "16777216"}) {
      EXPECT_GT(json["operations"][name][bytes]["us"]["min"], 0.0) << name << bytes;
      EXPECT_GT(json["operations"][name][bytes]["gb_per_s"], 0.0) << name << bytes;
    }
  }
  EXPECT_GT(json["operations"]["Barrier"]["0"]["us"]["min"], 0.0);
  const auto& steps = json["steps"];
  constexpr double kTables = 7;  // of the simulated data
  const auto dense = steps["dense_parameters"].get<double>();
  const Outcome dry = RunHearth({"train", "--dry-run", "-c", folder_ + "/config.yaml"});
  EXPECT_THAT(dry.out, HasSubstr(fmt::format("parameters  {:.0f} dense", dense)));
  // Fast: a float for each parameter and for each row of the small tables and its element count;
  // doubles for three scalars and three requests. Exact: int64 instead of floats and, with a
  // chunk count, of scalars; the magnitudes of both and of each table.
  const auto exact = steps["exact"]["all_reduce"]["sent_bytes"].get<double>();
  const auto fast = steps["fast"]["all_reduce"]["sent_bytes"].get<double>();
  const double small_tables = (fast - 8 * (3 + 3)) / 4 - dense;
  EXPECT_GT(small_tables, 0.0);
  EXPECT_EQ(exact, 8 * (1 + dense + 3 + small_tables) + 8 * (3 + kTables) + 8 * 3);
  for (const char* mode : {"exact", "fast"}) {
    const auto& step = steps[mode];
    EXPECT_EQ(step["calls"], 3.0) << mode;
    EXPECT_EQ(step["all_reduce"]["sent_bytes"], step["all_reduce"]["received_bytes"]);
    EXPECT_GT(step["comm_share"]["min"], 0.0) << mode;
    EXPECT_LT(step["comm_share"]["max"], 1.0) << mode;
    EXPECT_LE(step["comm_ms"]["max"], step["step_ms"]) << mode;
  }
}

TEST_F(Mpirun, BenchCommEndsLikeOtherCommandsWhenARankFails) {
  const Outcome outcome = Run("bench comm", "", "data.path=" + folder_ + "/none");
  EXPECT_EQ(outcome.code, 65) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("[rank 1 on "));
  const Outcome mixed = Run("bench comm", "", "meta.inner_steps=2");
  EXPECT_EQ(mixed.code, 78) << mixed.err;
  EXPECT_THAT(mixed.err, HasSubstr("configuration"));
}

}  // namespace
}  // namespace hearth
