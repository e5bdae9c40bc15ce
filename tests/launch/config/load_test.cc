#include "launch/config/load.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/config/keys.h"
#include "launch/config/show.h"
#include "tests/launch/config/config_text.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string WriteFile(const std::string& name, const std::string& text) {
  const std::string path = ::testing::TempDir() + "load_test_" + name;
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

TEST(LoadConfig, DefaultsComeFromTheStructs) {
  const Config config = LoadConfig({}).config;
  EXPECT_EQ(ShowConfig(config, false), ShowConfig(Config(), false));
  EXPECT_TRUE(LoadConfig({}).origins.empty());
}

TEST(LoadConfig, LaterFilesAndThenOverridesWin) {
  const std::string first = WriteFile("first.yaml", "meta: {inner_steps: 2, inner_lr: 0.5}\n");
  const std::string second = WriteFile("second.yaml", "meta: {inner_steps: 4}\n");
  EXPECT_EQ(LoadConfig({.files = {first, second}, .overrides = {}}).config.descent.inner_steps, 4);
  EXPECT_EQ(LoadConfig({.files = {second, first}, .overrides = {}}).config.descent.inner_steps, 2);
  const Config config = LoadConfig({.files = {first, second},
                                    .overrides = {"meta.inner_steps=8", "meta.inner_steps=9"}})
                            .config;
  EXPECT_EQ(config.descent.inner_steps, 9);
  EXPECT_EQ(config.descent.inner_lr, 0.5);
}

TEST(LoadConfig, RemembersWhereAValueCameFrom) {
  const std::string file = WriteFile("origin.yaml", "meta:\n  inner_lr: 0.5\n");
  const auto origins = LoadConfig({.files = {file}, .overrides = {"meta.inner_steps=8"}}).origins;
  EXPECT_EQ(origins.at("meta.inner_lr").place.line, 2);
  EXPECT_EQ(origins.at("meta.inner_lr").layer, 1);
  EXPECT_TRUE(origins.at("meta.inner_steps").place.on_command_line());
  EXPECT_EQ(origins.count("meta.method"), 0u);
}

TEST(LoadConfig, PathsAreRelativeToTheirFileOrTheWorkingFolder) {
  const std::string file = WriteFile("paths.yaml", "data: {path: shards}\n");
  const Config config = LoadConfig({.files = {file}, .overrides = {"run.dir=runs/a"}}).config;
  EXPECT_EQ(config.data.path,
            (std::filesystem::path(::testing::TempDir()) / "shards").lexically_normal().string());
  EXPECT_EQ(config.run.dir, (std::filesystem::current_path() / "runs/a").string());
}

TEST(LoadConfig, UnknownKeyInAFile) {
  EXPECT_EQ(
      RefusalOf("# a comment\nmeta:\n  inner_step: 5\n"),
      "test.yaml:3:3: error: unknown key 'meta.inner_step' (did you mean 'meta.inner_steps'?)\n"
      "  3 |   inner_step: 5\n"
      "    |   ^\n"
      "  run 'hearth config keys meta' to list the keys of this section");
}

TEST(LoadConfig, UnknownKeyInAnOverride) {
  EXPECT_EQ(RefusalOfOverrides({"meta.inner_stepss=5"}),
            "command line: meta.inner_stepss=5: error: unknown key 'meta.inner_stepss' "
            "(did you mean 'meta.inner_steps'?)\n"
            "  run 'hearth config keys meta' to list the keys of this section");
}

TEST(LoadConfig, UnknownNamesGetTheNearestValidName) {
  EXPECT_THAT(RefusalOfOverrides({"mta.inner_steps=5"}),
              HasSubstr("did you mean 'meta.inner_steps'?"));
  EXPECT_THAT(RefusalOfOverrides({"inner_steps=5"}), HasSubstr("did you mean 'meta.inner_steps'?"));
  EXPECT_THAT(RefusalOfOverrides({"meta.max_steps=5"}),
              HasSubstr("did you mean 'train.max_steps'?"));
  EXPECT_THAT(
      RefusalOf("trin:\n  max_steps: 5\n  typo: 3\n"),
      AllOf(HasSubstr("unknown section 'trin' (did you mean 'train'?)"), Not(HasSubstr("typo"))));
  EXPECT_THAT(RefusalOfOverrides({"zzzz.qqqq=5"}),
              AllOf(HasSubstr("unknown key 'zzzz.qqqq'"), Not(HasSubstr("did you mean"))));
}

