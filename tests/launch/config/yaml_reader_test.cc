#include "launch/config/yaml_reader.h"

#include <filesystem>
#include <fstream>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/launch/config/config_text.h"

namespace hearth {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<std::string> KeysOf(const std::string& text) {
  std::vector<std::string> keys;
  for (const Setting& setting : ParseConfigText(text, "test.yaml", "/folder")) {
    if (setting.value.kind != RawValue::Kind::kSection) keys.push_back(setting.key);
  }
  return keys;
}

TEST(YamlReader, FlattensSectionsInFileOrder) {
  EXPECT_EQ(KeysOf("meta:\n  inner_steps: 5\n  inner_lr: 0.1\ntrain: {max_steps: 3}\n"),
            (std::vector<std::string>{"meta.inner_steps", "meta.inner_lr", "train.max_steps"}));
}

TEST(YamlReader, KnowsTextQuotesListsAndEmptyValues) {
  const auto settings = ParseConfigText("a: x y\nb: \"5\"\nc: [1, 'two']\nd:\n", "t.yaml", "/f");
  ASSERT_EQ(settings.size(), 4u);
  EXPECT_EQ(settings[0].value.text, "x y");
  EXPECT_FALSE(settings[0].value.quoted);
  EXPECT_EQ(settings[1].value.text, "5");
  EXPECT_TRUE(settings[1].value.quoted);
  ASSERT_EQ(settings[2].value.kind, RawValue::Kind::kList);
  EXPECT_EQ(settings[2].value.items[0].text, "1");
  EXPECT_EQ(settings[2].value.items[1].text, "two");
  EXPECT_TRUE(settings[2].value.items[1].quoted);
  EXPECT_EQ(settings[3].value.kind, RawValue::Kind::kEmpty);
}

TEST(YamlReader, PlacesPointAtKeyAndValue) {
  const auto settings = ParseConfigText("# head\nmeta:\n  inner_steps: 5\n", "t.yaml", "/f");
  const Setting& setting = settings.back();
  EXPECT_EQ(setting.key_place.line, 3);
  EXPECT_EQ(setting.key_place.column, 3);
  EXPECT_EQ(setting.key_place.text, "  inner_steps: 5");
  EXPECT_EQ(setting.value.place.column, 16);
}

TEST(YamlReader, AcceptsNothingAtAll) {
  EXPECT_TRUE(ParseConfigText("", "t.yaml", "/f").empty());
  EXPECT_TRUE(ParseConfigText("# only a comment\n\n", "t.yaml", "/f").empty());
  EXPECT_TRUE(ParseConfigText("---\n...\n", "t.yaml", "/f").empty());
}

TEST(YamlReader, AcceptsWindowsLineEnds) {
  EXPECT_EQ(KeysOf("meta:\r\n  inner_steps: 5\r\n"), std::vector<std::string>{"meta.inner_steps"});
}

TEST(YamlReader, RefusesDuplicateKeysWithBothLines) {
  EXPECT_EQ(RefusalOf("meta:\n  inner_steps: 5\n  inner_steps: 6\n"),
            "test.yaml:3:3: error: duplicate key 'meta.inner_steps'\n"
            "  3 |   inner_steps: 6\n"
            "    |   ^\n"
            "  it is already set in line 2; keep one");
  EXPECT_THAT(RefusalOf("meta:\n  inner_steps: 5\nmeta:\n  inner_lr: 1\n"),
              StartsWith("test.yaml:3:1: error: duplicate key 'meta'"));
  EXPECT_THAT(RefusalOf("meta.inner_steps: 5\nmeta:\n  inner_steps: 5\n"),
              StartsWith("test.yaml:3:3: error: duplicate key 'meta.inner_steps'"));
}

TEST(YamlReader, RefusesASecondDocument) {
  EXPECT_EQ(RefusalOf("meta:\n  inner_steps: 5\n---\nmeta:\n  inner_steps: 6\n"),
            "test.yaml:3:1: error: a second document ('---') in the same file\n"
            "  3 | ---\n"
            "    | ^\n"
            "  split the file and give each part with -c");
}

TEST(YamlReader, RefusesTabs) {
  EXPECT_EQ(RefusalOf("meta:\n\tinner_steps: 5\n"),
            "test.yaml:2:1: error: tab character\n"
            "  2 |  inner_steps: 5\n"
            "    | ^\n"
            "  indent and separate with spaces");
  EXPECT_EQ(RefusalOf("meta:\n  inner_steps: 5 # a\ttab\n"), "(accepted)");
}

TEST(YamlReader, RefusesAnchorsAliasesMergeKeysAndTags) {
  EXPECT_THAT(RefusalOf("meta: &m\n  inner_steps: 5\n"),
              HasSubstr("test.yaml:1:7: error: anchor: anchors and aliases are not allowed here"));
  EXPECT_THAT(RefusalOf("run:\n  name: &n x\nmeta:\n  method: *n\n"),
              HasSubstr("2:9: error: anchor"));
  EXPECT_THAT(RefusalOf("meta:\n  method: *n\n"), HasSubstr("2:11: error: not valid YAML: "));
  EXPECT_THAT(RefusalOf("meta: &m [*m]\n"), HasSubstr("1:7: error: anchor"));
  EXPECT_THAT(RefusalOf("meta:\n  <<: {inner_steps: 5}\n"), HasSubstr("2:3: error: merge key"));
  EXPECT_THAT(RefusalOf("meta:\n  inner_steps: !!int 5\n"), HasSubstr("error: tag "));
}

TEST(YamlReader, RefusesWhatIsNoMapOfKeys) {
  EXPECT_THAT(RefusalOf("- a\n- b\n"), HasSubstr("expected sections with keys, found a list"));
  EXPECT_THAT(RefusalOf("just text\n"),
              HasSubstr("expected sections with keys, found a single value"));
  EXPECT_THAT(RefusalOf("model:\n  layers: [[1], 2]\n"), HasSubstr("a list inside a list"));
  EXPECT_THAT(RefusalOf("model:\n  layers: [{a: 1}]\n"), HasSubstr("a map inside a list"));
  EXPECT_THAT(RefusalOf("model:\n  layers: [1, ]\n  layers2: [1, null]\n"),
              HasSubstr("empty list element"));
  EXPECT_THAT(RefusalOf("? [a]\n: 1\n"), HasSubstr("a key must be a plain name"));
  EXPECT_THAT(RefusalOf("meta:\n  ~: 1\n"), HasSubstr("empty key"));
  EXPECT_THAT(RefusalOf("meta:\n  '': 1\n"), HasSubstr("2:3: error: empty key"));
}

TEST(YamlReader, RefusesBrokenYamlWithItsPlace) {
  EXPECT_THAT(RefusalOf("meta:\n  inner_steps: 5\n inner_lr: 1\n"),
              StartsWith("test.yaml:3:2: error: not valid YAML: "));
  EXPECT_THAT(RefusalOf("a: b: c\n"), StartsWith("test.yaml:1:5: error: not valid YAML: "));
  EXPECT_THAT(RefusalOf("model:\n  layers: [1, 2\n"), HasSubstr("is a ']' missing?"));
}

TEST(YamlReader, RefusesQuotesThatAreNotClosed) {
  EXPECT_EQ(RefusalOf("run:\n  name: \"abc\n"),
            "test.yaml:2:9: error: the quote is not closed on this line\n"
            "  2 |   name: \"abc\n"
            "    |         ^\n"
            "  add the closing quote");
  EXPECT_THAT(RefusalOf("run:\n  name: 'abc\n  dir: 'x'\n"), HasSubstr("2:9: error: "));
  EXPECT_THAT(RefusalOf("run:\n  name: \"abc\\\"\n"), HasSubstr("quote is not closed"));
  EXPECT_EQ(RefusalOf("run: {name: \"a\\\"b\", dir: 'it''s'}\n"), "(accepted)");
}

TEST(YamlReader, RefusesValuesOverSeveralLines) {
  EXPECT_THAT(RefusalOf("run:\n  name: one\n    two\n"),
              HasSubstr("test.yaml:2:9: error: a value over several lines"));
  EXPECT_THAT(RefusalOf("run:\n  name: |\n    two\n"), HasSubstr("a block of text is not allowed"));
}

TEST(YamlReader, TheCaretCountsCharactersNotBytes) {
  EXPECT_THAT(RefusalOf("run: {name: \xC3\xA9\xC3\xA9, dri: x}\n"),
              HasSubstr("  1 | run: {name: \xC3\xA9\xC3\xA9, dri: x}\n"
                        "    |                 ^\n"));
}

TEST(YamlReader, RefusesDeepNesting) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "{a: ";
  EXPECT_THAT(RefusalOf("a: " + text), HasSubstr("more than 8 levels"));
}

