#pragma once

// The clicks of a simulated log: a data set of positive events alone.

#include <fstream>
#include <string>

#include "storage/import/convert.h"
#include "tests/trainer/support/training.h"

namespace hearth {

/// The folder of all events of SmallDataset as clicks, made once per process. Tests do not change
/// it.
inline const std::string& Clicks() {
  static const std::string folder = [] {
    const std::string log = ScratchFolder::Path() + "/clicks.csv";
    const std::string path = ScratchFolder::Path() + "/clicks-data";
    const Dataset ratings({.path = SmallDataset()});
    std::ofstream file(log);
    file << "user,item,time\n";
    for (int64_t s = 0; s < std::ssize(ratings.manifest().shards); ++s) {
      const ShardReader& shard = ratings.Shard(s);
      for (int64_t t = 0; t < shard.task_count(); ++t) {
        const TaskView task = shard.task(t);
        for (size_t j = 0; j < task.items.size(); ++j) {
          file << 'u' << task.id << ",i" << task.items[j] << ',' << task.times[j] << '\n';
        }
      }
    }
    file.close();
    ConvertOptions options;
    options.format = "csv";
    options.input = log;
    options.output = path;
    options.overwrite = true;
    options.columns.time_column = "time";
    options.split.test_events = 0.3;
    options.split.validation_events = 0.2;
    ConvertLog(options);
    return path;
  }();
  return folder;
}

}  // namespace hearth
