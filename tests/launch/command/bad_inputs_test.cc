// A table of wrong command lines, each with its exit code and words of its message. {in} is the
// case's own file, {good} a good configuration, {data} a good data set, {run} a good run, {tmp} an
// empty folder, {copy} a damaged copy of {data} or {run}.

#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/text.h"
#include "tests/launch/command/damage.h"
#include "tests/launch/command/run_hearth.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

struct BadInput {
  std::string name;
  std::string command;
  int code;
  std::string message;                               ///< words of stderr, or of stdout for reports
  std::string file = {};                             ///< contents of {in}
  std::function<void(const fs::path&)> damage = {};  ///< of {copy}; see damage.h
};

void PrintTo(const BadInput& input, std::ostream* stream) { *stream << input.command; }

/// A data set and a run that are good, made once by the program itself.
class GoodInputs {
 public:
  static const GoodInputs& Get() {
    static const GoodInputs inputs;
    return inputs;
  }
  std::string folder() const { return folder_; }
  std::string data() const { return folder_ + "/data"; }
  std::string run() const { return folder_ + "/run"; }
  std::string config() const { return folder_ + "/good.yaml"; }

 private:
  GoodInputs() : folder_(::testing::TempDir() + "bad_inputs_" + std::to_string(getpid())) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    std::ofstream(config()) << "tasks: {per_step: 8, chunk: 8}\n"
                               "model: {dim: 4, layers: [4]}\n"
                               "meta: {inner_steps: 1}\n"
                               "train: {max_steps: 2, device: cpu}\n"
                               "checkpoint: {every: 1}\n";
    Expect({"data", "synth", "--output", data(), "--users", "60", "--items", "48",
            "--events-per-user", "12"});
    Expect({"train", "-c", config(), "run.dir=" + run(), "data.path=" + data()});
  }
  static void Expect(const std::vector<std::string>& arguments) {
    const Outcome outcome = RunHearth(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
  }

  std::string folder_;
};

class BadInputTest : public ::testing::TestWithParam<BadInput> {
 protected:
  BadInputTest() {
    folder_ = GoodInputs::Get().folder() + "/case_" + GetParam().name;
    fs::create_directories(folder_ + "/tmp");
  }
  ~BadInputTest() override { fs::remove_all(folder_); }

  std::string Fill(std::string text) const {
    const GoodInputs& good = GoodInputs::Get();
    const std::pair<std::string, std::string> values[] = {
        {"{in}", folder_ + "/in"}, {"{tmp}", folder_ + "/tmp"}, {"{copy}", folder_ + "/copy"},
        {"{data}", good.data()},   {"{run}", good.run()},       {"{good}", good.config()}};
    for (const auto& [name, value] : values) {
      for (size_t at; (at = text.find(name)) != std::string::npos;)
        text.replace(at, name.size(), value);
    }
    return text;
  }

  std::string folder_;
};

TEST_P(BadInputTest, IsRefusedWithItsCodeAndMessage) {
  const BadInput& input = GetParam();
  std::ofstream(folder_ + "/in", std::ios::binary) << input.file;
  if (input.damage) {
    const bool of_run = input.command.find("run.dir={copy}") != std::string::npos ||
                        input.command.find("--run {copy}") != std::string::npos ||
                        input.command.starts_with("ckpt");
    fs::copy(of_run ? GoodInputs::Get().run() : GoodInputs::Get().data(), folder_ + "/copy",
             fs::copy_options::recursive);
    input.damage(folder_ + "/copy");
  }
  std::vector<std::string> arguments;
  const std::string command = Fill(input.command);
  for (const std::string_view word : SplitText(command, " ")) {
    if (!word.empty()) arguments.emplace_back(word);
  }
  const Outcome outcome = RunHearth(arguments);
  EXPECT_EQ(outcome.code, input.code) << outcome.err;
  EXPECT_THAT(outcome.err + outcome.out, HasSubstr(Fill(input.message)));
  EXPECT_THAT(outcome.err, ::testing::Not(HasSubstr("internal")));
}

std::string NameOfCase(const ::testing::TestParamInfo<BadInput>& info) { return info.param.name; }