TEST(YamlReader, RefusesOtherEncodings) {
  EXPECT_THAT(RefusalOf("run:\n  name: caf\xE9\n"),
              StartsWith("test.yaml:2:12: error: byte 0xe9 is not UTF-8"));
  EXPECT_THAT(RefusalOf("\xEF\xBB\xBFrun:\n  name: x\n"),
              HasSubstr("1:1: error: the file starts with a byte order mark"));
  EXPECT_THAT(RefusalOf(std::string("run:\n  na\0me: x\n", 16)),
              HasSubstr("2:5: error: control character 0x00"));
  EXPECT_THAT(RefusalOf("\xFF\xFEr\0u\0n\0"), HasSubstr("1:1: error: byte 0xff is not UTF-8"));
  EXPECT_EQ(RefusalOf("run:\n  name: caf\xC3\xA9\n"), "(accepted)");
}

class ConfigFile : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = ::testing::TempDir() + "yaml_reader_" + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  static std::string Refusal(const std::string& path) {
    try {
      ReadConfigFile(path);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "(accepted)";
  }
};

TEST_F(ConfigFile, RefusesAMissingFile) {
  EXPECT_EQ(Refusal("/nowhere/a.yaml"),
            "/nowhere/a.yaml: no such configuration file; ready ones are in configs/");
}

