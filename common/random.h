#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace hearth {

/// The purpose of a draw. It is part of the counter, so streams of different purposes never
/// overlap. Every reproducible run depends on these numbers: never change or reuse one.
enum class Purpose : uint32_t {
  kParameterInit = 1,
  kTableInit = 2,
  kShardOrder = 3,
  kTaskOrder = 4,
  kChunkOrder = 5,
  kEpisode = 6,
  kNegative = 7,
  kSplit = 8,
  kSynthetic = 9,
  kBootstrap = 10,
  kTieBreak = 11,
  kBaseline = 12,
  kDropout = 13,
  kTest = 99,
};

/// A stream of random numbers. It is a pure function of (seed, purpose, a, b) and does not depend
/// on rank, thread or order of use. `a` and `b` are any identifiers, e.g. epoch and task id. The
/// generator is Philox 4x32-10. Seed, purpose, a and b are mixed into 128 bits: the 64-bit key and
/// the upper half of the counter. The lower half of the counter counts blocks. Copies are cheap.
/// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
class RandomStream {
 public:
  RandomStream(uint64_t seed, Purpose purpose, uint64_t a = 0, uint64_t b = 0);

  uint32_t NextUint32();
  uint64_t NextUint64();
  /// Draws uniformly from [0, bound), exactly (Lemire's rejection). bound >= 1.
  uint64_t NextBelow(uint64_t bound);
  /// Draws uniformly from [0, 1) with 53 random bits.
  double NextDouble();
  /// Draws a standard normal value (Box-Muller; both values of a pair are used).
  double NextNormal();

 private:
  void Refill();

  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
  bool has_spare_normal_ = false;
  double spare_normal_ = 0.0;
};

/// Returns one Philox 4x32-10 block. It is exposed for its known-answer test.
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// Returns a uniformly random permutation of 0..count-1 (Fisher-Yates).
std::vector<int64_t> RandomPermutation(int64_t count, RandomStream stream);

/// Returns `count` distinct values of 0..population-1 in random order (partial Fisher-Yates).
/// count <= population.
std::vector<int64_t> SampleWithoutReplacement(int64_t population, int64_t count,
                                              RandomStream stream);

}  // namespace hearth