const BadInput kConfigurations[] = {
    {"UnknownKey", "config check {in}", 78,
     "unknown key 'meta.inner_step' (did you mean 'meta.inner_steps'?)",
     "meta:\n  inner_step: 5\n"},
    {"UnknownSection", "config check {in}", 78, "unknown section 'metta' (did you mean 'meta'?)",
     "metta:\n  inner_steps: 5\n"},
    {"DuplicateKey", "config check {in}", 78, "{in}:3:3: error: duplicate key 'meta.inner_steps'",
     "meta:\n  inner_steps: 5\n  inner_steps: 5\n"},
    {"SecondDocument", "config check {in}", 78, "a second document",
     "run:\n  name: a\n---\nrun:\n  name: b\n"},
    {"Tab", "config check {in}", 78, "{in}:2:1: error: tab character", "run:\n\tname: a\n"},
    {"Anchor", "config check {in}", 78, "anchors and aliases are not allowed",
     "run: &x\n  name: a\n"},
    {"MergeKey", "config check {in}", 78, "merge key", "run:\n  <<: {name: a}\n"},
    {"Tag", "config check {in}", 78, "tag ", "run:\n  seed: !!int 3\n"},
    {"Octal", "config check {in}", 78, "'010' starts with 0", "meta:\n  inner_steps: 010\n"},
    {"Underscore", "config check {in}", 78, "has an underscore", "train:\n  max_steps: 1_000\n"},
    {"Fraction", "config check {in}", 78, "expected an integer, found '2.5'",
     "meta:\n  inner_steps: 2.5\n"},
    {"Exponent", "config check {in}", 78, "write 1000", "train:\n  max_steps: 1e3\n"},
    {"QuotedNumber", "config check {in}", 78, "remove the quotes", "train:\n  max_steps: \"5\"\n"},
    {"NotANumber", "config check {in}", 78, "expected a finite number, found '.nan'",
     "optim:\n  lr: .nan\n"},
    {"Infinite", "config check {in}", 78, "expected a finite number, found '.inf'",
     "optim:\n  lr: .inf\n"},
    {"OutOfRange", "config check {in}", 78, "optim.lr: -1 is out of range: must be > 0",
     "optim:\n  lr: -1\n"},
    {"Yes", "config check {in}", 78, "expected true or false, found 'yes'",
     "data:\n  verify: yes\n"},
    {"WrongChoice", "config check {in}", 78, "did you mean 'exact'?", "dist:\n  reduce: exakt\n"},
    {"ListForNumber", "config check {in}", 78, "expected an integer, found a list",
     "model:\n  dim: [3]\n"},
    {"NumberForList", "config check {in}", 78, "write [64]", "model:\n  layers: 64\n"},
    {"SectionForValue", "config check {in}", 78, "found a section", "model:\n  dim:\n    x: 3\n"},
    {"ValueForSection", "config check {in}", 78, "'model' is a section, not a key", "model: 3\n"},
    {"NoValue", "config check {in}", 78, "found no value", "model:\n  dim:\n"},
    {"Latin1", "config check {in}", 78, "byte 0xe9 is not UTF-8", "run:\n  name: caf\xE9\n"},
    {"ByteOrderMark", "config check {in}", 78, "byte order mark", "\xEF\xBB\xBFrun:\n  name: a\n"},
    {"ControlCharacter", "config check {in}", 78, "control character 0x01",
     "run:\n  name: a\x01\n"},
    {"TopLevelList", "config check {in}", 78, "expected sections with keys, found a list", "- a\n"},
    {"OpenQuote", "config check {in}", 78, "the quote is not closed", "run:\n  name: \"a\n"},
    {"OpenBracket", "config check {in}", 78, "a value over several lines",
     "model:\n  layers: [1, 2\nmeta:\n  inner_steps: 2\n"},
    {"Indentation", "config check {in}", 78, "{in}:3:2: error: not valid YAML",
     "run:\n  name: a\n seed: 3\n"},
    {"NoFile", "config check {tmp}/none.yaml", 78, "no such configuration file"},
    {"Folder", "config check {tmp}", 78, "not a regular file"},
    {"HugeFile", "config check {in}", 78, "more than the 1 MiB", std::string(1100000, '#')},
    {"UnsetVariable", "config check {in}", 78, "environment variable 'HEARTH_NOT_SET' is not set",
     "data:\n  path: ${HEARTH_NOT_SET}/x\n"},
    {"SupportTooSmall", "config check {in}", 78,
     "tasks.support_min (9) must not exceed tasks.support (3)",
     "tasks: {support: 3, support_min: 9, min_events: 20}\n"},
    {"PerStepNoMultiple", "config check {in}", 78, "must be a multiple of tasks.chunk",
     "tasks: {per_step: 17}\n"},
    {"JointWithInnerSteps", "config check {in}", 78, "meta.inner_steps has no effect",
     "meta: {method: joint, inner_steps: 2}\n"},
    {"PairwiseWithoutNegatives", "config check {in}", 78, "tasks.negatives is 0",
     "meta: {loss: bpr}\n"},
    {"Unit", "config check {in}", 78, "unknown unit 'm'", "dist:\n  timeout: 10m\n"},
    {"EpochsForSteps", "config check {in}", 78, "expected a number of steps, found '2epoch'",
     "eval:\n  every: 2epoch\n"},
    {"UnknownMetric", "config check {in}", 78, "eval.metric: unknown metric 'rsme'",
     "eval:\n  metric: rsme\n"},
    {"SecondFileIsChecked", "config check {good} {in}", 78, "{in}:1:8: error: unknown key",
     "meta: {x: 1}\n"},
};