TEST(LoadConfig, WrongModelsAndMethodsGetTheNearestValidName) {
  EXPECT_EQ(RefusalOfOverrides({"meta.method=mmal"}),
            "command line: meta.method=mmal: error: meta.method: 'mmal' is not one of joint, maml, "
            "fomaml, anil, ridge, prototypes (did you mean 'maml'?)\n"
            "  meta.method: meta-learning method; joint: no adaptation");
  for (const auto& [wrong, right] : {std::pair("embeding_dot", "embedding_dot"),
                                     {"embedding-mlp", "embedding_mlp"},
                                     {"dot", "embedding_dot"},
                                     {"mlp", "embedding_mlp"}}) {
    EXPECT_THAT(RefusalOfOverrides({fmt::format("model.type={}", wrong)}),
                HasSubstr(fmt::format("'{}' is not one of embedding_dot, embedding_mlp (did you "
                                      "mean '{}'?)",
                                      wrong, right)));
  }
}

TEST(LoadConfig, EveryOneLetterTypoOfAKeyIsRefused) {
  for (const Key& key : AllKeys()) {
    for (size_t i = key.name.find('.') + 1; i < key.name.size(); ++i) {
      std::string typo = key.name;
      typo.erase(i, 1);
      if (FindKey(typo) != nullptr || typo.ends_with('.')) continue;
      EXPECT_THAT(RefusalOfOverrides({typo + "=1"}), HasSubstr("unknown key")) << typo;
    }
  }
}

TEST(LoadConfig, WrongTypeNamesKeyAndMeaning) {
  EXPECT_EQ(RefusalOf("meta:\n  inner_steps: lots\n"),
            "test.yaml:2:16: error: meta.inner_steps: expected an integer, found 'lots'\n"
            "  2 |   inner_steps: lots\n"
            "    |                ^\n"
            "  meta.inner_steps: gradient steps on the support set");
  EXPECT_THAT(RefusalOfOverrides({"meta.inner_steps=0"}),
              StartsWith("command line: meta.inner_steps=0: error: meta.inner_steps: "
                         "0 is out of range: must be 1 to 1000"));
}

TEST(LoadConfig, ShowsAllProblemsAtOnce) {
  const std::string refusal =
      RefusalOf("meta:\n  inner_steps: x\n  methd: maml\ntrain:\n  max_steps: 010\n");
  EXPECT_THAT(refusal, AllOf(HasSubstr("test.yaml:2:16"), HasSubstr("test.yaml:3:3"),
                             HasSubstr("test.yaml:5:14")));
}

TEST(LoadConfig, ShowsTenProblemsAndCountsTheRest) {
  std::string text = "meta:\n";
  for (int i = 0; i < 13; ++i) text += fmt::format("  bad{}: 1\n", i);
  EXPECT_THAT(RefusalOf(text),
              AllOf(HasSubstr("bad9"), Not(HasSubstr("bad10")), HasSubstr("and 3 more errors")));
}

TEST(LoadConfig, SectionsAndKeysAreNotMixedUp) {
  EXPECT_THAT(RefusalOf("meta: 5\n"), HasSubstr("1:1: error: 'meta' is a section, not a key"));
  EXPECT_THAT(RefusalOf("meta: [a]\n"), HasSubstr("'meta' is a section, not a key"));
  EXPECT_THAT(RefusalOfOverrides({"meta=5"}), HasSubstr("write meta.KEY=VALUE"));
  EXPECT_THAT(RefusalOf("meta:\n  inner_steps:\n    a: 1\n"),
              HasSubstr("meta.inner_steps: expected an integer, found a section"));
  EXPECT_THAT(RefusalOfOverrides({"meta.inner_steps.first=1"}),
              HasSubstr("'meta.inner_steps' has no keys below it: it is of type int"));
  EXPECT_EQ(RefusalOf("meta:\ntrain: {}\n"), "(accepted)");
}

TEST(LoadConfig, OverrideWithoutEqualsIsAUsageError) {
  EXPECT_THROW(LoadConfig({.files = {}, .overrides = {"inner_steps"}}), UsageError);
  EXPECT_THAT(RefusalOfOverrides({"inner_steps"}),
              "unexpected argument 'inner_steps'; settings are written key=value");
  EXPECT_THROW(LoadConfig({.files = {}, .overrides = {"=5"}}), UsageError);
  const std::string file = WriteFile("forgotten.yaml", "");
  EXPECT_THAT(RefusalOfOverrides({file}), HasSubstr("configuration files are given as -c " + file));
}

TEST(LoadConfig, OverridesTakeLists) {
  using List = std::vector<int64_t>;
  EXPECT_EQ(LoadConfig({.files = {}, .overrides = {"model.layers=[8, 4]"}}).config.model.layers,
            (List{8, 4}));
  EXPECT_EQ(LoadConfig({.files = {}, .overrides = {"model.layers=8,4"}}).config.model.layers,
            (List{8, 4}));
  EXPECT_EQ(LoadConfig({.files = {}, .overrides = {"model.layers=[]"}}).config.model.layers,
            List{});
  EXPECT_THAT(RefusalOfOverrides({"model.layers=[8, x]"}),
              HasSubstr("model.layers: expected an integer, found 'x'"));
}

