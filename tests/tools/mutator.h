#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/random.h"

namespace hearth::testing {

/// How many mutations a test tries: HEARTH_MUTATIONS, or 500.
int64_t MutationCount();

/// Damage, as a pure function of (seed, number): one to four edits, each a flipped bit, a byte or
/// word at the edge of its range, or a block that is cut out, doubled, swapped, zeroed or, from
/// `dictionary`, put in.
class Mutator {
 public:
  Mutator(uint64_t seed, int64_t number, std::vector<std::string> dictionary = {});

  std::string Mutate(std::string bytes);
  /// Uniform in [0, bound).
  size_t Below(size_t bound) { return static_cast<size_t>(stream_.NextBelow(bound)); }

 private:
  void Edit(std::string* bytes);

  RandomStream stream_;
  std::vector<std::string> dictionary_;
};

/// Words that parsers of JSON and YAML stumble over.
std::vector<std::string> TextDictionary();

/// Makes the checksums of HDF5's superblock and object headers (versions 2) right again, as one who
/// means harm would.
void RepairHdf5Checksums(std::string* bytes);

}  // namespace hearth::testing
