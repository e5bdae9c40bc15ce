#pragma once

#include <vector>

#include "storage/file/hdf5.h"
#include "trainer/adapt/learner.h"

namespace hearth {

/// Reads adapted.h5 of format version 2 (hearth 0.1). This version holds results of gradient
/// descent alone:
///   /parameters/NAME [user, shape...]   the values of each adapted parameter
///   /rows/TABLE/offsets [user + 1] into /rows/TABLE/ids and /rows/TABLE/values [id, dim]
///                                       the table rows of each user, if table rows adapt
/// Fills in `states` [user], which must be empty. Table rows and projections become changes
/// relative to the base model. Throws DataError naming the file and the value that does not fit.
void ReadStatesOfVersion2(const Hdf5File& file, const Learner& learner,
                          const MetaParameters& parameters, std::vector<TaskState>& states);

}  // namespace hearth
