#include "launch/config/show.h"

#include <fstream>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "launch/config/keys.h"
#include "tests/launch/config/config_text.h"
#include "tests/tools/paths.h"

namespace hearth {
namespace {

using ::testing::HasSubstr;

/// Returns a configuration that differs from the default in every key. Its combinations need not
/// make sense, since the tests only read it back.
Config EveryKeyChanged() {
  LoadedConfig loaded;
  for (const Key& key : AllKeys()) {
    const std::string before = key.write(Config());
    std::vector<std::string> candidates = {"/a/b c",       "7",  "0.25", "77step", "[3, 4]",
                                           "['it''s', b]", "mae"};
    std::istringstream words(key.legal);
    if (!key.type.starts_with("choice") && key.type != "bool") words.setstate(std::ios::eofbit);
    for (std::string word; std::getline(words, word, ',');) {
      candidates.push_back(word.substr(word.find_first_not_of(' ')));
    }
    for (const std::string& candidate : candidates) {
      LoadedConfig trial = loaded;
      Problems problems;
      ApplySettings(ParseConfigText(key.name + ": " + candidate, "t", "/f"), 1, &trial, &problems);
      if (problems.empty() && key.write(trial.config) != before) loaded = trial;
    }
    EXPECT_NE(key.write(loaded.config), before) << key.name;
  }
  return loaded.config;
}

TEST(ShowConfig, ReadsBackAsTheSameConfiguration) {
  for (const Config& config : {Config(), EveryKeyChanged()}) {
    for (const bool minimal : {false, true}) {
      const std::string text = ShowConfig(config, minimal);
      const Config again = LoadText(text).config;
      for (const Key& key : AllKeys()) {
        EXPECT_EQ(key.write(again), key.write(config)) << key.name << " in\n" << text;
      }
    }
  }
}

TEST(ShowConfig, MinimalHasOnlyWhatDiffers) {
  EXPECT_EQ(ShowConfig(Config(), true), "");
  Config config;
  config.descent.inner_steps = 7;
  config.run.name = "it's";
  EXPECT_EQ(ShowConfig(config, true), "run:\n  name: 'it''s'\nmeta:\n  inner_steps: 7\n");
}

TEST(ShowConfig, FullHasEveryKey) {
  const std::string text = ShowConfig(Config(), false);
  for (const Key& key : AllKeys()) {
    EXPECT_THAT(text, HasSubstr("  " + key.name.substr(key.name.find('.') + 1) + ": "));
  }
}

TEST(KeyTable, NamesAreUniqueDocumentedAndInAKnownSection) {
  std::set<std::string> names;
  for (const Key& key : AllKeys()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    EXPECT_FALSE(key.help.empty()) << key.name;
    EXPECT_NE(SectionHelp(key.section()), "") << key.name;
  }
}

TEST(KeyTable, KeysOfASectionStandTogether) {
  std::vector<std::string> order;
  for (const Key& key : AllKeys()) {
    const std::string section(key.section());
    if (order.empty() || order.back() != section) order.push_back(section);
  }
  EXPECT_EQ(order, SectionNames());
}

TEST(KeyTable, HasTheNamesThatScriptsRelyOn) {
  for (const char* name : {"meta.inner_steps", "train.max_steps", "checkpoint.every",
                           "checkpoint.resume", "dist.reduce", "run.dir", "data.path"}) {
    EXPECT_NE(FindKey(name), nullptr) << name;
  }
}

TEST(KeyTable, DefaultsAreLegal) {
  for (const Key& key : AllKeys()) {
    const std::string text = key.name + ": " + key.write(Config()) + "\n";
    EXPECT_EQ(RefusalOf(text), "(accepted)") << text;
  }
}

TEST(KeysAsText, ListsOneSectionOrAll) {
  EXPECT_THAT(KeysAsText("meta"), HasSubstr("meta.inner_steps"));
  EXPECT_THAT(KeysAsText("meta"), ::testing::Not(HasSubstr("train.max_steps")));
  EXPECT_THAT(KeysAsText(""), HasSubstr("train.max_steps"));
}

TEST(KeysAsJson, IsOneObjectPerKey) {
  const auto json = nlohmann::json::parse(KeysAsJson(""));
  ASSERT_EQ(json.size(), AllKeys().size());
  EXPECT_EQ(json[0]["key"], AllKeys()[0].name);
}

TEST(KeysAsMarkdown, IsWhatTheDocumentationShows) {
  std::ifstream file(testing::SourcePath("docs/config.md"));
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(text.str() == KeysAsMarkdown())
      << "docs/config.md is out of date: run 'hearth config keys --markdown > docs/config.md'";
}

}  // namespace
}  // namespace hearth
