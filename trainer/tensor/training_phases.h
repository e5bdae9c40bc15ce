#pragma once

#include "common/phase.h"

namespace hearth {

/// The phases of a training run, in the order of a step. The training thread starts in kStartPhase
/// (common/phase.h).
inline constexpr Phase kLoadPhase = {"load"};                ///< waits for a meta-batch
inline constexpr Phase kFetchPhase = {"fetch"};              ///< gets rows of sharded tables
inline constexpr Phase kComputePhase = {"compute"};          ///< adaptation and gradients
inline constexpr Phase kReducePhase = {"reduce"};            ///< sums over ranks
inline constexpr Phase kUpdatePhase = {"update"};            ///< the outer optimizer
inline constexpr Phase kEvaluatePhase = {"evaluate", true};  ///< validation
inline constexpr Phase kSavePhase = {"save", true};          ///< collects and copies the state
inline constexpr Phase kSavePreparePhase = {"save.prepare", true};  ///< rank 0 makes the folder
inline constexpr Phase kSaveWritePhase = {"save.write", true};      ///< this rank writes its piece
inline constexpr Phase kSaveGatherPhase = {"save.gather", true};    ///< rank 0 hears of all pieces
/// Writes the manifest and makes the checkpoint visible by a rename.
inline constexpr Phase kSaveCommitPhase = {"save.commit", true};
inline constexpr Phase kSavePrunePhase = {"save.prune", true};  ///< removes older checkpoints
inline constexpr Phase kEndPhase = {"end", true};               ///< after the last step

}  // namespace hearth
