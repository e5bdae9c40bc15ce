#include "storage/import/event_columns.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/text.h"

namespace hearth {
namespace {

std::string Described(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kSeconds:
      return "seconds since 1970";
    case TimeUnit::kMilliseconds:
      return "milliseconds since 1970";
    case TimeUnit::kMicroseconds:
      return "microseconds since 1970";
    case TimeUnit::kNanoseconds:
      return "nanoseconds since 1970";
    case TimeUnit::kDate:
      return "dates (yyyymmdd)";
  }
  return "";
}

}  // namespace

void EventColumns::ChooseTimeUnit(const std::string& option,
                                  const std::vector<std::vector<std::string>>& rows) {
  if (option != "auto") {
    time_unit = ParseTimeUnit(option);
    return;
  }
  std::vector<std::string> times;
  for (const std::vector<std::string>& row : rows) {
    if (time.position < row.size()) times.push_back(row[time.position]);
  }
  time_unit = GuessTimeUnit(times);
}

bool EventColumns::Read(const std::vector<std::string_view>& fields, const RowPlace& place,
                        BadRows* bad_rows, RawEvent* event) const {
  const auto id = [&](const Column& column, std::string_view* to) {
    return ParseId(fields[column.position], column.name, place, bad_rows, to);
  };
  if (!id(user, &event->user) || !id(item, &event->item)) return false;
  if (subject.is_there() && !id(subject, &event->subject)) return false;
  if (label.is_there() &&
      !ParseLabel(fields[label.position], label.name, place, bad_rows, &event->label)) {
    return false;
  }
  return !time.is_there() || ParseTime(fields[time.position], time_unit, time.name, place, bad_rows,
                                       &event->time, &event->nanoseconds);
}

std::vector<std::string> EventColumns::Notes(const ColumnHeader& header) const {
  std::vector<std::string> notes, unused;
  if (time.is_there()) {
    notes.push_back(fmt::format("times: numbers in '{}' are {}", time.name, Described(time_unit)));
  }
  if (!label.is_there()) notes.emplace_back("labels: no column, every row is a positive event");
  for (size_t i = 0; i < header.size(); ++i) {
    const auto is_it = [i](const Column* column) { return column->position == i; };
    if (std::ranges::none_of(std::initializer_list{&user, &item, &subject, &label, &time}, is_it)) {
      unused.push_back(header.name(i));
    }
  }
  if (!unused.empty()) notes.push_back("columns not used: " + Join(unused, ", "));
  return notes;
}

}  // namespace hearth
