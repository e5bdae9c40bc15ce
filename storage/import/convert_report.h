#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/import/entity_builder.h"
#include "storage/import/event_weights.h"
#include "storage/shard/describe.h"
#include "storage/shard/part.h"

namespace hearth {

struct PartCount {
  Part part;
  int64_t tasks = 0;
  int64_t events = 0;
  int64_t shards = 0;
};

/// The outcome of a conversion, for people. Rows of side files count for rows_skipped alone.
struct ConvertReport {
  std::string format;                  ///< the recognised format, e.g. "movielens (ratings.dat)"
  int64_t rows_read = 0;               ///< rows of the event files, bad rows included
  int64_t rows_skipped = 0;            ///< bad rows of event files and side files (on_bad_row skip)
  int64_t joined_lines = 0;            ///< lines inside quoted fields, joined to the line before
  std::vector<EventType> event_types;  ///< with the numbers of their rows; empty: no types
  int64_t left_out_rows = 0;    ///< rows that make no event on purpose, as of types of weight 0
  bool positive_only = false;   ///< DatasetManifest::positive_only
  int64_t duplicates = 0;       ///< events merged into another of the same (user, item)
  int64_t missing_dropped = 0;  ///< events left out for an empty label
  int64_t missing_filled = 0;   ///< events with an empty label that was filled
  int64_t below_minimum = 0;    ///< events left out by min_user_events / min_item_events
  int64_t users = 0, items = 0, events = 0;  ///< counts of the data set
  std::vector<PartCount> parts;              ///< parts with events, in the order of AllParts()
  bool has_time = false;
  float label_min = 0, label_max = 0;
  int64_t size_bytes = 0;                 ///< the size of all written files
  std::vector<std::string> notes;         ///< EventSource::notes
  std::vector<SideFileMatch> side_files;  ///< in the order of reading
  std::vector<FeatureSummary> user_features, item_features;
};

}  // namespace hearth
