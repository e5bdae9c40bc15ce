#include "launch/report/model_card.h"

#include <fmt/format.h>

#include "launch/config/show.h"

namespace hearth {
namespace {

void AddFields(const std::string& side, const std::vector<FieldSchema>& fields, std::string& text) {
  for (const FieldSchema& field : fields) {
    const int64_t size = field.is_categorical() ? field.row_count : field.width();
    const char* unit = field.is_categorical() ? "table rows" : "numbers";
    text += fmt::format("| {} | `{}` | {} | {} {} |\n", side, field.name, NameOf(field.kind), size,
                        unit);
  }
}

}  // namespace

std::string ModelCard(const Config& config, const InputSchema& schema,
                      const CheckpointManifest& checkpoint) {
  std::string name = config.run.name;
  if (name.empty()) name = schema.data_name;
  std::string text = fmt::format(
      "# {}\n\nA base model of hearth {}, step {}.\n\n"
      "- Trained on data set `{}`: {} events, {} {}s in the catalogue, labels in [{}, {}], mean "
      "{:.4g}.\n",
      name, checkpoint.tool_version, checkpoint.step, schema.data_name, schema.event_count,
      schema.catalogue.items->size(), schema.row_side, schema.label_min, schema.label_max,
      schema.label_mean);
  if (checkpoint.metric) {
    text += fmt::format("- Validation at this step: {} {:.6g}, after adaptation.\n",
                        checkpoint.metric->name, checkpoint.metric->value);
  } else {
    text += "- There was no validation at this step.\n";
  }
  text += "\n## Input\n\n| side | field | kind | size |\n|---|---|---|---|\n";
  AddFields(schema.task_side, schema.task_fields, text);
  AddFields(schema.row_side, schema.row_fields, text);
  text +=
      "\n## Use\n\n```\nhearth recommend --model DIR --support new_users.tsv\n"
      "hearth eval --model DIR data.path=DATA\n```\n\n## Settings\n\n```\n" +
      ModelSettings(config) + "```\n";
  return text;
}

std::string ModelSettings(Config config) {
  config.run.dir.clear();
  config.data.path.clear();
  config.data.stage.clear();
  return ShowConfig(config, /*minimal=*/false);
}

}  // namespace hearth
