#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace hearth {

/// What a draw is for. Part of the counter, so streams of different purposes never overlap.
/// The numbers are part of every reproducible run: never change or reuse one.
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

/// A stream of random numbers that is a pure function of (seed, purpose, a, b): independent of
/// rank, thread and order of use. Philox 4x32-10; seed, purpose, a and b are mixed into a 128-bit
/// state (64-bit key, upper half of the counter), the lower half counts blocks. Copyable, cheap.
/// a, b: any identifiers, e.g. epoch and task id.
/// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
class RandomStream {
 public:
  RandomStream(uint64_t seed, Purpose purpose, uint64_t a = 0, uint64_t b = 0);

  uint32_t NextUint32();
  uint64_t NextUint64();
  /// Uniform in [0, bound), exact (Lemire's rejection). bound >= 1.
  uint64_t NextBelow(uint64_t bound);
  /// Uniform in [0, 1) with 53 random bits.
  double NextDouble();
  /// Standard normal (Box-Muller; both values of a pair are used).
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

/// One Philox 4x32-10 block; exposed for its known-answer test.
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// A uniformly random permutation of 0..count-1 (Fisher-Yates).
std::vector<int64_t> RandomPermutation(int64_t count, RandomStream stream);

/// `count` distinct values of 0..population-1 in random order (partial Fisher-Yates).
/// count <= population.
std::vector<int64_t> SampleWithoutReplacement(int64_t population, int64_t count,
                                              RandomStream stream);

}  // namespace hearth
