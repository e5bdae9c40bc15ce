#pragma once

#include <cstdint>
#include <string>

#include "storage/import/bad_rows.h"
#include "storage/import/clean.h"
#include "storage/import/convert_report.h"
#include "storage/import/event_source.h"
#include "storage/import/split.h"

namespace hearth {

struct PipelineOptions {
  std::string input;  ///< path of the log, for messages; empty when there is none (a simulation)
  std::string output;
  bool overwrite = false;
  std::string name;  ///< display name of the data set
  std::string task_by = "user";
  int64_t tasks_per_shard = 8192;
  bool keep_unseen_items = false;
  CleanOptions clean;
  SplitOptions split;
  /// JSON object with what made the data set, for DatasetManifest::source; the pipeline adds inputs
  /// with hashes, cleaning and split.
  std::string source_json;
};

/// Turns a source into a data set in five passes, each holding the events of one spill file (as
/// many tasks as a shard) at a time:
///   1 read     rows -> spill files by task; vocabularies in order of first appearance
///   2 clean    fill, merge duplicates, order inside tasks; then k-core minimum counts
///   3 survey   label statistics, entities that are left, their first times
///   4 split    parts of the events, label transform; who occurs in training
///   5 write    scenarios, shards, users.h5, items.h5, manifest.json last
/// Throws as ConvertLog.
ConvertReport RunPipeline(const PipelineOptions& options, EventSource* source, BadRows* bad_rows);

}  // namespace hearth
