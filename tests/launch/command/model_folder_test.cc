// A base model as a folder: written by a run, served and evaluated without the run's data set.

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/launch/command/run_hearth.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// A method or a model, and the settings that choose it.
struct Case {
  std::string name;
  std::vector<std::string> settings;
};

class ModelFolderCommand : public ::testing::TestWithParam<Case> {
 protected:
  ModelFolderCommand()
      : folder_(::testing::TempDir() + "model_folder_" + std::to_string(getpid())) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    std::ofstream(Path("support.tsv")) << "user\titem\tlabel\nann\ti1\t5\nann\ti2\t1\nbob\ti3\t4\n";
    Run({"data", "synth", "--output", Path("data"), "--users", "60", "--items", "48",
         "--events-per-user", "12"});
    Train({});
  }
  ~ModelFolderCommand() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  /// Runs a command and returns its stdout.
  static std::string Run(const std::vector<std::string>& arguments, int code = 0) {
    const Outcome outcome = RunHearth(arguments);
    EXPECT_EQ(outcome.code, code) << outcome.err;
    return outcome.out;
  }
  void Train(const std::vector<std::string>& settings) const {
    std::vector<std::string> arguments = {"train",
                                          "data.path=" + Path("data"),
                                          "run.dir=" + Path("run"),
                                          "tasks.per_step=8",
                                          "tasks.chunk=8",
                                          "model.dim=4",
                                          "train.device=cpu",
                                          "eval.every=2",
                                          "eval.bootstrap=20",
                                          "eval.shots=[2]"};
    const std::vector<std::string>& chosen = GetParam().settings;
    arguments.insert(arguments.end(), chosen.begin(), chosen.end());
    if (settings.empty()) arguments.push_back("train.max_steps=4");
    arguments.insert(arguments.end(), settings.begin(), settings.end());
    Run(arguments);
  }
  /// The text behind the first line, which names the model.
  static std::string WithoutFirstLine(const std::string& text) {
    return text.substr(text.find('\n') + 1);
  }

  std::string folder_;
};

// Every method with a state of its own, with the default model; every other model with maml.
INSTANTIATE_TEST_SUITE_P(
    , ModelFolderCommand,
    ::testing::Values(Case{"maml", {"meta.method=maml", "model.layers=[4]"}},
                      Case{"ridge", {"meta.method=ridge", "model.layers=[4]"}},
                      Case{"prototypes", {"meta.method=prototypes", "model.layers=[4]"}},
                      Case{"dot", {"meta.method=maml", "model.type=embedding_dot"}}),
    [](const auto& test) { return test.param.name; });

TEST_P(ModelFolderCommand, AnswersAsTheRunDoes) {
  const std::vector<std::string> rest = {"--support", Path("support.tsv"), "--top-k", "7"};
  const auto recommend = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "recommend");
    arguments.insert(arguments.end(), rest.begin(), rest.end());
    return Run(arguments);
  };
  const std::string of_run = recommend({"--run", Path("run")});
  const std::string evaluated = Run({"eval", "--run", Path("run")});
  EXPECT_EQ(
      WithoutFirstLine(Run({"eval", "--model", Path("run/model"), "data.path=" + Path("data")})),
      WithoutFirstLine(evaluated));
  // No data set, no run: the folder alone.
  fs::rename(Path("run/model"), Path("model"));
  fs::remove_all(Path("data"));
  fs::remove_all(Path("run"));
  EXPECT_EQ(recommend({"--model", Path("model")}), of_run);
  Run({"adapt", "--model", Path("model"), "--support", Path("support.tsv"), "--output",
       Path("users")});
  EXPECT_EQ(
      Run({"recommend", "--model", Path("model"), "--adapted", Path("users"), "--top-k", "7"}),
      of_run);
}

TEST_P(ModelFolderCommand, ExportWritesTheSameFolderAndCopiesIt) {
  Run({"export", "--run", Path("run"), "--output", Path("exported")});
  Run({"export", "--model", Path("run/model"), "--output", Path("copied")});
  for (const auto& entry : fs::recursive_directory_iterator(Path("run/model"))) {
    if (!entry.is_regular_file()) continue;
    const std::string file = fs::relative(entry.path(), Path("run/model")).string();
    const std::string content = ReadWhole(entry.path().string());
    EXPECT_TRUE(ReadWhole(Path("exported/") + file) == content) << file;
    EXPECT_TRUE(ReadWhole(Path("copied/") + file) == content) << file;
  }
}

TEST_P(ModelFolderCommand, ARunThatGoesOnWritesItsModelAgain) {
  const std::string before = ReadWhole(Path("run/model/model.json"));
  Train({"train.max_steps=8"});
  EXPECT_NE(ReadWhole(Path("run/model/model.json")), before);
}

TEST_P(ModelFolderCommand, AnotherDataSetIsBoundWithAReport) {
  Run({"data", "synth", "--output", Path("other"), "--users", "40", "--items", "60",
       "--events-per-user", "12", "--seed", "9"});
  const Outcome outcome =
      RunHearth({"eval", "--model", Path("run/model"), "data.path=" + Path("other")});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr(" items known, "));
  EXPECT_THAT(outcome.err, HasSubstr(" new"));
  EXPECT_THAT(RunHearth({"eval", "--run", Path("run"), "data.path=" + Path("other")}).err,
              HasSubstr("--model RUN/model"));
}

TEST_P(ModelFolderCommand, WrongArgumentsAreRefused) {
  const std::string model = Path("run/model");
  EXPECT_THAT(RunHearth({"eval", "--model", model}).err,
              HasSubstr("bind a data set with data.path=DIR"));
  EXPECT_THAT(RunHearth({"recommend", "--support", Path("support.tsv")}).err,
              HasSubstr("--run DIR (a run folder) or --model DIR (a model folder)"));
  EXPECT_EQ(RunHearth({"eval", "--model", model, "--run", Path("run")}).code, 64);
  EXPECT_EQ(RunHearth({"eval", "--model", Path("nowhere")}).code, 64);
  fs::resize_file(model + "/model.safetensors", 100);
  const Outcome damaged =
      RunHearth({"recommend", "--model", model, "--support", Path("support.tsv")});
  EXPECT_EQ(damaged.code, 65);
  EXPECT_THAT(damaged.err, HasSubstr("model.safetensors"));
}

}  // namespace
}  // namespace hearth
