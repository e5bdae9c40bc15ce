#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/import/clean.h"
#include "storage/import/convert_report.h"
#include "storage/import/split.h"

namespace hearth {

/// The columns of a log that is a table (csv, jsonl, parquet, recbole, amazon, criteo, avazu). A
/// column is given by its name; in delimited text also by its number, from 1; in JSON lines and
/// Parquet "a.b" is the key b of the object a. The empty text stands for the usual name of the
/// format.
struct ColumnOptions {
  std::string user_column;   ///< csv, jsonl and parquet "user", recbole "user_id"
  std::string item_column;   ///< csv, jsonl and parquet "item", recbole "item_id"
  std::string label_column;  ///< csv none, recbole "rating" or "label"; none: all labels are 1
  std::string time_column;   ///< csv none, recbole "timestamp"; none: rows keep their order
  /// The column of event types ("view", "buy"); "": none. The label of an event is then the weight
  /// of its type, and no label column is read. Events of weight 0 are left out.
  std::string event_column;
  std::vector<std::string> event_weights;  ///< texts of EventWeights
  std::string
      delimiter;  ///< csv: one character or "::"; "": as the file's name or first line tells
  std::optional<bool> header;  ///< csv: the first line names the columns; none: DelimitedTable
  /// The names of the columns of a log without a header line; empty: they have numbers. Formats
  /// with known columns set this.
  std::vector<std::string> names;
  std::string escape;                  ///< csv: takes the next character of a quoted field as it is
  std::string time_unit = "auto";      ///< auto (GuessTimeUnit) or a name of TimeUnit
  std::string user_features;           ///< side file; its column user_column holds the ids
  std::string item_features;           ///< side file; its column item_column holds the ids
  std::string title_column = "title";  ///< column of item_features; it may be absent
  /// This text separates the categories of one cell in feature files ("Comedy|Drama").
  std::string category_separator = "|";
  /// "NAME=KIND" for a column of a feature file: number, category, categories, vector or skip.
  /// Other columns have the kind that their header or their values tell (EntityBuilder).
  std::vector<std::string> kinds;
};

/// Options of the conversion of one raw log into a data set of shards.
struct ConvertOptions {
  std::string format;      ///< one of ConvertFormats()
  std::string input;       ///< file or folder, see the importer of the format
  std::string output;      ///< folder; created if absent, refused if not empty
  bool overwrite = false;  ///< true: first remove the data set in the output folder
  std::string name;        ///< display name; "": the last name of the input path
  /// The entities that become tasks: "user", "item", or (tables only) the name of a column. The
  /// values of this column then take the place of the users.
  std::string task_by = "user";
  int64_t tasks_per_shard = 8192;  ///< [1, 1'000'000]; memory in use is about one such shard
  /// true: keep items of a side file that have no event, for example new items of a catalogue.
  bool keep_unseen_items = false;
  std::string features;   ///< metahin: a MovieLens folder with features of the same ids; "": none
  ColumnOptions columns;  ///< tables only
  CleanOptions clean;
  SplitOptions split;
};

/// Returns "movielens", "amazon", "csv", "jsonl", "parquet", "recbole", "criteo", "avazu",
/// "metahin", "episodes", "sequences".
std::vector<std::string> ConvertFormats();

/// Converts a raw log. The log is streamed: memory holds vocabularies, side features and the events
/// of about one shard. The manifest is written last. A failure removes everything written so far.
/// Throws UsageError (options), DataError (input; names file, line, column, value),
/// StorageError / PermissionError (output).
ConvertReport ConvertLog(const ConvertOptions& options);

}  // namespace hearth