TEST(LoadConfig, ResumeIsAWordOrAPath) {
  EXPECT_EQ(
      LoadConfig({.files = {}, .overrides = {"checkpoint.resume=never"}}).config.checkpoint.resume,
      "never");
  EXPECT_EQ(LoadText("checkpoint: {resume: old/step-5}\n").config.checkpoint.resume,
            "/folder/old/step-5");
}

TEST(LoadConfig, MetricsHaveNames) {
  EXPECT_EQ(LoadConfig({.files = {}, .overrides = {"eval.metric=ndcg@5"}}).config.eval.metric,
            "ndcg@5");
  EXPECT_THAT(RefusalOfOverrides({"eval.metric=ndgc@5"}),
              HasSubstr("command line: eval.metric=ndgc@5: "));
}

TEST(CombinationChecks, NameBothKeys) {
  EXPECT_THAT(RefusalOfOverrides({"tasks.support_min=30"}),
              HasSubstr("tasks.support_min (30) must not exceed tasks.support (20)"));
  EXPECT_THAT(RefusalOfOverrides({"tasks.min_events=3", "tasks.support_min=3"}),
              HasSubstr("tasks.min_events (3) must exceed tasks.support_min (3)"));
  EXPECT_THAT(RefusalOfOverrides({"tasks.per_step=24"}),
              HasSubstr("tasks.per_step (24) must be a multiple of tasks.chunk (16)"));
  EXPECT_THAT(RefusalOfOverrides({"optim.warmup_steps=10", "train.max_steps=10"}),
              HasSubstr("optim.warmup_steps (10) must be less than train.max_steps (10)"));
  EXPECT_THAT(RefusalOfOverrides({"train.patience=3", "eval.every=0"}),
              HasSubstr("train.patience counts evaluations, and eval.every is 0"));
  EXPECT_THAT(RefusalOfOverrides({"dist.comm=nccl", "train.device=cpu"}),
              HasSubstr("dist.comm nccl connects GPUs, and train.device is cpu"));
  EXPECT_THAT(RefusalOfOverrides({"run.dir=/a", "data.path=/a"}),
              HasSubstr("run.dir and data.path are the same folder"));
}

TEST(CombinationChecks, PairwiseLossNeedsNegativesAndARankingMetric) {
  EXPECT_THAT(RefusalOfOverrides({"meta.loss=bpr"}),
              AllOf(HasSubstr("tasks.negatives is 0"), Not(HasSubstr("eval.metric"))));
  EXPECT_THAT(RefusalOfOverrides({"meta.loss=bpr", "tasks.negatives=4", "eval.metric=rmse"}),
              HasSubstr("eval.metric rmse"));
  EXPECT_EQ(RefusalOfOverrides({"meta.loss=bpr", "tasks.negatives=4", "eval.metric=ndcg@10"}),
            "(accepted)");
}

TEST(CombinationChecks, RefuseASettingWithoutEffect) {
  EXPECT_EQ(RefusalOfOverrides({"meta.method=joint", "meta.inner_steps=5"}),
            "command line: meta.inner_steps=5: error: meta.inner_steps has no effect: "
            "meta.method joint does not adapt\n"
            "  remove one of the two");
  EXPECT_THAT(RefusalOfOverrides({"meta.method=anil", "meta.adapt=dense"}),
              HasSubstr("anil always adapts the last layer"));
  EXPECT_THAT(RefusalOfOverrides({"model.type=embedding_dot", "model.layers=8"}),
              HasSubstr("model.layers has no effect"));
  EXPECT_THAT(RefusalOfOverrides({"model.item_id=false", "model.start=als"}),
              HasSubstr("model.item_id is false"));
}

// The keys of the struct are written here again, so a key that leaves the struct's table is missed.
TEST(CombinationChecks, MethodsWithoutGradientStepsRefuseEveryKeyOfGradientDescent) {
  const std::vector<std::string> settings = {
      "meta.inner_steps=5",   "meta.inner_lr=0.5",   "meta.learn_inner_lr=no",    "meta.adapt=all",
      "meta.support_prior=2", "meta.recompute=true", "meta.fast_weights=explicit"};
  int64_t count = 0;
  for (const Key& key : AllKeys()) count += key.options == typeid(GradientDescentOptions);
  EXPECT_EQ(count, std::ssize(settings)) << "a new key of gradient descent joins this list";
  for (const std::string method : {"joint", "ridge", "prototypes"}) {
    for (const std::string& setting : settings) {
      const std::string key = setting.substr(0, setting.find('='));
      EXPECT_THAT(
          RefusalOfOverrides({"meta.method=" + method, setting}),
          HasSubstr(fmt::format("{} has no effect: meta.method {} {}", key, method,
                                method == "joint" ? "does not adapt" : "takes no gradient steps")));
    }
  }
  for (const std::string method : {"maml", "fomaml"}) {
    for (const std::string& setting : settings) {
      EXPECT_EQ(RefusalOfOverrides({"meta.method=" + method, setting}), "(accepted)") << setting;
    }
  }
}

