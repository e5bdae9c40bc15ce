#include "launch/report/convert_report_text.h"

#include <fmt/format.h>

#include "common/text.h"

namespace hearth {

std::string TextOf(const ConvertReport& report, const std::string& output) {
  std::string text =
      fmt::format("{}: {} users, {} items, {} events, labels {:g} to {:g}{}\n", report.format,
                  report.users, report.items, report.events, report.label_min, report.label_max,
                  report.has_time ? "" : ", no times");
  const auto count = [&](int64_t number, const char* what) {
    if (number > 0) text += fmt::format("  {} {}\n", number, what);
  };
  if (report.rows_read > 0) text += fmt::format("  {} rows read\n", report.rows_read);
  count(report.rows_skipped, "bad rows skipped");
  count(report.duplicates, "duplicates merged");
  count(report.missing_dropped, "events dropped for a missing label");
  count(report.missing_filled, "missing labels filled");
  count(report.below_minimum, "events of users or items below the minimum dropped");
  text += fmt::format("  {:<22} {:>9} {:>11} {:>7}\n", "part", "tasks", "events", "shards");
  for (const PartCount& part : report.parts) {
    text += fmt::format("  {:<22} {:>9} {:>11} {:>7}\n", NameOf(part.part), part.tasks, part.events,
                        part.shards);
  }
  return text + fmt::format("wrote {} ({})\n", output, FormatBytes(report.size_bytes));
}

}  // namespace hearth
