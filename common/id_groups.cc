#include "common/id_groups.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>
#include <utility>

namespace hearth {
namespace {

// Shorter lists are sorted faster by comparing than by counting.
constexpr size_t kSmall = 200;
// Passes are dear, so a digit is as long as possible: its histogram and its streams of output must
// still fit the second-level cache.
constexpr int kLargestDigitBits = 12;

// Sorts by the bits [first_bit, first_bit + bit_count) only and keeps the order of equals.
void RadixSort(std::vector<uint64_t>& words, int first_bit, int bit_count) {
  const int passes = std::max(1, (bit_count + kLargestDigitBits - 1) / kLargestDigitBits);
  const int digit_bits = (bit_count + passes - 1) / passes;
  const uint64_t mask = (uint64_t{1} << digit_bits) - 1;
  std::vector<uint64_t> sorted(words.size());
  std::vector<uint32_t> next(size_t{1} << digit_bits);
  for (int pass = 0; pass < passes; ++pass) {
    const int shift = first_bit + pass * digit_bits;
    std::ranges::fill(next, 0u);
    for (const uint64_t word : words) ++next[(word >> shift) & mask];
    std::exclusive_scan(next.begin(), next.end(), next.begin(), 0u);
    for (const uint64_t word : words) sorted[next[(word >> shift) & mask]++] = word;
    words.swap(sorted);
  }
}

// Returns the number of bits that hold 0..greatest.
int BitsFor(uint64_t greatest) { return 64 - std::countl_zero(greatest); }

}  // namespace

IdRange RangeOf(std::span<const int64_t> ids) {
  IdRange range = {ids.front(), ids.front()};
  for (const int64_t id : ids) {
    range = {std::min(range.least, id), std::max(range.greatest, id)};
  }
  return range;
}

bool Ascends(std::span<const int64_t> ids) {
  return std::ranges::adjacent_find(ids, std::greater_equal()) == ids.end();
}

IdGroups::IdGroups(std::span<const int64_t> ids) {
  if (ids.empty()) return;
  const auto [least, greatest] = RangeOf(ids);
  const uint64_t base = least;  // differences of ids can exceed int64
  const int id_bits = BitsFor(greatest - base);
  const int place_bits = BitsFor(ids.size() - 1);
  places_.resize(ids.size());
  if (id_bits + place_bits > 64 || place_bits >= 32) {
    std::iota(places_.begin(), places_.end(), 0);
    std::ranges::stable_sort(places_, {}, [&](int64_t i) { return ids[i]; });
    FindGroups([&](size_t i) { return ids[places_[i]]; });
    return;
  }
  // One word holds id and place: this halves the memory to move, and words sort like the pairs.
  std::vector<uint64_t> words(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    words[i] = (ids[i] - base) << place_bits | i;
  }
  if (ids.size() < kSmall) {
    std::ranges::sort(words);
  } else {
    RadixSort(words, place_bits, id_bits);
  }
  const uint64_t mask = (uint64_t{1} << place_bits) - 1;
  for (size_t i = 0; i < words.size(); ++i) places_[i] = words[i] & mask;
  FindGroups([&](size_t i) -> int64_t { return (words[i] >> place_bits) + base; });
}

template <typename IdAt>
void IdGroups::FindGroups(const IdAt& id_at) {
  // New ids come at random, so a branch would be mispredicted: an old id writes the last entry
  // again.
  ids_.resize(places_.size());
  begins_.resize(places_.size() + 1);
  size_t last = 0;
  int64_t last_id = id_at(0);
  for (size_t i = 0; i < places_.size(); ++i) {
    const int64_t id = id_at(i);
    last += id != last_id;
    last_id = id;
    ids_[last] = id;
    begins_[last + 1] = i + 1;
  }
  begins_[last + 1] = std::ssize(places_);
  ids_.resize(last + 1);
  begins_.resize(last + 2);
}

std::vector<int64_t> IdGroups::GroupOfEach() const {
  std::vector<int64_t> group_of(places_.size());
  for (int64_t group = 0; group < size(); ++group) {
    for (const int64_t place : Places(group)) group_of[place] = group;
  }
  return group_of;
}

}  // namespace hearth
