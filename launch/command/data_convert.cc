#include <cstdio>
#include <memory>

#include "common/text.h"
#include "launch/command/commands.h"
#include "launch/command/options.h"
#include "launch/command/split_options.h"
#include "launch/report/convert_report_text.h"
#include "storage/import/convert.h"

namespace hearth {
namespace {

void AddColumnOptions(CLI::App* app, ColumnOptions* columns) {
  const char* group =
      "Columns (--format csv, jsonl, parquet, recbole, amazon, criteo, avazu): names; numbers from "
      "1 "
      "(text with delimiters); a.b for the key b of the object a (jsonl, parquet)";
  const auto add = [&](const char* flag, std::string* value, const char* help) {
    AddText(app, flag, value, help)->group(group);
  };
  add("--user-col", &columns->user_column,
      "user id; default: user (csv, jsonl, parquet), user_id (recbole), device_ip (avazu); criteo "
      "needs one");
  add("--item-col", &columns->item_column,
      "item id; default: item (csv, jsonl, parquet), item_id (recbole), C14 (avazu); criteo needs "
      "one");
  add("--label-col", &columns->label_column,
      "label; default: none, every row is a positive event (csv, jsonl, parquet); rating or label "
      "(recbole)");
  add("--time-col", &columns->time_column,
      "time; default: none, rows keep their order (csv, jsonl, parquet); timestamp (recbole)");
  add("--event-col", &columns->event_column,
      "type of the event (view, buy); its weight is the label, and no label column is read");
  app->add_option("--event-weight", columns->event_weights,
                  "TYPE=WEIGHT[,TYPE=WEIGHT...] of every type, such as view=1,cart=3,buy=5; 0 "
                  "leaves the type out; every event counts as positive")
      ->group(group);
  add("--time-unit", &columns->time_unit,
      "numeric times: s, ms, us or ns since 1970, date (yyyymmdd), yymmddhh, or auto: as the "
      "first rows tell");
  app->add_option("--column", columns->kinds,
                  "NAME=KIND of a feature column: number, category, categories, vector or skip; "
                  "may come several times")
      ->group(group);
}

void AddTableOptions(CLI::App* app, ColumnOptions* columns) {
  const char* group =
      "Side files (--format csv, jsonl, parquet, amazon): delimited text, JSON lines or Parquet";
  const auto add = [&](const char* flag, std::string* value, const char* help) {
    AddText(app, flag, value, help)->group(group);
  };
  add("--user-features", &columns->user_features, "file of user features, with the user column");
  add("--item-features", &columns->item_features, "file of item features, with the item column");
  add("--title-col", &columns->title_column, "column of titles in the item features");
  add("--category-separator", &columns->category_separator,
      "separator of the categories in one cell");
  group = "Delimited text (--format csv, and side files)";
  add("--delimiter", &columns->delimiter,
      "one character, several signs (::), or tab; default: as the name of the file or its first "
      "line tells");
  app->add_flag_function(
         "--header,!--no-header", [columns](int64_t sign) { columns->header = sign > 0; },
         "the first line names the columns; default: it does unless it looks like a row")
      ->group(group);
  add("--escape", &columns->escape,
      "the character that takes the next one as it is inside quotes: backslash; default: none");
}

void AddCleanOptions(CLI::App* app, CleanOptions* clean) {
  const char* group = "Cleaning";
  AddParsed(
      app, "--duplicates", &clean->duplicates, ParseDuplicateRule, NameOf,
      "when a (user, item) pair comes twice: keep the last or the first, keep the last with the "
      "mean, max or sum of the labels, keep all, or refuse")
      ->group(group);
  AddParsed(app, "--missing", &clean->missing, ParseMissingRule, NameOf,
            "an empty label: refuse, drop, or fill with zero, one, mean")
      ->group(group);
  AddParsed(app, "--label", &clean->label_transform, ParseLabelTransform, NameOf,
            "rewrite labels: raw, threshold, minmax, zscore")
      ->group(group);
  AddFloat(app, "--threshold", &clean->label_threshold, AnyNumber(),
           "--label threshold: labels of at least this become 1, others 0")
      ->group(group);
  AddInt(app, "--min-user-events", &clean->min_user_events, AtLeast(1),
         "leave out users with fewer events")
      ->group(group);
  AddInt(app, "--min-item-events", &clean->min_item_events, AtLeast(1),
         "leave out items with fewer events")
      ->group(group);
  AddParsed(app, "--on-bad-row", &clean->on_bad_row, ParseBadRowRule, NameOf,
            "a row that cannot be read: refuse, or skip and count")
      ->group(group);
  AddInt(app, "--max-bad", &clean->max_bad, AtLeast(0),
         "--on-bad-row skip: most rows that may be skipped")
      ->group(group);
}

}  // namespace

void AddDataConvert(CLI::App* parent, Invocation* invocation) {
  auto options = std::make_shared<ConvertOptions>();
  CLI::App* app = parent->add_subcommand("convert", "convert a raw log into shards");
  AddName(app, "--format", &options->format, ConvertFormats(), "format of the input")->required();
  AddText(app, "--input", &options->input, "file or folder of the raw log; - is the standard input")
      ->required();
  AddText(app, "--output", &options->output, "folder to write; must be new or empty")->required();
  app->add_flag("--overwrite", options->overwrite, "replace a data set in the output folder");
  AddText(app, "--name", &options->name, "display name; default: the last part of the input path");
  AddText(app, "--task-by", &options->task_by,
          "key that the events of a task share: user, item, or (formats of tables) a column");
  AddInt(app, "--tasks-per-shard", &options->tasks_per_shard, Between(1, 1e6),
         "tasks per shard; the memory in use is about one shard");
  app->add_flag("--keep-unseen-items", options->keep_unseen_items,
                "keep items without events that the item features name");
  AddText(app, "--features", &options->features,
          "metahin: MovieLens folder with features of the same ids");
  AddColumnOptions(app, &options->columns);
  AddTableOptions(app, &options->columns);
  AddCleanOptions(app, &options->clean);
  AddSplitOptions(app, &options->split);
  OnChosen(app, invocation, [options](Job&) {
    const ConvertReport report = ConvertLog(*options);
    std::fputs(TextOf(report, options->output).c_str(), stdout);
    return 0;
  });
}

}  // namespace hearth
