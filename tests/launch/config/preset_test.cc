#include "launch/config/preset.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "storage/import/convert.h"
#include "tests/tools/message_of.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

// A data set of ten users with events whose labels are `labels`, in turn.
std::string DataOf(const std::string& name, const std::vector<std::string>& labels) {
  const std::string log = ::testing::TempDir() + "/preset-" + name + ".csv";
  std::ofstream file(log);
  file << "user,item,label\n";
  for (size_t event = 0; event < 60; ++event) {
    file << 'u' << event % 10 << ",i" << event / 10 << ',' << labels[event % labels.size()] << '\n';
  }
  file.close();
  ConvertOptions options;
  options.format = "csv";
  options.input = log;
  options.output = ::testing::TempDir() + "/preset-" + name;
  options.overwrite = true;
  options.columns.label_column = "label";
  options.split.kind = SplitKind::kNone;
  ConvertLog(options);
  return options.output;
}

std::string ChosenFor(const ConfigRequest& request, const std::string& preset = "auto") {
  PresetChoice choice;
  LoadTrainingConfig(request, preset, &choice);
  return choice.name;
}

TEST(Preset, FollowsTheLabels) {
  EXPECT_EQ(PresetFor(DataOf("ratings", {"1", "3", "5"})), "ratings");
  EXPECT_EQ(PresetFor(DataOf("clicks", {"1"})), "clicks");
  EXPECT_EQ(PresetFor(DataOf("binary", {"0", "1", "1"})), "binary");
  EXPECT_EQ(PresetFor(DataOf("shares", {"0", "1", "0.5"})), "ratings");
}

TEST(Preset, OfTheDataIsTakenWithoutAConfiguration) {
  const std::string data = "data.path=" + DataOf("auto", {"1"});
  EXPECT_EQ(ChosenFor({.overrides = {data}}), "clicks");
  EXPECT_EQ(ChosenFor({.overrides = {data}}, "none"), "none");
  EXPECT_EQ(ChosenFor({.overrides = {data}}, "ratings"), "ratings");
  EXPECT_EQ(ChosenFor({}), "none");
  const std::string file = ::testing::TempDir() + "/preset-file.yaml";
  std::ofstream(file) << "meta: {inner_steps: 2}\n";
  EXPECT_EQ(ChosenFor({.files = {file}, .overrides = {data}}), "none");
}

TEST(Preset, IsSuggestedWhereSettingsOfTheLearnerAreGiven) {
  const std::string data = "data.path=" + DataOf("suggested", {"1", "2", "5"});
  const PresetChoice choice = ChoosePreset({.overrides = {data, "train.max_steps=8"}});
  EXPECT_EQ(choice.name, "none");
  EXPECT_EQ(choice.suggested, "ratings");
  EXPECT_EQ(ChosenFor({.overrides = {data, "run.dir=r", "train.threads=1", "log.every=5s"}}),
            "ratings");
}

TEST(Preset, LiesBelowOverrides) {
  const Config config = LoadTrainingConfig({.overrides = {"model.dim=40"}}, "ratings").config;
  EXPECT_EQ(config.model.dim, 40);
  EXPECT_EQ(config.descent.support_prior, 20.0) << "of the preset";
}

TEST(Preset, EveryOneIsAConfigurationOfItsOwn) {
  EXPECT_THAT(PresetNames(), AllOf(Contains("ratings"), Contains("clicks"), Contains("binary")));
  for (const Preset& preset : AllPresets()) {
    EXPECT_NO_THROW(LoadTrainingConfig({}, std::string(preset.name))) << preset.name;
  }
}

TEST(Preset, IsNamedWhereItContradictsASetting) {
  EXPECT_THAT(MessageOf<PlacedConfigError>(
                  [] { LoadTrainingConfig({.overrides = {"train.max_steps=8"}}, "ratings"); }),
              AllOf(HasSubstr("optim.warmup_steps"), HasSubstr("preset ratings"),
                    HasSubstr("--preset none")));
}

}  // namespace
}  // namespace hearth