const BadInput kCommandLines[] = {
    {"NoCommand", "", 64, "'hearth' needs a command: data, config, train"},
    {"UnknownCommand", "trai", 64, "unknown command 'hearth trai' (did you mean 'train'?)"},
    {"UnknownSubcommand", "data convrt", 64,
     "unknown command 'hearth data convrt' (did you mean 'convert'?)"},
    {"GroupAlone", "config", 64, "'hearth config' needs a command: show, keys, check"},
    {"UnknownOption", "train --confg x", 64,
     "unknown option '--confg' of 'hearth train' (did you mean '--config'?)"},
    {"MissingOption", "data convert --format csv", 64, "--input is required"},
    {"MissingValue", "train -c", 64, "hearth train: "},
    {"OctalOption", "data synth --output {tmp} --users 010", 64, "--users: '010' starts with 0"},
    {"OptionOutOfRange", "data synth --output {tmp} --users 3", 64, "--users: 3 is out of range"},
    {"WrongFormat", "data convert --format movilens --input x --output y", 64,
     "did you mean 'movielens'?"},
    {"WrongLogLevel", "--log-level loud doctor", 64, "--log-level: 'loud' is not one of"},
    {"WrongSection", "config keys mta", 64, "unknown section 'mta' (did you mean 'meta'?)"},
    {"TwoForms", "config keys --json --markdown", 64, "--markdown excludes --json"},
    {"TooManyWords", "doctor now", 64, "hearth doctor"},
    {"OverrideWithoutValue", "config show meta.inner_steps", 64, "settings are written key=value"},
    {"ForgottenDashC", "config show {good}", 64, "configuration files are given as -c {good}"},
    {"UnknownOverride", "config show meta.inner_stepss=5", 78,
     "command line: meta.inner_stepss=5: "},
    {"OverrideOutOfRange", "config show meta.inner_steps=0", 78, "must be 1 to 1000"},
    {"TrainWithoutData", "train run.dir={tmp}/r", 78, "data.path is not set"},
    {"TrainWithoutRun", "train data.path={data}", 78, "run.dir is not set"},
    {"EngineThatDoesNotApply",
     "train data.path={data} run.dir={tmp}/r model.layers=[8,8,8,8] "
     "train.engine=fused",
     78, "train.engine=fused does not apply here: 5 layers adapt, at most 4 may"},
    {"GradcheckWithoutData", "bench gradcheck", 78, "data.path is not set"},
    {"IoWithoutData", "bench io", 78, "data.path is not set"},
    {"CommWithoutData", "bench comm", 78, "data.path is not set"},
    {"IoWithoutRounds", "bench io --rounds 0 data.path={data}", 64, "--rounds: 0 is out of range"},
    {"CommWithoutRounds", "bench comm --rounds 0 data.path={data}", 64,
     "--rounds: 0 is out of range"},
    {"IoIntoNoFolder", "bench io -c {good} data.path={data} --json {tmp}/none/io.json", 74,
     "{tmp}/none"},
    {"CommIntoNoFolder", "bench comm -c {good} data.path={data} --json {tmp}/none/comm.json", 74,
     "{tmp}/none"},
    {"LaunchAlone", "launch", 64, "'hearth launch' needs a command: local, slurm"},
    {"LaunchWithoutRanks", "launch local -c {good} --print", 64, "--ranks is required"},
    {"LaunchOfNoRanks", "launch local -c {good} --ranks 0", 64, "--ranks: 0 is out of range"},
    {"LaunchWithoutRun", "launch local -c {good} --ranks 2 data.path={data}", 78,
     "run.dir is not set"},
    {"LaunchWithBadKey", "launch local -c {good} --ranks 2 meta.x=1", 78, "unknown key 'meta.x'"},
    {"LaunchOnNoHosts",
     "launch local -c {good} --ranks 2 --hostfile {tmp}/none run.dir={tmp}/r data.path={data}", 64,
     "--hostfile: {tmp}/none cannot be read"},
    {"SlurmWithoutConfig", "launch slurm run.dir={tmp}/r data.path={data}", 64,
     "-c FILE is required"},
    {"SlurmLauncher", "launch slurm -c {good} --launcher aprun", 64, "--launcher: 'aprun'"},
    {"SlurmNodes", "launch slurm -c {good} --nodes 0", 64, "--nodes: 0 is out of range"},
    {"SlurmTime", "launch slurm -c {good} --time tomorrow --print run.dir={tmp}/r data.path={data}",
     64, "--time: 'tomorrow' is no time limit"},
    {"SlurmOption",
     "launch slurm -c {good} --sbatch qos=long --print run.dir={tmp}/r data.path={data}", 64,
     "'qos=long' is no long option of sbatch"},
    {"RecommendWithoutUsers", "recommend --run {run}", 64,
     "give exactly one of --support, --users"},
    {"RecommendTwice", "recommend --run {run} --support {in} --users {in}", 64, "give exactly one"},
    {"NoSuchRun", "eval --run {tmp}/none", 64, "no such run folder"},
    {"FolderIsNoRun", "eval --run {tmp}", 78, "holds no run"},
    {"ListOfNothing", "ckpt list {tmp}/none", 64, "no such run folder"},
    {"HashOfNothing", "ckpt hash {tmp}", 65, "no checkpoint in this run folder"},
    {"StepIsNoNumber", "ckpt hash {run} --step newest", 64, "write best, last or a step number"},
    {"NoSuchStep", "ckpt hash {run} --step 99", 65, "no checkpoint of step 99; there are 0, 1, 2"},
};

