// The whole way through the program: simulate, train, stop, resume, evaluate, adapt, recommend.

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/text.h"
#include "tests/launch/command/run_hearth.h"
#include "tests/tools/paths.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class MainJob : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = ::testing::TempDir() + "main_job_" + std::to_string(getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    std::ofstream(Path("config.yaml")) << "data: {path: data}\n"
                                          "tasks: {per_step: 8, chunk: 8}\n"
                                          "model: {dim: 4, layers: [4]}\n"
                                          "meta: {inner_steps: 1}\n"
                                          "train: {max_steps: 4, device: cpu}\n"
                                          "eval: {every: 2, shots: [2], bootstrap: 20}\n"
                                          "checkpoint: {every: 1, keep: 10}\n"
                                          "log: {metrics_every: 1}\n";
    std::ofstream(Path("support.tsv")) << "user\titem\tlabel\nann\ti1\t5\nann\ti2\t1\nbob\ti3\t4\n";
    Run({"data", "synth", "--output", Path("data"), "--users", "60", "--items", "48",
         "--events-per-user", "12"});
    Train("run");
  }
  static void TearDownTestSuite() { fs::remove_all(folder_); }

  static std::string Path(const std::string& name) { return folder_ + "/" + name; }

  /// stdout of a command that must succeed.
  static std::string Run(const std::vector<std::string>& arguments, int code = 0) {
    const Outcome outcome = RunHearth(arguments);
    EXPECT_EQ(outcome.code, code) << outcome.err;
    return outcome.out;
  }
  static void Train(const std::string& run, const std::vector<std::string>& settings = {},
                    int code = 0) {
    std::vector<std::string> arguments = {"train", "-c", Path("config.yaml"),
                                          "run.dir=" + Path(run)};
    arguments.insert(arguments.end(), settings.begin(), settings.end());
    Run(arguments, code);
  }
  static std::vector<nlohmann::json> Metrics(const std::string& run, const std::string& event) {
    std::ifstream file(Path(run) + "/metrics.jsonl");
    std::vector<nlohmann::json> lines;
    for (std::string line; std::getline(file, line);) {
      auto json = nlohmann::json::parse(line);
      if (json["event"] == event) lines.push_back(std::move(json));
    }
    return lines;
  }

  static std::string folder_;
};
std::string MainJob::folder_;

TEST_F(MainJob, LeavesACompleteRunFolder) {
  for (const char* name :
       {"config.yaml", "build.json", "metrics.jsonl", "log.txt", "checkpoints"}) {
    EXPECT_TRUE(fs::exists(Path("run") + "/" + name)) << name;
  }
  EXPECT_FALSE(fs::exists(Path("run") + "/exit.json"));
  EXPECT_THAT(Metrics("run", "step"), SizeIs(4));
  EXPECT_THAT(Metrics("run", "evaluation"), SizeIs(3));
  EXPECT_EQ(Metrics("run", "end").at(0)["outcome"], "done");
  EXPECT_THAT(ReadWhole(Path("run") + "/log.txt"), HasSubstr("done at step 4"));
}

TEST_F(MainJob, ListsAndVerifiesCheckpoints) {
  const auto list = nlohmann::json::parse(Run({"ckpt", "list", "--json", Path("run")}));
  ASSERT_THAT(list, SizeIs(5));
  EXPECT_EQ(list[4]["step"], 4);
  EXPECT_EQ(list[4]["metric"]["name"], "rmse");
  EXPECT_THAT(Run({"ckpt", "verify", Path("run")}), HasSubstr("step-000004: ok"));
}

TEST_F(MainJob, AStoppedRunGoesOnToTheSameBits) {
  Train("stopped", {"train.max_wall_time=0.000001s"}, 75);
  EXPECT_EQ(Metrics("stopped", "end").at(0)["outcome"], "stopped");
  Train("stopped");
  EXPECT_EQ(Metrics("stopped", "resume").at(0)["step"], 1);
  EXPECT_EQ(Run({"ckpt", "hash", Path("stopped")}), Run({"ckpt", "hash", Path("run")}));
  EXPECT_THAT(Run({"ckpt", "hash", Path("run")}), SizeIs(65));
}

TEST_F(MainJob, ADamagedNewestCheckpointIsRefusedLoudlyAndTheOneBeforeUsed) {
  fs::copy(Path("run"), Path("damaged"), fs::copy_options::recursive);
  fs::resize_file(Path("damaged") + "/checkpoints/step-000004/part-00000-of-00001.h5", 100);
  const Outcome outcome =
      RunHearth({"train", "-c", Path("config.yaml"), "run.dir=" + Path("damaged")});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("REFUSED"));
  EXPECT_THAT(outcome.err, HasSubstr("resuming from"));
  EXPECT_EQ(Metrics("damaged", "resume").at(0)["step"], 3);
  EXPECT_EQ(Run({"ckpt", "hash", Path("damaged")}), Run({"ckpt", "hash", Path("run")}));
}

