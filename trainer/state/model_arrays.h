#pragma once

#include <string>
#include <vector>

#include "storage/checkpoint/reader.h"

namespace hearth {

/// A checkpoint holds a model in arrays of these names:
///   parameters/N.NAME                    dense parameters, each with its shape
///   tables/N.NAME/rows                   table rows, in the order of RowPartition
///   tables/N.NAME/{ids,last_step,means}  tables of dynamic ids: the id of each row (-1: none),
///                                        the step of its last use, means of buckets
/// NAME is a feature's name with `_` for characters that array names may not have; the number N
/// keeps equal names apart.
std::string ParameterArray(size_t number, const std::string& name);
std::string TableArray(size_t number, const std::string& name);  ///< without "/rows" and so on
/// The ending "N.NAME" of both names.
std::string NumberedName(size_t number, const std::string& name);

/// Names of the arrays that make the model (no optimizer state), for ContentHash.
std::vector<std::string> ModelArrayNames(const CheckpointReader& checkpoint);

/// The entry of a manifest's scalars that names the order of table rows.
inline constexpr const char* kRowOrderKey = "row_order";
inline constexpr const char* kRowOrder = "buckets";
/// Throws DataError unless the checkpoint has the row order of RowPartition.
void RequireRowOrder(const CheckpointReader& checkpoint);

/// The type and shape of the array `name`. Throws DataError with both shapes unless they are
/// `expected`.
const ArraySpec& RequireArray(const CheckpointReader& checkpoint, const std::string& name,
                              const ArraySpec& expected);

}  // namespace hearth
