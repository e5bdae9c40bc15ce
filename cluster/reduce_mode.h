#pragma once

namespace hearth {

/// The way to form sums over chunks and ranks (config key dist.reduce).
enum class ReduceMode {
  kExact,  ///< int64 fixed point: the same bits for any number of ranks and any order
  kFast,   ///< float sums in rank order: cheaper, depends on the number of ranks
};

}  // namespace hearth
