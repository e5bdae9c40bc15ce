#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/import/clean.h"
#include "storage/import/convert_report.h"
#include "storage/import/split.h"

namespace hearth {

/// The columns of a CSV or TSV log. A column is given by its name in the header line or by its
/// number, from 1.
struct CsvOptions {
  std::string user_column = "user";
  std::string item_column = "item";
  std::string label_column;     ///< "": every row is a positive event with label 1
  std::string time_column;      ///< "": no times; rows keep their order
  std::string delimiter;        ///< one character; "": comma for .csv, tab for .tsv/.tab/.txt
  bool header = true;           ///< false: the file has no header line, columns are numbers
  std::string time_unit = "s";  ///< s, ms or us since 1970; ISO 8601 texts are read as UTC
  std::string user_features;    ///< side file; its column user_column holds the ids; "": none
  std::string item_features;    ///< side file; its column item_column holds the ids; "": none
  std::string title_column = "title";  ///< column of item_features; it may be absent
  /// This text separates the categories of one cell in feature files ("Comedy|Drama").
  std::string category_separator = "|";
};

/// Options of the conversion of one raw log into a data set of shards.
struct ConvertOptions {
  std::string format;      ///< one of ConvertFormats()
  std::string input;       ///< file or folder, see the importer of the format
  std::string output;      ///< folder; created if absent, refused if not empty
  bool overwrite = false;  ///< true: first remove the data set in the output folder
  std::string name;        ///< display name; "": the last name of the input path
  /// The entities that become tasks: "user", "item", or (csv only) the name of a column. The values
  /// of this column then take the place of the users.
  std::string task_by = "user";
  int64_t tasks_per_shard = 8192;  ///< [1, 1'000'000]; memory in use is about one such shard
  /// true: keep items of a side file that have no event, for example new items of a catalogue.
  bool keep_unseen_items = false;
  std::string features;  ///< metahin: a MovieLens folder with features of the same ids; "": none
  CsvOptions csv;        ///< csv only
  CleanOptions clean;
  SplitOptions split;
};

/// Returns "movielens", "csv", "recbole", "metahin", "episodes", "sequences".
std::vector<std::string> ConvertFormats();

/// Converts a raw log. The log is streamed: memory holds vocabularies, side features and the events
/// of about one shard. The manifest is written last. A failure removes everything written so far.
/// Throws UsageError (options), DataError (input; names file, line, column, value),
/// StorageError / PermissionError (output).
ConvertReport ConvertLog(const ConvertOptions& options);

}  // namespace hearth
