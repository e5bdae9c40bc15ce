#include "launch/config/show.h"

#include <nlohmann/json.hpp>

#include "launch/config/keys.h"

namespace hearth {
namespace {

std::string DefaultOf(const Key& key) { return key.write(Config()); }

bool BelongsTo(const Key& key, std::string_view section) {
  return section.empty() || key.section() == section;
}

/// Escapes '|', which would end the cell of a Markdown table.
std::string Cell(const std::string& text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell += '\\';
    cell += c;
  }
  return cell;
}

}  // namespace

std::string ShowConfig(const Config& config, bool minimal) {
  std::string text;
  std::string_view section;
  for (const Key& key : AllKeys()) {
    const std::string value = key.write(config);
    if (minimal && value == DefaultOf(key)) continue;
    if (key.section() != section) {
      section = key.section();
      text += fmt::format("{}:\n", section);
    }
    text += fmt::format("  {}: {}\n", key.name.substr(section.size() + 1), value);
  }
  return text;
}

std::string KeysAsText(std::string_view only) {
  std::string text;
  std::string_view section;
  for (const Key& key : AllKeys()) {
    if (!BelongsTo(key, only)) continue;
    if (key.section() != section) {
      section = key.section();
      if (!text.empty()) text += "\n";
      text += fmt::format("{}: {}\n", section, SectionHelp(section));
    }
    text += fmt::format("  {:<24} {:<15} default {}\n", key.name, key.type, DefaultOf(key));
    if (!key.legal.empty() && key.type != "bool") text += fmt::format("      {}\n", key.legal);
    text += fmt::format("      {}\n", key.help);
  }
  return text;
}

std::string KeysAsMarkdown() {
  std::string text =
      "# Configuration keys\n\n"
      "<!-- Written by `hearth config keys --markdown > docs/config.md`; a test compares it. "
      "-->\n\n"
      "A configuration is a YAML file of sections (`hearth train -c FILE`) and any number of\n"
      "`section.key=value` arguments, which win over files. `hearth config check FILE` validates "
      "a\n"
      "file, `hearth config show -c FILE` prints the whole configuration that a run would get.\n\n"
      "Types: *steps* are outer steps (`500` or `500step`); a *duration* is `30s`, `10min`, `2h` "
      "or\n"
      "`1d`; a *path* may contain `${NAME}` (environment) and is relative to the file it is "
      "written\n"
      "in, or to the working directory on the command line; a list is `[64, 64]`, on the command\n"
      "line also `64,64`. Keys marked † may differ when a run is resumed; any other difference is\n"
      "refused.\n";
  std::string_view section;
  for (const Key& key : AllKeys()) {
    if (key.section() != section) {
      section = key.section();
      text += fmt::format(
          "\n## {}\n\n{}\n\n| key | type | default | legal values | meaning |\n"
          "|---|---|---|---|---|\n",
          section, SectionHelp(section));
    }
    text += fmt::format("| `{}`{} | {} | `{}` | {} | {} |\n", key.name,
                        key.may_change_on_resume ? " †" : "", key.type, DefaultOf(key),
                        Cell(key.legal), Cell(key.help));
  }
  return text;
}

std::string KeysAsJson(std::string_view only) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Key& key : AllKeys()) {
    if (!BelongsTo(key, only)) continue;
    list.push_back({{"key", key.name},
                    {"type", key.type},
                    {"default", DefaultOf(key)},
                    {"legal", key.legal},
                    {"help", key.help},
                    {"may_change_on_resume", key.may_change_on_resume}});
  }
  return list.dump(2) + "\n";
}

}  // namespace hearth
