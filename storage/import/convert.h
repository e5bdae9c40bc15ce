#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/import/clean.h"
#include "storage/import/convert_report.h"
#include "storage/import/split.h"

namespace hearth {

/// Columns of a CSV or TSV log. A column is a name of the header line, or a number from 1.
struct CsvOptions {
  std::string user_column = "user";
  std::string item_column = "item";
  std::string label_column;     ///< "": every row is a positive event, label 1
  std::string time_column;      ///< "": no times; rows keep their order
  std::string delimiter;        ///< one character; "": comma for .csv, tab for .tsv/.tab/.txt
  bool header = true;           ///< false: no header line, columns are numbers
  std::string time_unit = "s";  ///< s, ms or us since 1970; ISO 8601 texts are read as UTC
  std::string user_features;    ///< file keyed by a column named as user_column; "": none
  std::string item_features;    ///< file keyed by a column named as item_column; "": none
  std::string title_column = "title";  ///< of item_features, when it has such a column
  /// Separates the categories of one cell in feature files ("Comedy|Drama").
  std::string category_separator = "|";
};

/// A conversion of one raw log into a data set of shards.
struct ConvertOptions {
  std::string format;      ///< one of ConvertFormats()
  std::string input;       ///< file or folder, see the importer of the format
  std::string output;      ///< folder; made when absent, refused when not empty
  bool overwrite = false;  ///< empty the output folder if it holds a data set
  std::string name;        ///< display name; "": the last part of the input path
  /// What a task is: "user", "item", or (csv only) a column whose values take the users' place.
  std::string task_by = "user";
  int64_t tasks_per_shard = 8192;  ///< [1, 1'000'000]; memory in use is about one such shard
  /// Also keep items that only appear in a side file: a catalogue of items nobody has tried yet.
  bool keep_unseen_items = false;
  std::string features;  ///< metahin: a MovieLens folder with features of the same ids; "": none
  CsvOptions csv;        ///< csv only
  CleanOptions clean;
  SplitOptions split;
};

/// "movielens", "csv", "recbole", "metahin", "episodes", "sequences".
std::vector<std::string> ConvertFormats();

/// Converts a raw log. Streams: memory holds vocabularies, side features and about one shard of
/// events. The manifest is written last; on failure everything written is removed.
/// Throws UsageError (options), DataError (input; names file, line, column, value),
/// StorageError / PermissionError (output).
ConvertReport ConvertLog(const ConvertOptions& options);

}  // namespace hearth
