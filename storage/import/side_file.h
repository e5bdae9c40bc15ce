#pragma once

#include <string>

#include "storage/import/bad_rows.h"
#include "storage/import/entity_builder.h"
#include "storage/import/record_reader.h"

namespace hearth {

struct SideFileOptions {
  RecordFormat format;
  /// Column of the entity's id: its name or, for a file without a header, its number from 1.
  std::string id_column;
  std::string title_column;              ///< "" or absent from the file: no titles
  std::string category_separator = "|";  ///< separates the categories of a cell
  std::string number_separator = " ";    ///< separates the numbers of a float_seq cell
  bool header = true;                    ///< false: features are named column_2, ...
  bool fields_may_be_missing = false;    ///< true: short rows leave the last features empty
};

/// Reads features of users or items from a delimited file. A header field may carry a type,
/// "name:token|token_seq|float|float_seq". A column without a type holds categories; the separator
/// divides a cell into several categories. Throws DataError when the id column is missing or a
/// column name occurs twice.
void ReadSideFile(const std::string& path, const SideFileOptions& options, BadRows* bad_rows,
                  EntityBuilder* builder);

}  // namespace hearth
