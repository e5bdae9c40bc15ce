#include "storage/import/event_columns.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "common/error.h"
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
    case TimeUnit::kHour:
      return "hours (yymmddhh, UTC)";
  }
  return "";
}

}  // namespace

void EventColumns::ChooseTimeUnit(const std::string& option, Table* table) {
  if (time.is_there() && table->IsTime(time.position)) {
    if (option != "auto") {
      throw UsageError("--time-unit {}: the column '{}' has dates or timestamps; leave it out",
                       option, time.name);
    }
    has_own_unit = true;
  } else if (option != "auto") {
    time_unit = ParseTimeUnit(option);
  } else if (time.is_there()) {
    time_unit = GuessTimeUnit(table->FirstValues(time.position));
  }
}

bool EventColumns::Read(const Table& table, BadRows* bad_rows, RawEvent* event) {
  const RowPlace place = table.place();
  const auto text_of = [&](const Column& column) {
    return column.position < table.fields().size() ? table.fields()[column.position] : "";
  };
  for (const Column* column : {&user, &item, &subject, &label, &time, &type}) {
    if (column->is_there() && !table.RequireValue(column->position, bad_rows)) return false;
  }
  const auto id = [&](const Column& column, std::string_view* to) {
    const std::string_view text = text_of(column);
    if (!missing_id.empty() && Trim(text) == missing_id) {
      bad_rows->Reject(place, column.name, text, "a missing value, not an id");
      return false;
    }
    return ParseId(text, column.name, place, bad_rows, to);
  };
  if (!id(user, &event->user) || !id(item, &event->item)) return false;
  if (subject.is_there() && !id(subject, &event->subject)) return false;
  event->user_code = table.CodeOf(user.position);
  event->item_code = table.CodeOf(item.position);
  if (label.is_there() && !ParseLabel(text_of(label), label.name, place, bad_rows, &event->label)) {
    return false;
  }
  if (time.is_there() && !ParseTime(text_of(time), time_unit, time.name, place, bad_rows,
                                    &event->time, &event->nanoseconds)) {
    return false;
  }
  if (!type.is_there()) return true;
  if (!weights.Read(text_of(type), type.name, place, bad_rows, &event->label)) return false;
  if (event->label == 0) ++weightless_count;
  return event->label > 0;
}

std::vector<std::string> EventColumns::Notes(const Table& table) const {
  std::vector<std::string> notes, unused;
  if (has_own_unit) {
    notes.push_back(fmt::format("times: '{}' has dates or timestamps of its own", time.name));
  } else if (time.is_there()) {
    notes.push_back(fmt::format("times: numbers in '{}' are {}", time.name, Described(time_unit)));
  }
  if (type.is_there()) {
    notes.push_back(fmt::format("labels: the weights of the types in '{}'", type.name));
  } else if (!label.is_there()) {
    notes.emplace_back("labels: no column, every row is a positive event");
  }
  for (size_t i = 0; i < table.header().size(); ++i) {
    const std::string& name = table.header().name(i);
    // A key inside an object uses the object, too.
    const auto uses = [&](const Column* column) {
      return column->position == i || (column->is_there() && column->name.starts_with(name + ".") &&
                                       table.format() != "csv");
    };
    const std::array<const Column*, 6> used = {&user, &item, &subject, &label, &time, &type};
    if (std::ranges::none_of(used, uses)) {
      unused.push_back(name);
    }
  }
  if (!unused.empty()) notes.push_back("columns not used: " + Join(unused, ", "));
  return notes;
}

}  // namespace hearth