const std::string kCsv =
    "data convert --format csv --delimiter , --label-col label --input {in} --output {tmp}/d ";
const std::string kJsonLines = "data convert --format jsonl --input {in} --output {tmp}/d ";
const BadInput kRawFiles[] = {
    {"NoInput", "data convert --format csv --input {tmp}/none.csv --output {tmp}/d", 65,
     "none.csv"},
    {"EmptyCsv", kCsv, 65, "{in}", ""},
    {"HeaderAlone", kCsv, 65, "no event is left of '{in}'", "user,item,label\n"},
    {"MissingColumn", kCsv, 65, "label", "user,item,stars\nu,i,3\n"},
    {"BadLabel", kCsv, 65, "{in}:3", "user,item,label\nu,i,3\nu,j,good\n"},
    {"NanLabel", kCsv, 65, "{in}:2", "user,item,label\nu,i,nan\n"},
    {"MissingLabel", kCsv, 65, "{in}:2", "user,item,label\nu,i,\n"},
    {"ShortRow", kCsv, 65, "{in}:3", "user,item,label\nu,i,3\nu,j\n"},
    {"EmptyId", kCsv, 65, "{in}:2", "user,item,label\n,i,3\n"},
    {"BadTime", kCsv + "--time-col time", 65, "{in}:2", "user,item,label,time\nu,i,3,noon\n"},
    {"OpenCsvQuote", kCsv, 65, "{in}", "user,item,label\n\"u,i,3\n"},
    {"RefusedDuplicates", kCsv + "--duplicates refuse", 65, "(events 1 and 2 of '{in}')",
     "user,item,label\nu,i,3\nu,i,4\n"},
    {"TooManyBadRows", kCsv + "--on-bad-row skip --max-bad 1", 65, "{in}",
     "user,item,label\nu,i,x\nu,j,y\nu,k,z\n"},
    {"BadDelimiter", "data convert --format csv --input {in} --output {tmp}/d --delimiter ab", 64,
     "delimiter"},
    {"NoJsonLines", "data convert --format jsonl --input {tmp}/none.jsonl --output {tmp}/d", 65,
     "none.jsonl"},
    {"JsonList", kJsonLines, 65, "jq -c '.[]'", "[{\"user\": 1, \"item\": 2}]\n"},
    {"PrettyJson", kJsonLines, 65, "jq -c .", "{\n\"user\": 1,\n\"item\": 2\n}\n"},
    {"CsvAsJsonLines", kJsonLines, 65, "--format csv", "user,item\nu,i\n"},
    {"BadJson", kJsonLines, 65, "{in}:2", "{\"user\": 1, \"item\": 2}\n{\"user\": 1, \"item\":\n"},
    {"MissingKey", kJsonLines, 65, "'item'", "{\"user\": 1, \"itm\": 2}\n"},
    {"NoAmazon", "data convert --format amazon --input {tmp} --output {tmp}/d", 65, "{tmp}"},
    {"NoCriteo",
     "data convert --format criteo --user-col C1 --item-col C2 --input {tmp}/none --output {tmp}/d",
     65, "none"},
    {"CriteoUsers", "data convert --format criteo --input {in} --output {tmp}/d", 64, "--user-col"},
    {"NoAvazu", "data convert --format avazu --input {tmp}/none --output {tmp}/d", 65, "none"},
    {"NoMovieLens", "data convert --format movielens --input {tmp} --output {tmp}/d", 65, "{tmp}"},
    {"NoRecBole", "data convert --format recbole --input {tmp} --output {tmp}/d", 65, "{tmp}"},
    {"RecBoleHeader", "data convert --format recbole --input {in} --output {tmp}/d", 65, "{in}",
     "user_id\titem_id\tlabel\n1\t2\t3\n"},
    {"OutputInUse", "data synth --output {run}", 64, "{run}"},
    {"SplitFractions", "data synth --output {tmp}/d --validation-users 0.6 --test-users 0.6", 64,
     "users"},
    {"SplitOfNothing", "data split --input {tmp} --output {tmp}/d", 65, "manifest"},
};

