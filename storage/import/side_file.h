#pragma once

#include <string>
#include <vector>

#include "storage/import/bad_rows.h"
#include "storage/import/entity_builder.h"
#include "storage/import/table.h"

namespace hearth {

struct SideFileOptions {
  /// Column of the entity's id: its name or, for a file without a header, its number from 1.
  std::string id_column;
  std::string title_column;              ///< "" or absent from the file: no titles
  std::string category_separator = "|";  ///< separates the categories of a cell
  std::string number_separator = " ";    ///< separates the numbers of a float_seq cell
  bool fields_may_be_missing = false;    ///< true: short rows leave the last features empty
  std::vector<std::string> kinds;        ///< ColumnOptions::kinds
  /// The columns that make features, with those of `kinds`; empty: all. Other columns are named in
  /// SideFileMatch::unused.
  std::vector<std::string> only;
};

/// Reads features of users or items from the next rows of `table`. Without names of columns,
/// features are named column_2, .... A column may carry a type, token|token_seq|float|float_seq.
/// The values of a column without a type tell its kind (EntityBuilder::Feature); the separator
/// divides a cell into several categories. A column of objects is left out and named in
/// SideFileMatch::unused; an option for a key inside of it ("NAME.KEY=KIND") makes a feature of
/// this key. Throws DataError when the id column is missing, when the file has no row, or when none
/// of its rows describes a known entity; UsageError when `kinds` names an unknown kind.
void ReadSideFile(const std::string& path, const SideFileOptions& options, Table* table,
                  BadRows* bad_rows, EntityBuilder* builder);

/// Refuses "NAME=KIND" options that fit no column of any side file that was read.
void RequireKindsUsed(const std::vector<std::string>& kinds,
                      const std::vector<const EntityBuilder*>& builders);

}  // namespace hearth
