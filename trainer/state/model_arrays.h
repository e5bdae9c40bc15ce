#pragma once

#include <string>
#include <vector>

#include "storage/checkpoint/reader.h"

namespace hearth {

/// How a checkpoint holds a model. Names of its arrays:
///   parameters/N.NAME                  dense parameters, each with its shape
///   tables/N.NAME/rows                 embedding rows, in the order of RowPartition
///   tables/N.NAME/{ids,last_step,means}  tables of dynamic ids: whose row it is (-1: none), when
///   it
///                                      was last used, means of buckets
/// Names of features are the user's and those of arrays are restricted: N keeps them apart.
std::string ParameterArray(size_t number, const std::string& name);
std::string TableArray(size_t number, const std::string& name);  ///< without "/rows" and the like
/// "N.NAME" of both.
std::string NumberedName(size_t number, const std::string& name);

/// Names of the arrays that make the model (no optimizer state), for ContentHash.
std::vector<std::string> ModelArrayNames(const CheckpointReader& checkpoint);

/// The entry of a manifest's scalars that says in which order tables have their rows.
inline constexpr const char* kRowOrderKey = "row_order";
inline constexpr const char* kRowOrder = "buckets";
/// Throws DataError unless it is that of RowPartition.
void RequireRowOrder(const CheckpointReader& checkpoint);

/// The array of this name. Throws DataError with both shapes when it is another one than the model
/// needs.
const ArraySpec& RequireArray(const CheckpointReader& checkpoint, const std::string& name,
                              const ArraySpec& expected);

}  // namespace hearth
