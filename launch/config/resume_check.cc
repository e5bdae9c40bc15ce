#include "launch/config/resume_check.h"

#include "common/hash.h"
#include "launch/config/keys.h"

namespace hearth {

std::string ConfigHash(const Config& config) {
  Sha256 hash;
  for (const Key& key : AllKeys()) {
    if (!key.may_change_on_resume) hash.Update(key.name + ": " + key.write(config) + "\n");
  }
  return hash.HexDigest();
}

std::vector<std::string> ForbiddenDifferences(const Config& before, const Config& now) {
  std::vector<std::string> differences;
  for (const Key& key : AllKeys()) {
    const std::string was = key.write(before), is = key.write(now);
    if (!key.may_change_on_resume && was != is) {
      differences.push_back(fmt::format("{}: was {}, is {}", key.name, was, is));
    }
  }
  return differences;
}

}  // namespace hearth
