#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/random.h"

namespace hearth::testing {

/// Returns the number of mutations that a test tries: HEARTH_MUTATIONS, or 500.
int64_t MutationCount();

/// Damages bytes as a pure function of (seed, number). It makes one to four edits: a flipped bit, a
/// byte or word at the edge of its range, or a block that is cut out, doubled, swapped, zeroed or
/// taken from `dictionary`.
class Mutator {
 public:
  Mutator(uint64_t seed, int64_t number, std::vector<std::string> dictionary = {});

  std::string Mutate(std::string bytes);
  /// Uniform in [0, bound).
  size_t Below(size_t bound) { return stream_.NextBelow(bound); }

 private:
  void Edit(std::string* bytes);

  RandomStream stream_;
  std::vector<std::string> dictionary_;
};

/// Words that are hard for parsers of JSON and YAML.
std::vector<std::string> TextDictionary();

/// Corrects the checksums of HDF5's superblock and object headers (versions 2), as an attacker
/// would.
void RepairHdf5Checksums(std::string* bytes);

}  // namespace hearth::testing
