#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/adapt/meta_learner.h"
#include "trainer/serve/support_set.h"

namespace hearth {

/// Users adapted earlier: what scoring needs without their support. On disk a folder with
///   adapted.json   users (name, owner, seen items), adapted parameters (name, shape), base model
///   adapted.h5     /parameters/NAME [user, shape...], the values of each adapted parameter; where
///                  embedding rows adapt, for each table /rows/NAME/offsets [user + 1] into
///                  /rows/NAME/ids and /rows/NAME/values [id, dim]
/// Original ids only, so that the folder can be read with any HDF5 and JSON library.
struct AdaptedUsers {
  std::string base_checkpoint;  ///< path of the checkpoint adapted from
  std::string base_hash;        ///< ContentHash of its model arrays
  std::vector<SupportSet> users;
  std::vector<AdaptedUser> adapted;  ///< [user]
};

/// Writes the folder, whole or not at all. Refuses (UsageError) one that is not empty.
void SaveAdaptedUsers(const std::string& path, const MetaLearner& learner, const Dataset& dataset,
                      const AdaptedUsers& users);

/// Reads it back for the same base model: `parameters` gives the shared parameters, `base_hash`
/// must be the folder's. Throws DataError naming the file and what does not fit.
AdaptedUsers LoadAdaptedUsers(const std::string& folder, const MetaLearner& learner,
                              const Dataset& dataset, const MetaParameters& parameters,
                              const std::string& base_hash);

}  // namespace hearth