TEST_F(ConfigFile, RefusesAFolderAndADevice) {
  EXPECT_THAT(Refusal(::testing::TempDir()), HasSubstr("not a regular file"));
  EXPECT_THAT(Refusal("/dev/zero"), HasSubstr("not a regular file"));
}

TEST_F(ConfigFile, RefusesWhatMayNotBeRead) {
  const std::string path = Write("locked.yaml", "meta: {}\n");
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  const uid_t user = ::geteuid();
  constexpr uid_t kNobody = 65534;
  if (user == 0) {  // root may read every file
    ASSERT_EQ(::seteuid(kNobody), 0);
  }
  std::optional<ExitCode> code;
  std::string message;
  try {
    ReadConfigFile(path);
  } catch (const Error& error) {
    code = error.code();
    message = error.what();
  }
  EXPECT_EQ(::seteuid(user), 0);
  EXPECT_EQ(code, ExitCode::kPermission);
  EXPECT_EQ(message, "cannot open the configuration file '" + path +
                         "': Permission denied (as uid " +
                         std::to_string(user == 0 ? kNobody : user) + ")");
}

TEST_F(ConfigFile, RefusesMoreThanOneMebibyte) {
  const std::string path = Write("large.yaml", "#" + std::string((1 << 20), 'x'));
  EXPECT_THAT(Refusal(path), HasSubstr("1.05 MB is more than the 1 MiB a configuration may have"));
  EXPECT_EQ(Refusal(Write("full.yaml", "#" + std::string((1 << 20) - 1, 'x'))), "(accepted)");
}

TEST_F(ConfigFile, ValuesKnowTheFolderOfTheirFile) {
  const std::string path = Write("folder.yaml", "data:\n  path: shards\n");
  const auto settings = ReadConfigFile(path);
  EXPECT_EQ(std::filesystem::path(settings.back().value.place.folder) / "",
            std::filesystem::path(::testing::TempDir()));
}

}  // namespace
}  // namespace hearth
