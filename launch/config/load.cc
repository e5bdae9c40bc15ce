#include "launch/config/load.h"

#include <algorithm>
#include <filesystem>

#include "common/text.h"
#include "launch/config/combination_checks.h"
#include "launch/config/keys.h"
#include "launch/config/yaml_reader.h"

namespace hearth {
namespace {

bool IsSection(const std::string& name) { return !SectionHelp(name).empty(); }

/// The key above `name`: "meta.inner_steps" for "meta.inner_steps.first". Null if there is none.
const Key* KeyAbove(const std::string& name) {
  const size_t dot = name.find('.', name.find('.') + 1);
  if (dot == std::string::npos) return nullptr;
  return FindKey(name.substr(0, dot));
}

/// The key that the user probably meant by `name`. A key of the same name in another section comes
/// first, then the nearest name of the section, then the nearest name of all.
std::string NearestKey(const std::string& name) {
  const std::string section = name.substr(0, name.find('.'));
  const std::string last = name.substr(name.rfind('.') + 1);
  for (const std::string& key : KeyNames()) {
    if (key.substr(key.find('.') + 1) == last) return key;
  }
  const std::string in_section = NearestName(name, KeyNames(section));
  if (!in_section.empty()) return in_section;
  return NearestName(name, KeyNames());
}

void ReportUnknown(const Setting& setting, Problems* problems) {
  const std::string& name = setting.key;
  const std::string section = name.substr(0, name.find('.'));
  const Place& place = setting.key_place;
  if (const Key* above = KeyAbove(name)) {
    problems->Add(place, fmt::format("'{}' has no keys below it: it is of type {}", above->name,
                                     above->type));
    return;
  }
  if (setting.value.kind == RawValue::Kind::kSection) {
    problems->Add(place,
                  fmt::format("unknown section '{}'{}", name, DidYouMean(name, SectionNames())),
                  fmt::format("the sections are {}", Join(SectionNames(), ", ")));
    return;
  }
  std::string message = fmt::format("unknown key '{}'", name);
  const std::string nearest = NearestKey(name);
  if (!nearest.empty()) message += fmt::format(" (did you mean '{}'?)", nearest);
  std::string hint = "run 'hearth config keys' to list all keys";
  if (IsSection(section)) {
    hint = fmt::format("run 'hearth config keys {}' to list the keys of this section", section);
  }
  problems->Add(place, message, hint);
}

/// The hint for a section that was given a value as if it were a key.
std::string HintForSection(const Setting& setting) {
  if (setting.key_place.on_command_line()) return fmt::format("write {}.KEY=VALUE", setting.key);
  return "write its keys below it, indented";
}

void ApplyKey(const Setting& setting, const Key& key, int layer, LoadedConfig* loaded,
              Problems* problems) {
  try {
    key.read(setting.value, loaded->config);
    loaded->origins[key.name] = {setting.key_place, layer};
  } catch (const BadValue& bad) {
    std::string hint = bad.hint;
    if (hint.empty() && !key.help.empty()) hint = fmt::format("{}: {}", key.name, key.help);
    problems->Add(bad.place, fmt::format("{}: {}", key.name, bad.message), hint);
  }
}

}  // namespace

Setting ParseOverride(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    std::error_code ignored;
    std::string advice = "settings are written key=value";
    if (std::filesystem::exists(text, ignored)) {
      advice += fmt::format(", configuration files are given as -c {}", text);
    }
    throw UsageError("unexpected argument '{}'; {}", text, advice);
  }
  Place place;
  place.text = text;
  place.folder = std::filesystem::current_path().string();
  const std::string value(Trim(std::string_view(text).substr(equals + 1)));
  RawValue raw{RawValue::Kind::kScalar, value, false, {}, place};
  if (value.starts_with('[') && value.ends_with(']')) {
    raw.kind = RawValue::Kind::kList;
    const std::string_view inner = Trim(std::string_view(value).substr(1, value.size() - 2));
    if (!inner.empty()) {
      for (const std::string_view item : SplitText(inner, ",")) {
        raw.items.push_back({RawValue::Kind::kScalar, std::string(Trim(item)), false, {}, place});
      }
    }
  }
  return {std::string(Trim(std::string_view(text).substr(0, equals))), place, std::move(raw)};
}

void ApplySettings(const std::vector<Setting>& settings, int layer, LoadedConfig* loaded,
                   Problems* problems) {
  std::vector<std::string> unknown_sections;
  for (const Setting& setting : settings) {
    if (const Key* key = FindKey(setting.key)) {
      ApplyKey(setting, *key, layer, loaded, problems);
      continue;
    }
    if (IsSection(setting.key)) {
      const RawValue::Kind kind = setting.value.kind;
      // A section whose keys are all commented out reads as an empty value.
      if (kind == RawValue::Kind::kSection || kind == RawValue::Kind::kEmpty) continue;
      problems->Add(setting.key_place, fmt::format("'{}' is a section, not a key", setting.key),
                    HintForSection(setting));
      continue;
    }
    // A misspelt section gets one message, not one more for each of its keys.
    const bool reported =
        std::any_of(unknown_sections.begin(), unknown_sections.end(),
                    [&](const std::string& name) { return setting.key.starts_with(name + "."); });
    if (reported) continue;
    if (setting.value.kind == RawValue::Kind::kSection) unknown_sections.push_back(setting.key);
    ReportUnknown(setting, problems);
  }
}

LoadedConfig LoadConfig(const ConfigRequest& request) {
  LoadedConfig loaded;
  Problems problems;
  int layer = 0;
  if (!request.preset.text.empty()) {
    const std::string source = fmt::format("preset {}", request.preset.name);
    ApplySettings(ParseConfigText(request.preset.text, source, "."), layer, &loaded, &problems);
  }
  for (const std::string& file : request.files) {
    ApplySettings(ReadConfigFile(file), ++layer, &loaded, &problems);
  }
  ++layer;
  for (const std::string& text : request.overrides) {
    ApplySettings({ParseOverride(text)}, layer, &loaded, &problems);
  }
  problems.ThrowIfAny();  // the checks of combinations need legal values
  CheckCombinations(loaded, &problems);
  if (!problems.empty() && !request.preset.text.empty()) {
    Place place;
    place.source = fmt::format("preset {}", request.preset.name);
    problems.Add(place, "some of these keys have their values from this preset",
                 "--preset none leaves it out; a configuration file (-c) takes its place");
  }
  problems.ThrowIfAny();
  return loaded;
}

}  // namespace hearth
