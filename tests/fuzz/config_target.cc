#include "launch/config/place.h"
#include "launch/config/yaml_reader.h"
#include "tests/fuzz/targets.h"

namespace hearth::fuzz {

void ConfigTarget(std::string_view text) {
  try {
    for (const Setting& setting : ParseConfigText(text, "fuzz.yaml", "/")) {
      HEARTH_CHECK(!setting.key.empty() && setting.key_place.line >= 1);
    }
  } catch (const PlacedConfigError&) {
  }
}

}  // namespace hearth::fuzz
