#include "launch/report/convert_report_text.h"

#include <fmt/format.h>

#include "common/text.h"

namespace hearth {
namespace {

// A column with fewer values than this cannot tell much.
constexpr int64_t kFewValues = 20;

std::string TextOf(const SideFileMatch& file) {
  std::string text = fmt::format("  {}: {} rows, {} of them describe an entity of the log",
                                 file.path, file.rows, file.matched);
  if (!file.unmatched_id.empty()) {
    text +=
        fmt::format("; {} do not, the first is '{}'", file.rows - file.matched, file.unmatched_id);
  }
  if (file.repeated > 0) {
    text += fmt::format("; {} equal an earlier row of the same id", file.repeated);
  }
  text += "\n";
  if (!file.unused.empty()) {
    text += fmt::format("    columns not used: {}\n", Join(file.unused, ", "));
  }
  return text;
}

std::string TextOf(const char* side, const std::vector<FeatureSummary>& features) {
  std::string text;
  for (const FeatureSummary& feature : features) {
    const bool has_vocabulary =
        feature.kind == FeatureKind::kCategory || feature.kind == FeatureKind::kCategories;
    std::string size;
    if (has_vocabulary) size = fmt::format(", {} values", feature.size);
    if (feature.kind == FeatureKind::kVector) size = fmt::format(" of {} numbers", feature.size);
    text += fmt::format("  {}.{}: {}{}, known for {} of {}\n", side, feature.name,
                        NameOf(feature.kind), size, feature.covered, feature.count);
    if (has_vocabulary && feature.covered >= kFewValues &&
        10 * feature.size >= 9 * feature.covered) {
      text += fmt::format(
          "    warning: nearly every {} has a value of its own, which tells it apart but says "
          "nothing of new ones; leave it out with --column {}=skip, or number it with "
          "--column {}=number\n",
          side, feature.name, feature.name);
    }
  }
  return text;
}

}  // namespace

std::string TextOf(const ConvertReport& report, const std::string& output) {
  std::string text = fmt::format(
      "{}: {} users, {} items, {} events, labels {:g} to {:g}{}{}\n", report.format, report.users,
      report.items, report.events, report.label_min, report.label_max,
      report.positive_only ? ", all positive" : "", report.has_time ? "" : ", no times");
  for (const std::string& note : report.notes) text += fmt::format("  {}\n", note);
  const auto count = [&](int64_t number, const char* what) {
    if (number > 0) text += fmt::format("  {} {}\n", number, what);
  };
  if (report.rows_read > 0) text += fmt::format("  {} rows read\n", report.rows_read);
  count(report.rows_skipped, "bad rows skipped");
  for (const EventType& type : report.event_types) {
    text += fmt::format(
        "  {} rows of type '{}', {}\n", type.count, type.name,
        type.weight == 0 ? "left out: its weight is 0" : fmt::format("weight {:g}", type.weight));
  }
  count(report.joined_lines, "line ends inside quoted fields, which belong to a row");
  count(report.duplicates, "duplicates merged");
  count(report.missing_dropped, "events dropped for a missing label");
  count(report.missing_filled, "missing labels filled");
  count(report.below_minimum, "events of users or items below the minimum dropped");
  if (report.label_min == report.label_max && !report.positive_only) {
    text += fmt::format(
        "  warning: every label is {:g}, so neither errors nor rankings tell models apart\n",
        report.label_min);
  }
  for (const SideFileMatch& file : report.side_files) text += TextOf(file);
  text += TextOf("user", report.user_features) + TextOf("item", report.item_features);
  text += fmt::format("  {:<22} {:>9} {:>11} {:>7}\n", "part", "tasks", "events", "shards");
  for (const PartCount& part : report.parts) {
    text += fmt::format("  {:<22} {:>9} {:>11} {:>7}\n", NameOf(part.part), part.tasks, part.events,
                        part.shards);
  }
  return text + fmt::format("wrote {} ({})\n", output, FormatBytes(report.size_bytes));
}

}  // namespace hearth