TEST_F(MainJob, EvaluatesIntoTheFixedJsonForm) {
  const std::string text =
      Run({"eval", "--run", Path("run"), "--json", Path("eval.json"), "--step", "last"});
  EXPECT_THAT(text, HasSubstr("test/user_cold"));
  const auto json = nlohmann::json::parse(ReadWhole(Path("eval.json")));
  for (const char* row :
       {"adapted", "unadapted", "global_mean", "support_mean", "bias", "item_knn", "als"}) {
    const auto& rmse = json["user_cold"][row]["rmse"];
    EXPECT_LE(rmse["low"], rmse["mean"]) << row;
    EXPECT_LE(rmse["mean"], rmse["high"]) << row;
    EXPECT_GT(rmse["tasks"], 0) << row;
  }
  EXPECT_TRUE(json["user_cold"]["popularity"].contains("ndcg@10"));
}

TEST_F(MainJob, ARunFolderCanBeMovedAndEvaluatedElsewhere) {
  fs::copy(Path("run"), Path("moved"), fs::copy_options::recursive);
  EXPECT_EQ(Run({"ckpt", "hash", Path("moved")}), Run({"ckpt", "hash", Path("run")}));
  EXPECT_THAT(Run({"eval", "--run", Path("moved"), "--split", "validation"}),
              HasSubstr("validation/user_cold"));
}

TEST_F(MainJob, RecommendsForNewUsers) {
  const std::string text = Run({"recommend", "--run", Path("run"), "--support", Path("support.tsv"),
                                "--top-k", "3", "--exclude-seen"});
  const auto lines = SplitText(text, "\n");
  ASSERT_THAT(lines, SizeIs(8));  // header, 2 x 3, nothing behind the last line end
  EXPECT_EQ(lines[0], "user\titem\trank\tscore\ttitle");
  EXPECT_THAT(std::string(lines[1]), StartsWith("ann\t"));
  EXPECT_THAT(std::string(lines[4]), StartsWith("bob\t"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("bob\ti3\t")));
}

TEST_F(MainJob, SavedAdaptationRecommendsTheSame) {
  Run({"adapt", "--run", Path("run"), "--support", Path("support.tsv"), "--output", Path("users")});
  const std::string direct =
      Run({"recommend", "--run", Path("run"), "--support", Path("support.tsv")});
  EXPECT_EQ(Run({"recommend", "--run", Path("run"), "--adapted", Path("users")}), direct);
  EXPECT_NE(
      Run({"recommend", "--run", Path("run"), "--support", Path("support.tsv"), "--no-adapt"}),
      direct);
}

TEST_F(MainJob, EmbeddingsThatAdaptAreTrainedSavedAndServed) {
  Train("all", {"meta.adapt=all", "meta.learn_inner_lr=per_element"});
  Run({"adapt", "--run", Path("all"), "--support", Path("support.tsv"), "--output",
       Path("all-users")});
  EXPECT_EQ(Run({"recommend", "--run", Path("all"), "--adapted", Path("all-users")}),
            Run({"recommend", "--run", Path("all"), "--support", Path("support.tsv")}));
}

TEST_F(MainJob, RecommendsAsJsonLines) {
  Run({"recommend", "--run", Path("run"), "--support", Path("support.tsv"), "--top-k", "2",
       "--format", "jsonl", "--output", Path("top.jsonl")});
  std::ifstream file(Path("top.jsonl"));
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["user"], "ann");
  EXPECT_THAT(json["items"], SizeIs(2));
  EXPECT_TRUE(json["items"][0].contains("title"));
}

TEST_F(MainJob, TheGradientOfTheConfigurationIsRight) {
  const std::string text =
      Run({"bench", "gradcheck", "-c", Path("config.yaml"), "--json", Path("gradient.json")});
  EXPECT_THAT(text, HasSubstr("\nright ("));
  std::ifstream file(Path("gradient.json"));
  const auto json = nlohmann::json::parse(file);
  EXPECT_LT(json["difference_error"], 1e-5);
  EXPECT_LT(json["fused_error"], 1e-10);
  EXPECT_GT(json["second_order_share"], 1e-3);
}

