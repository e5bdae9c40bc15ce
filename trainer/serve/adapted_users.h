#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/adapt/learner.h"
#include "trainer/serve/support_set.h"

namespace hearth {

/// Users adapted earlier: everything that scoring needs, so that their support is needed no more.
/// They are stored as a folder with
///   adapted.json   users (name, known owner or not, seen items), base model, SHA-256 of the other
///   adapted.h5     the states: for each tensor NAME of TaskState a group /state/NAME with
///                    users [n]         int64, the users that have the tensor, ascending
///                    shapes [n, d]     int64, the shape of each user's tensor
///                    values            float64 or int64, user after user
/// All ids are original ids, so that the folder can be read with any HDF5 and JSON library.
struct AdaptedUsers {
  std::string base_checkpoint;  ///< path of the checkpoint or model folder adapted from
  std::string base_hash;        ///< hash of its parameters and tables
  std::vector<SupportSet> users;
  std::vector<TaskState> states;  ///< [user], each [1, ...]
};

/// Writes the folder, whole or not at all. Throws UsageError when there is a folder that is not
/// empty.
void SaveAdaptedUsers(const std::string& path, const DataBinding& data, const AdaptedUsers& users);

/// Reads a folder back for the same base model: `base_hash` must be the hash in the folder.
/// `parameters`: the base model's parameters; folders of format version 2 refer to them. Throws
/// DataError naming the file and the value that does not fit or is not finite, or the file whose
/// bytes are not those that were written.
AdaptedUsers LoadAdaptedUsers(const std::string& folder, const Learner& learner,
                              const DataBinding& data, const MetaParameters& parameters,
                              const std::string& base_hash);

}  // namespace hearth
