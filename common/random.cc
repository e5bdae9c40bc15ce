#include "common/random.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "common/error.h"
#include "common/to_underlying.h"

namespace hearth {
namespace {

// Scrambles bits by the finaliser of splitmix64: a bijection, so distinct inputs stay distinct.
uint64_t Scramble(uint64_t x) {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

// Returns the high half of the product.
uint64_t HighProduct(uint64_t x, uint64_t y) {
  unsigned __int128 product = x;
  product *= y;
  return (product >> 64) & UINT64_MAX;
}

uint32_t Low(uint64_t x) { return static_cast<uint32_t>(x); }
uint32_t High(uint64_t x) { return static_cast<uint32_t>(x >> 32); }

}  // namespace

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53u} * counter[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57u} * counter[2];
    counter = {High(product1) ^ counter[1] ^ key[0], Low(product1),
               High(product0) ^ counter[3] ^ key[1], Low(product0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

RandomStream::RandomStream(uint64_t seed, Purpose purpose, uint64_t a, uint64_t b) {
  const uint64_t key = Scramble(seed ^ Scramble(ToUnderlying(purpose)));
  const uint64_t upper = Scramble(Scramble(a) ^ (b * 0xD6E8FEB86659FD93ull));
  key_ = {Low(key), High(key)};
  counter_ = {0, 0, Low(upper), High(upper)};
}

void RandomStream::Refill() {
  block_ = Philox4x32(counter_, key_);
  used_ = 0;
  if (++counter_[0] == 0) ++counter_[1];
}

uint32_t RandomStream::NextUint32() {
  if (used_ == 4) Refill();
  return block_[used_++];
}

uint64_t RandomStream::NextUint64() {
  const uint64_t low = NextUint32();
  return low | (uint64_t{NextUint32()} << 32);
}

uint64_t RandomStream::NextBelow(uint64_t bound) {
  HEARTH_CHECK(bound >= 1);
  while (true) {
    const uint64_t draw = NextUint64();
    const uint64_t low = draw * bound;  // the low half of the product
    if (low >= bound || low >= (0 - bound) % bound) return HighProduct(draw, bound);
  }
}

double RandomStream::NextDouble() { return static_cast<double>(NextUint64() >> 11) * 0x1.0p-53; }

double RandomStream::NextNormal() {
  if (has_spare_normal_) {
    has_spare_normal_ = false;
    return spare_normal_;
  }
  const double radius = std::sqrt(-2.0 * std::log(1.0 - NextDouble()));
  const double angle = 2.0 * std::numbers::pi * NextDouble();
  spare_normal_ = radius * std::sin(angle);
  has_spare_normal_ = true;
  return radius * std::cos(angle);
}

std::vector<int64_t> RandomPermutation(int64_t count, RandomStream stream) {
  return SampleWithoutReplacement(count, count, stream);
}

std::vector<int64_t> SampleWithoutReplacement(int64_t population, int64_t count,
                                              RandomStream stream) {
  HEARTH_CHECK(count >= 0 && count <= population, "{} of {}", count, population);
  std::vector<int64_t> values(population);
  std::iota(values.begin(), values.end(), int64_t{0});
  for (int64_t i = 0; i < count; ++i) {
    const int64_t j = i + stream.NextBelow(population - i);
    std::swap(values[i], values[j]);
  }
  values.resize(count);
  return values;
}

}  // namespace hearth
