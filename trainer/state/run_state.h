#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/rank_place.h"
#include "storage/checkpoint/array.h"
#include "storage/checkpoint/reader.h"
#include "trainer/optimize/dense_optimizer.h"
#include "trainer/state/train_state.h"
#include "trainer/table/meta_parameters.h"

namespace hearth {

/// The whole state of a run between two outer steps. Its arrays in a checkpoint have the names in
/// model_arrays.h and these:
///   optimizer/parameters/N.NAME/{first,second}   moments of the dense optimizer
///   optimizer/tables/N.NAME/{first,second,age}   state of the row-wise optimizer
///   optimizer/tables/N.NAME/waiting/{ids,last_step,count}  ids that wait for a row
struct RunState {
  MetaParameters parameters;
  DenseOptimizer optimizer;
  TrainState counters;
};

/// Arrays of a checkpoint, and the tensors that own their memory: copies, or the state itself.
struct SavedArrays {
  std::vector<NamedArray> arrays;
  std::vector<at::Tensor> memory;
};

/// kWhole: a checkpoint holds everything. kChanges: it leaves out the table rows that did not
/// change since the last EmbeddingTable::ForgetChanges.
enum class SaveScope { kWhole, kChanges };

/// The arrays this rank writes: dense arrays on rank 0, and a contiguous range of rows of each
/// table (the rows it owns, or an equal share of a table that every rank holds). They are valid
/// until the state changes.
SavedArrays ArraysToSave(RunState& state, const ParameterLayout& layout, RankPlace place,
                         SaveScope scope);

/// Bytes of the arrays that this rank would write.
struct SaveBytes {
  int64_t whole = 0, changes = 0;
};
SaveBytes BytesToSave(RunState& state, const ParameterLayout& layout, RankPlace place);

/// Reads parameters and the rows this rank owns into `parameters`. They must have the model's
/// shapes already. Any number of ranks may have written them; tables stream through a buffer.
/// Throws DataError naming the array and both shapes when the checkpoint is of another model.
void LoadParameters(const CheckpointReader& checkpoint, const ParameterLayout& layout,
                    MetaParameters& parameters);

/// Reads parameters (LoadParameters), optimizer state and counters. No row counts as changed
/// afterwards.
void LoadRunState(const CheckpointReader& checkpoint, const ParameterLayout& layout,
                  RunState& state);

nlohmann::json ToJson(const TrainState& state);

}  // namespace hearth