const BadInput kShards[] = {
    {"NoManifest", "data describe {tmp}", 65, "manifest.json"},
    {"NoSuchDataSet", "train run.dir={tmp}/r data.path={tmp}/none", 65, "{tmp}/none"},
    {"CutManifest", "data validate {copy}", 65, "manifest.json", "", CutFile("manifest.json", 0.5)},
    {"ManifestIsNoJson", "data describe {copy}", 65, "manifest.json", "",
     ReplaceFile("manifest.json", "hello")},
    {"CutShard", "data validate {copy}", 65, "train-00000.h5", "", CutFile("train-00000.h5", 0.7)},
    {"CutShardInTraining", "train -c {good} run.dir={tmp}/r data.path={copy}", 65, "train-00000.h5",
     "", CutFile("train-00000.h5", 0.7)},
    {"FlippedShard", "data validate {copy}", 65, "train-00000.h5", "",
     FlipByte("train-00000.h5", 0.98)},
    {"FlippedShardAtOpen", "train -c {good} run.dir={tmp}/r data.path={copy} data.verify=true", 65,
     "train-00000.h5", "", FlipByte("train-00000.h5", 0.98)},
    {"TextForShard", "data validate {copy}", 65, "train-00000.h5", "",
     ReplaceFile("train-00000.h5", "hello")},
    {"LostShard", "data validate {copy}", 65, "train-00000.h5", "", RemoveFile("train-00000.h5")},
    {"LostItems", "data describe {copy}", 74, "items.h5", "", RemoveFile("items.h5")},
    {"UnknownPart", "data head {data} --part test/warm", 65, "warm"},
};

