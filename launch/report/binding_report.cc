#include "launch/report/binding_report.h"

#include <vector>

#include <fmt/format.h>

#include "common/text.h"

namespace hearth {
namespace {

// 12345 -> "12,345".
std::string Grouped(int64_t number) {
  std::string text = std::to_string(number);
  for (int64_t i = std::ssize(text) - 3; i > 0; i -= 3) text.insert(i, ",");
  return text;
}

void AddColumns(const BindingReport& report, std::vector<std::string>& parts) {
  for (const BindingReport::Field& field : report.fields) {
    if (field.missing) {
      parts.push_back(fmt::format("{} is missing: unknown for every {}", field.name, report.side));
    } else if (field.known_count < field.value_count) {
      parts.push_back(fmt::format("{}: {} of {} values known", field.name,
                                  Grouped(field.known_count), Grouped(field.value_count)));
    }
  }
  if (!report.unused_columns.empty()) {
    parts.push_back(fmt::format("columns of {}s that the model does not read: {}", report.side,
                                Join(report.unused_columns, ", ")));
  }
}

}  // namespace

std::string BindingText(const DataBinding& data) {
  const BindingReport& items = data.items().report();
  std::vector<std::string> parts = {fmt::format(
      "{} of {} {}s known, {} new", Grouped(items.known_count), Grouped(items.entity_count),
      items.side, Grouped(items.entity_count - items.known_count))};
  AddColumns(items, parts);
  AddColumns(data.tasks().report(), parts);
  return "the model and the data set: " + Join(parts, "; ");
}

}  // namespace hearth
