#include "storage/import/field_parser.h"

#include <chrono>
#include <cmath>
#include <limits>

#include "common/error.h"
#include "common/text.h"

namespace hearth {
namespace {

constexpr int64_t kLatestTime = 7'258'118'400;  // 2200-01-01

bool ParseFinite(std::string_view text, std::string_view column, const RowPlace& place,
                 BadRows* bad_rows, float* number) {
  text = Trim(text);
  if (text.empty()) {
    *number = std::numeric_limits<float>::quiet_NaN();
    return true;
  }
  double value = 0;
  if (!ParseDouble(text, &value)) {
    bad_rows->Reject(place, column, text, "not a number");
    return false;
  }
  if (!(std::abs(value) <= double{std::numeric_limits<float>::max()})) {
    bad_rows->Reject(place, column, text, "not a finite 32-bit number");
    return false;
  }
  *number = static_cast<float>(value);
  return true;
}

/// Removes exactly `digits` decimal digits from the front of `text` and returns their value. False:
/// the text does not start with so many digits.
bool TakeDigits(std::string_view* text, size_t digits, int* value) {
  if (text->size() < digits) return false;
  *value = 0;
  for (size_t i = 0; i < digits; ++i) {
    const char c = (*text)[i];
    if (c < '0' || c > '9') return false;
    *value = *value * 10 + (c - '0');
  }
  text->remove_prefix(digits);
  return true;
}

bool TakeChar(std::string_view* text, std::string_view any_of) {
  if (text->empty() || any_of.find(text->front()) == std::string_view::npos) return false;
  text->remove_prefix(1);
  return true;
}

bool ParseIsoTime(std::string_view text, int64_t* time) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!TakeDigits(&text, 4, &year) || !TakeChar(&text, "-") || !TakeDigits(&text, 2, &month) ||
      !TakeChar(&text, "-") || !TakeDigits(&text, 2, &day)) {
    return false;
  }
  if (TakeChar(&text, "T ")) {
    if (!TakeDigits(&text, 2, &hour) || !TakeChar(&text, ":") || !TakeDigits(&text, 2, &minute)) {
      return false;
    }
    if (TakeChar(&text, ":") && !TakeDigits(&text, 2, &second)) return false;
    TakeChar(&text, "Z");
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!text.empty() || !date.ok() || hour > 23 || minute > 59 || second > 59) return false;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  *time = ((days * 24 + hour) * 60 + minute) * 60 + second;
  return true;
}

bool ParseNumericTime(std::string_view text, int64_t units_per_second, int64_t* time) {
  int64_t units = 0;
  if (ParseInt64(text, &units)) {
    *time = units / units_per_second;
    if (units % units_per_second < 0) --*time;
    return true;
  }
  double value = 0;
  if (!ParseDouble(text, &value) || !(std::abs(value) < 1e18)) return false;
  *time = static_cast<int64_t>(std::floor(value / static_cast<double>(units_per_second)));
  return true;
}

}  // namespace

bool ParseLabel(std::string_view text, std::string_view column, const RowPlace& place,
                BadRows* bad_rows, float* label) {
  return ParseFinite(text, column, place, bad_rows, label);
}

bool ParseFeatureNumber(std::string_view text, std::string_view column, const RowPlace& place,
                        BadRows* bad_rows, float* number) {
  return ParseFinite(text, column, place, bad_rows, number);
}

int64_t TimeUnitsPerSecond(std::string_view unit) {
  if (unit == "s") return 1;
  if (unit == "ms") return 1000;
  if (unit == "us") return 1'000'000;
  throw UsageError("unknown time unit '{}': legal are s, ms, us", unit);
}

bool ParseTime(std::string_view text, int64_t units_per_second, std::string_view column,
               const RowPlace& place, BadRows* bad_rows, int64_t* time) {
  text = Trim(text);
  if (!ParseNumericTime(text, units_per_second, time) && !ParseIsoTime(text, time)) {
    bad_rows->Reject(place, column, text, "not a time (a number since 1970, or an ISO 8601 date)");
    return false;
  }
  if (*time < 0) {
    bad_rows->Reject(place, column, text, "a time before the year 1970");
    return false;
  }
  if (*time >= kLatestTime) {
    bad_rows->Reject(place, column, text,
                     "a time after the year 2200; are these milliseconds? then give "
                     "--time-unit ms");
    return false;
  }
  return true;
}

bool ParseId(std::string_view text, std::string_view column, const RowPlace& place,
             BadRows* bad_rows, std::string_view* id) {
  *id = Trim(text);
  if (!id->empty()) return true;
  bad_rows->Reject(place, column, text, "an empty id");
  return false;
}

}  // namespace hearth