const std::string kSupport = "recommend --run {run} --support {in}";
const BadInput kRuns[] = {
    {"CutCheckpoint", "ckpt verify {copy}", 65, "step-000002: BAD", "",
     CutFile("checkpoints/step-000002/part-00000-of-00001.h5", 0.9)},
    {"FlippedCheckpoint", "ckpt verify {copy}", 65, "step-000002: BAD", "",
     FlipByte("checkpoints/step-000002/part-00000-of-00001.h5", 0.5)},
    {"FlippedManifest", "ckpt hash {copy}", 65, "MANIFEST.json", "",
     FlipByte("checkpoints/step-000002/MANIFEST.json", 0.5)},
    {"LostPart", "ckpt hash {copy}", 65, "part-00000-of-00001.h5", "",
     RemoveFile("checkpoints/step-000002/part-00000-of-00001.h5")},
    {"ExtraPart", "ckpt verify {copy}", 65, "step-000002: BAD", "",
     ReplaceFile("checkpoints/step-000002/part-00001-of-00002.h5", "x")},
    {"RenamedStep", "ckpt verify {copy}", 65, "step-000007: BAD", "",
     Rename("checkpoints/step-000002", "checkpoints/step-000007")},
    {"EvalOfDamaged", "eval --run {copy} --step 2", 65, "part-00000-of-00001.h5", "",
     FlipByte("checkpoints/step-000002/part-00000-of-00001.h5", 0.5)},
    {"ResumeFromOnlyDamaged", "train -c {good} run.dir={copy} data.path={data} train.max_steps=3",
     65, "checkpoint", "",
     [](const fs::path& run) {
       for (const char* step : {"step-000000", "step-000001", "step-000002"}) {
         CutFile(std::string("checkpoints/") + step + "/part-00000-of-00001.h5", 0.5)(run);
       }
     }},
    {"ResumeWithOtherConfig", "train -c {good} run.dir={copy} data.path={data} meta.inner_steps=2",
     78, "meta.inner_steps: was 1, is 2", "", Keep()},
    {"ResumeNever", "train -c {good} run.dir={copy} data.path={data} checkpoint.resume=never", 78,
     "checkpoint.resume is never", "", Keep()},
    {"RunFolderWithOtherThings", "train -c {good} run.dir={data} data.path={data}", 78,
     "the same folder"},
    {"RunFolderIsForeign", "train -c {good} run.dir={copy}/checkpoints data.path={data}", 78,
     "is not empty and holds no run", "", Keep()},
    {"DamagedRunConfig", "eval --run {copy}", 78, "config.yaml:1:1: error: ", "",
     ReplaceFile("config.yaml", "- x\n")},
    {"NoSupportFile", "recommend --run {run} --support {tmp}/none.tsv", 65, "none.tsv"},
    {"EmptySupport", kSupport, 65, "{in}", ""},
    {"SupportWithoutItem", kSupport, 65, "item", "movie\tlabel\nx\t3\n"},
    {"UnknownItem", kSupport, 65, "{in}:2", "item\tlabel\nnone\t3\n"},
    {"BadSupportLabel", kSupport, 65, "{in}:2", "item\tlabel\ni1\tgood\n"},
    {"LabelOutOfScale", kSupport, 65, "{in}:2", "item\tlabel\ni1\t77\n"},
    {"SameItemTwice", kSupport, 65, "{in}:3", "item\tlabel\ni1\t3\ni1\t4\n"},
    {"UnknownUser", "recommend --run {run} --users {in}", 65, "nobody", "nobody\n"},
    {"AdaptIntoUse", "adapt --run {run} --support {in} --output {data}", 64, "{data}",
     "item\tlabel\ni1\t3\n"},
    {"NotAdapted", "recommend --run {run} --adapted {tmp}", 74, "adapted.json"},
};

INSTANTIATE_TEST_SUITE_P(Configuration, BadInputTest, ::testing::ValuesIn(kConfigurations),
                         NameOfCase);
INSTANTIATE_TEST_SUITE_P(CommandLine, BadInputTest, ::testing::ValuesIn(kCommandLines), NameOfCase);
INSTANTIATE_TEST_SUITE_P(RawFile, BadInputTest, ::testing::ValuesIn(kRawFiles), NameOfCase);
INSTANTIATE_TEST_SUITE_P(Shard, BadInputTest, ::testing::ValuesIn(kShards), NameOfCase);
INSTANTIATE_TEST_SUITE_P(Run, BadInputTest, ::testing::ValuesIn(kRuns), NameOfCase);

}  // namespace
}  // namespace hearth
