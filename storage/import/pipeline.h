#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/import/bad_rows.h"
#include "storage/import/clean.h"
#include "storage/import/convert_report.h"
#include "storage/import/event_source.h"
#include "storage/import/split.h"

namespace hearth {

struct PipelineOptions {
  std::string input;  ///< path of the log, for messages; empty: there is no log (a simulation)
  std::string output;
  bool overwrite = false;
  std::string name;  ///< display name of the data set
  std::string task_by = "user";
  int64_t tasks_per_shard = 8192;
  bool keep_unseen_items = false;
  std::vector<std::string> column_kinds;  ///< ColumnOptions::kinds
  CleanOptions clean;
  SplitOptions split;
  /// JSON object for DatasetManifest::source: the origin of the data set. The pipeline adds the
  /// inputs with their hashes, the cleaning and the split.
  std::string source_json;
};

/// Turns a source into a data set in five passes. Memory holds the events of one spill file at a
/// time; a spill file has as many tasks as a shard. The passes are:
///   1 read     rows go to spill files by task; vocabularies number ids in order of appearance
///   2 clean    empty labels are filled, duplicates merged, the events of a task ordered; then
///              users and items below the minimum counts are left out (k-core)
///   3 survey   label statistics, the remaining entities, their first times
///   4 split    events get a part and their transformed label; entities in training are marked
///   5 write    scenarios, shards, users.h5, items.h5; manifest.json comes last
/// Throws the errors of ConvertLog.
ConvertReport RunPipeline(const PipelineOptions& options, EventSource* source, BadRows* bad_rows);

}  // namespace hearth