TEST_F(MainJob, TheGradientOfTasksThatAreNotFiniteIsWrong) {
  const std::string text =
      Run({"bench", "gradcheck", "-c", Path("config.yaml"), "meta.inner_lr=1e300", "--tasks", "3",
           "--json", Path("wrong.json")},
          static_cast<int>(ExitCode::kNumeric));
  EXPECT_THAT(text, HasSubstr("3 of 3 tasks were not finite"));
  EXPECT_THAT(text, HasSubstr("\nWRONG ("));
  std::ifstream file(Path("wrong.json"));
  EXPECT_EQ(nlohmann::json::parse(file)["finite_tasks"], 0);
}

TEST_F(MainJob, TheGradientIsRightWhereReluSitsOnItsKinkAndEverythingAdapts) {
  const std::string text =
      Run({"bench", "gradcheck", "-c", Path("config.yaml"), "model.type=embedding_mlp",
           "model.activation=relu", "model.init_scale=0.001", "meta.adapt=all",
           "meta.learn_inner_lr=per_element", "meta.recompute=true"});
  EXPECT_THAT(text, HasSubstr("gelu for relu"));
  EXPECT_THAT(text, HasSubstr("\nright ("));
}

TEST_F(MainJob, TheEnginesAreTimedOnTheConfiguration) {
  const std::string text = Run(
      {"bench", "step", "-c", Path("config.yaml"), "--rounds", "1", "--json", Path("step.json")});
  EXPECT_THAT(text, HasSubstr("fused engine"));
  std::ifstream file(Path("step.json"));
  EXPECT_GT(nlohmann::json::parse(file)["generic engine"]["tasks_per_s"], 0.0);
}

TEST_F(MainJob, ReadingAndSamplingAreTimedBesideTheGradients) {
  const std::string text =
      Run({"bench", "io", "-c", Path("config.yaml"), "--rounds", "1", "--json", Path("io.json")});
  EXPECT_THAT(text, HasSubstr("first pass over "));
  const auto json = nlohmann::json::parse(ReadWhole(Path("io.json")));
  const auto manifest = nlohmann::json::parse(ReadWhole(Path("data") + "/manifest.json"));
  int64_t events = 0;
  for (const auto& shard : manifest["shards"]) {
    if (shard["part"] == "train") events += shard["event_count"].get<int64_t>();
  }
  EXPECT_EQ(json["first pass"]["bytes"], 16 * events);  // item, time and label of each
  for (const char* row : {"read shards again", "build episodes", "loader with prefetch",
                          "make tensors", "meta-gradients", "copy in memory"}) {
    EXPECT_THAT(text, HasSubstr(row));
    EXPECT_GT(json[row]["tasks_per_s"]["min"], 0.0) << row;
    EXPECT_GT(json[row]["rows_per_s"]["median"], 0.0) << row;
  }
  EXPECT_GT(json["read shards again"]["mb_per_s"]["median"], 0.0);
  EXPECT_EQ(json["meta-gradients"]["ratio"]["median"], 1.0);
  EXPECT_FALSE(json["build episodes"].contains("mb_per_s"));
}

TEST_F(MainJob, OneRankCommunicatesNothingAndIsToldSo) {
  const std::string text = Run(
      {"bench", "comm", "-c", Path("config.yaml"), "--rounds", "1", "--json", Path("comm.json")});
  EXPECT_THAT(text, HasSubstr("one rank: nothing is sent; start it with mpirun -np N"));
  const auto json = nlohmann::json::parse(ReadWhole(Path("comm.json")));
  EXPECT_EQ(json["ranks"], 1);
  EXPECT_FALSE(json.contains("operations"));
  for (const char* mode : {"exact", "fast"}) {
    const auto& step = json["steps"][mode];
    EXPECT_GT(step["tasks_per_s"]["min"], 0.0) << mode;
    EXPECT_GT(step["calls"], 0.0) << mode;
    EXPECT_EQ(step["sent_bytes"], 0.0) << mode;
    EXPECT_EQ(step["received_bytes"], 0.0) << mode;
  }
}

TEST_F(MainJob, ADryRunTrainsNothing) {
  const std::string text =
      Run({"train", "--dry-run", "-c", Path("config.yaml"), "run.dir=" + Path("dry")});
  EXPECT_THAT(text, HasSubstr("nothing was trained"));
  EXPECT_THAT(text, ContainsRegex("[0-9]+ of [0-9]+ training tasks have tasks.min_events=[0-9]+"));
  EXPECT_FALSE(fs::exists(Path("dry")));
}

TEST_F(MainJob, TheShippedConfigurationsAreGood) {
  for (const char* name : {"binary.yaml", "clicks.yaml", "quickstart.yaml", "ratings.yaml"}) {
    EXPECT_THAT(Run({"config", "check", testing::SourcePath(std::string("configs/") + name)}),
                HasSubstr("ok"));
  }
}

}  // namespace
}  // namespace hearth
