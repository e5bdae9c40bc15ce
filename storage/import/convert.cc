#include "storage/import/convert.h"

#include <filesystem>

#include <nlohmann/json.hpp>

#include "common/error.h"
#include "storage/import/importers.h"
#include "storage/import/pipeline.h"

namespace hearth {

ConvertReport ConvertLog(const ConvertOptions& options) {
  if (options.input.empty()) throw UsageError("no input was given; use --input PATH");
  BadRows bad_rows(options.clean.on_bad_row, options.clean.max_bad);
  const std::unique_ptr<EventSource> source = MakeEventSource(options, &bad_rows);
  PipelineOptions pipeline;
  pipeline.input = options.input;
  pipeline.output = options.output;
  pipeline.overwrite = options.overwrite;
  pipeline.name = options.name;
  if (pipeline.name.empty() && options.input == "-") pipeline.name = "stdin";
  if (pipeline.name.empty()) {
    auto path = std::filesystem::absolute(options.input).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();  // "folder/" ends with an empty name
    pipeline.name = path.stem().string();
  }
  pipeline.task_by = options.task_by;
  pipeline.tasks_per_shard = options.tasks_per_shard;
  pipeline.keep_unseen_items = options.keep_unseen_items;
  pipeline.column_kinds = options.columns.kinds;
  pipeline.clean = options.clean;
  pipeline.split = options.split;
  pipeline.source_json = nlohmann::json{{"importer", options.format}}.dump();
  return RunPipeline(pipeline, source.get(), &bad_rows);
}

}  // namespace hearth