TEST(CombinationChecks, AnInnerRateOfItsOwnNeedsALearnedRate) {
  EXPECT_THAT(RefusalOfOverrides({"meta.method=joint", "optim.inner_lr_lr=0.5"}),
              HasSubstr("optim.inner_lr_lr has no effect: meta.method joint learns no rates"));
  for (const std::string method : {"maml", "fomaml", "anil", "ridge", "prototypes"}) {
    EXPECT_EQ(RefusalOfOverrides({"meta.method=" + method, "optim.inner_lr_lr=0.5"}), "(accepted)")
        << method;
  }
}

TEST(CombinationChecks, ARunsWholeConfigurationMayNameKeysWithoutEffect) {
  Config config;
  config.meta.method = MetaOptions::Method::kRidge;
  config.descent.recompute = true;
  EXPECT_NO_THROW(
      LoadConfig({.files = {WriteFile("whole.yaml", ShowConfig(config, false))}, .overrides = {}}));
}

// Every setting of an entry is legal by itself; an entry with one setting contradicts a default.
TEST(CombinationChecks, RefuseEveryContradictionOfSettingsThatAreEachLegalAlone) {
  struct Contradiction {
    std::vector<std::string> settings;
    std::string refusal;
  };
  const std::vector<Contradiction> contradictions = {
      {{"meta.method=joint", "meta.inner_lr=0.5"}, "meta.inner_lr has no effect"},
      {{"meta.method=joint", "meta.learn_inner_lr=per_element"},
       "meta.learn_inner_lr has no effect"},
      {{"meta.method=joint", "meta.adapt=all"}, "meta.adapt has no effect"},
      {{"meta.learn_inner_lr=per_element", "meta.fast_weights=factored"},
       "meta.fast_weights factored needs one inner rate per parameter"},
      {{"meta.learn_inner_lr=no", "optim.inner_lr_lr=0.5"}, "optim.inner_lr_lr has no effect"},
      {{"model.type=embedding_dot", "model.activation=tanh"}, "model.activation has no effect"},
      {{"model.item_id=false", "model.id_dropout=0.5"}, "model.id_dropout has no effect"},
      {{"model.item_id=false", "model.min_item_events=5"}, "model.min_item_events has no effect"},
      {{"tasks.negative_sampling=popularity"},
       "tasks.negative_sampling has no effect: tasks.negatives is 0"},
      {{"tables.admit_after=3"}, "tables.admit_after has no effect: tables.capacity is 0"},
      {{"tables.evict_after=3"}, "tables.evict_after has no effect: tables.capacity is 0"},
      {{"tables.new_rows=mean"}, "tables.new_rows has no effect: tables.capacity is 0"},
      {{"tables.capacity=4096", "model.start=als"}, "model.start=als needs a row for every item"},
      {{"dist.wire=bfloat16"}, "it needs dist.reduce=fast"},
      {{"dist.local_steps=8", "tables.capacity=4096"}, "every rank keeps whole tables"},
      {{"data.max_bad_shards=1", "data.verify=false"}, "leaves out what data.verify finds"},
      {{"data.max_bad_shards=1", "data.stage=/stage"}, "data.stage copies whole data sets"},
  };
  for (const Contradiction& contradiction : contradictions) {
    EXPECT_THAT(RefusalOfOverrides(contradiction.settings), HasSubstr(contradiction.refusal));
    for (size_t i = 0; i < contradiction.settings.size() && contradiction.settings.size() > 1;
         ++i) {
      EXPECT_EQ(RefusalOfOverrides({contradiction.settings[i]}), "(accepted)")
          << contradiction.settings[i] << " is to be legal without the other settings of its entry";
    }
  }
}

TEST(CombinationChecks, ALaterLayerMayLeaveAnEarlierSettingIdle) {
  const std::string file = WriteFile("idle.yaml", "meta: {method: maml, inner_steps: 5}\n");
  EXPECT_NO_THROW(LoadConfig({.files = {file}, .overrides = {"meta.method=joint"}}));
  const std::string joint = WriteFile("joint.yaml", "meta: {method: joint}\n");
  EXPECT_THROW(LoadConfig({.files = {joint}, .overrides = {"meta.inner_steps=5"}}), ConfigError);
}

}  // namespace
}  // namespace hearth
