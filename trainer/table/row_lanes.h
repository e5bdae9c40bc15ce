#pragma once

#include <cstdint>

#include "trainer/tensor/host_device.h"

namespace hearth {

/// Lanes work on a table row. The host has one lane; it takes kPack neighbouring elements at a
/// time. A device has several lanes of a warp; each lane takes every kLanes-th pack.
///   kPack      the number of elements a lane loads at once
///   kAligned   true when every pack of every row is aligned to its own size
///   index()    the number of this lane
///   Sum(x)     the sum of x over the lanes, in a fixed order; all lanes have read their inputs
///              when it returns, so any of them may overwrite shared state afterwards
struct OneLane {
  static constexpr int kLanes = 1;
  static constexpr int kPack = 8;
  static constexpr bool kAligned = false;
  int index() const { return 0; }
  template <typename Real>
  Real Sum(Real x) const {
    return x;
  }
};

namespace row_lanes {

template <typename Real, int kSize>
struct Pack {
  Real values[kSize];
};

// A pack that is aligned to its size: a device loads it at once.
template <typename Real, int kSize>
struct alignas(kSize * sizeof(Real)) AlignedPack : Pack<Real, kSize> {};

// Loads and stores a pack.
template <int kPackSize, bool kAligned>
struct Access {
  static constexpr int kSize = kPackSize;

  template <typename Real>
  HEARTH_HOST_DEVICE Pack<Real, kSize> Load(const Real* from) const {
    if constexpr (kAligned) {
      const AlignedPack<Real, kSize> pack =
          *reinterpret_cast<const AlignedPack<Real, kSize>*>(from);
      return pack;
    } else {
      Pack<Real, kSize> pack;
      for (int j = 0; j < kSize; ++j) pack.values[j] = from[j];
      return pack;
    }
  }
  template <typename Real>
  HEARTH_HOST_DEVICE void Store(const Pack<Real, kSize>& pack, Real* to) const {
    if constexpr (kAligned) {
      *reinterpret_cast<AlignedPack<Real, kSize>*>(to) = {pack};
    } else {
      for (int j = 0; j < kSize; ++j) to[j] = pack.values[j];
    }
  }
};

// Calls visit(element, access) for this lane's share of [0, dim): packs, then single elements.
template <typename Lanes, typename Visit>
HEARTH_HOST_DEVICE inline void VisitPacks(const Lanes& lanes, int64_t dim, const Visit& visit) {
  const int64_t packed = dim / Lanes::kPack * Lanes::kPack;
  for (int64_t i = int64_t{lanes.index()} * Lanes::kPack; i < packed;
       i += int64_t{Lanes::kLanes} * Lanes::kPack) {
    visit(i, Access<Lanes::kPack, Lanes::kAligned>());
  }
  for (int64_t i = packed + lanes.index(); i < dim; i += Lanes::kLanes) {
    visit(i, Access<1, false>());
  }
}

}  // namespace row_lanes

/// Copies a row to `to` [dim].
template <typename Real, typename Lanes>
HEARTH_HOST_DEVICE inline void CopyRow(const Lanes& lanes, const Real* row, int64_t dim, Real* to) {
  row_lanes::VisitPacks(
      lanes, dim, [&](int64_t i, auto access) { access.Store(access.Load(row + i), to + i); });
}

}  // namespace hearth
