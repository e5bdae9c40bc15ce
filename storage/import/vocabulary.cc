#include "storage/import/vocabulary.h"

#include <limits>

#include "common/error.h"

namespace hearth {

uint32_t Vocabulary::Intern(std::string_view text) {
  const auto found = numbers_.find(text);
  if (found != numbers_.end()) return found->second;
  if (texts_.size() >= std::numeric_limits<uint32_t>::max()) {
    throw DataError("more than {} different ids; a data set holds at most that many users or items",
                    std::numeric_limits<uint32_t>::max());
  }
  const auto number = static_cast<uint32_t>(texts_.size());
  numbers_.emplace(texts_.emplace_back(text), number);
  return number;
}

int64_t Vocabulary::Find(std::string_view text) const {
  const auto found = numbers_.find(text);
  return found == numbers_.end() ? -1 : int64_t{found->second};
}

}  // namespace hearth
