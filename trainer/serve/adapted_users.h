#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/adapt/learner.h"
#include "trainer/serve/support_set.h"

namespace hearth {

/// Users adapted earlier: everything that scoring needs without their support. On disk a folder
/// with
///   adapted.json   users (name, known owner or not, seen items), base model
///   adapted.h5     the states: for each tensor NAME of TaskState a group /state/NAME with
///                    users [n]         int64, the users that have the tensor, ascending
///                    shapes [n, d]     int64, its shape for each of them
///                    values            float64 or int64, one user behind the other
/// Original ids only, so that the folder can be read with any HDF5 and JSON library.
struct AdaptedUsers {
  std::string base_checkpoint;  ///< path of the checkpoint or model folder adapted from
  std::string base_hash;        ///< hash of its parameters and tables
  std::vector<SupportSet> users;
  std::vector<TaskState> states;  ///< [user], each [1, ...]
};

/// Writes the folder, whole or not at all. Refuses (UsageError) one that is not empty.
void SaveAdaptedUsers(const std::string& path, const DataBinding& data, const AdaptedUsers& users);

/// Reads it back for the same base model: `base_hash` must be the folder's. `parameters`: of the
/// base model, which folders of format version 2 refer to. Throws DataError naming the file and the
/// value that does not fit; also for values that are not finite.
AdaptedUsers LoadAdaptedUsers(const std::string& folder, const Learner& learner,
                              const DataBinding& data, const MetaParameters& parameters,
                              const std::string& base_hash);

}  // namespace hearth
