#include "storage/import/field_parser.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "common/error.h"
#include "common/text.h"

namespace hearth {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kLatestSecond = 7'258'118'400;  // 2200-01-01

constexpr std::array<std::string_view, 10> kMissingTexts = {"",     "NaN",  "nan",  "NAN",  "null",
                                                            "NULL", "Null", "None", "<NA>", "\\N"};
constexpr std::array<std::string_view, 4> kMissingNumbers = {"NA", "N/A", "n/a", "#N/A"};

constexpr std::array<std::string_view, 3> kTrue = {"true", "True", "TRUE"};
constexpr std::array<std::string_view, 3> kFalse = {"false", "False", "FALSE"};

struct UnitName {
  TimeUnit unit;
  std::string_view name, words;
  int64_t ns;  // nanoseconds of one unit
};
constexpr std::array<UnitName, 4> kCounts = {{
    {TimeUnit::kSeconds, "s", "seconds", kNsPerSecond},
    {TimeUnit::kMilliseconds, "ms", "milliseconds", 1'000'000},
    {TimeUnit::kMicroseconds, "us", "microseconds", 1'000},
    {TimeUnit::kNanoseconds, "ns", "nanoseconds", 1},
}};

const UnitName& CountOf(TimeUnit unit) {
  return *std::ranges::find(kCounts, unit, &UnitName::unit);
}

std::string_view WithoutPlus(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-' && text[1] != '+') text.remove_prefix(1);
  return text;
}

bool ParseFinite(std::string_view text, std::string_view column, const RowPlace& place,
                 BadRows* bad_rows, float* number) {
  text = Trim(text);
  if (IsMissingNumber(text)) {
    *number = std::numeric_limits<float>::quiet_NaN();
    return true;
  }
  double value = 0;
  if (std::ranges::find(kTrue, text) != kTrue.end()) {
    value = 1;
  } else if (std::ranges::find(kFalse, text) == kFalse.end() &&
             !ParseDouble(WithoutPlus(text), &value)) {
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

struct DateTime {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;

  /// Seconds since 1970; none if there is no such date or hour.
  std::optional<int64_t> Seconds() const {
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                           std::chrono::day(day)};
    if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
    const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    return ((days * 24 + hour) * 60 + minute) * 60 + second;
  }
};

/// Takes ".25" or ",25". Digits behind the ninth are dropped.
bool TakeFraction(std::string_view* text, int64_t* ns) {
  if (!TakeChar(text, ".,")) return true;
  int digit = 0, count = 0;
  int64_t place = kNsPerSecond;
  while (TakeDigits(text, 1, &digit)) {
    place /= 10;
    *ns += digit * place;
    ++count;
  }
  return count > 0;
}

/// Takes "Z", " UTC", "+02:00", "-0700" or "+02"; nothing means UTC.
bool TakeOffset(std::string_view* text, int64_t* seconds) {
  *text = Trim(*text);
  if (*text == "Z" || *text == "z" || *text == "UTC") *text = {};
  if (text->empty()) return true;
  const bool is_west = text->front() == '-';
  int hours = 0, minutes = 0;
  if (!TakeChar(text, "+-") || !TakeDigits(text, 2, &hours)) return false;
  const bool has_colon = TakeChar(text, ":");
  if ((has_colon || !text->empty()) && !TakeDigits(text, 2, &minutes)) return false;
  if (hours > 23 || minutes > 59) return false;
  *seconds = (hours * 60 + minutes) * 60;
  if (is_west) *seconds = -*seconds;
  return true;
}

/// Nanoseconds since 1970 of a legal time; none for another text or year.
std::optional<int64_t> ParseIsoTime(std::string_view text) {
  DateTime time;
  if (!TakeDigits(&text, 4, &time.year) || !TakeChar(&text, "-/")) return std::nullopt;
  if (!TakeDigits(&text, 2, &time.month) || !TakeChar(&text, "-/")) return std::nullopt;
  if (!TakeDigits(&text, 2, &time.day)) return std::nullopt;
  int64_t ns = 0, offset = 0;
  if (TakeChar(&text, "Tt ")) {
    if (!TakeDigits(&text, 2, &time.hour) || !TakeChar(&text, ":")) return std::nullopt;
    if (!TakeDigits(&text, 2, &time.minute)) return std::nullopt;
    if (TakeChar(&text, ":") && !TakeDigits(&text, 2, &time.second)) return std::nullopt;
    if (!TakeFraction(&text, &ns) || !TakeOffset(&text, &offset)) return std::nullopt;
  }
  const std::optional<int64_t> seconds = time.Seconds();
  if (!text.empty() || !seconds || std::abs(*seconds) > 2 * kLatestSecond) return std::nullopt;
  // Years far from 1970 do not fit nanoseconds; they are illegal anyway.
  const int64_t utc = std::clamp(*seconds - offset, int64_t{-1}, kLatestSecond);
  return utc * kNsPerSecond + (utc == *seconds - offset ? ns : 0);
}

/// Nanoseconds of the digits of a date; none if they are no date between 1970 and 2200.
std::optional<int64_t> ParseDateDigits(std::string_view text) {
  if (text.size() != 8 && text.size() != 12 && text.size() != 14) return std::nullopt;
  DateTime time;
  if (!TakeDigits(&text, 4, &time.year) || !TakeDigits(&text, 2, &time.month)) return std::nullopt;
  if (!TakeDigits(&text, 2, &time.day)) return std::nullopt;
  if (!text.empty() && (!TakeDigits(&text, 2, &time.hour) || !TakeDigits(&text, 2, &time.minute))) {
    return std::nullopt;
  }
  if (!text.empty() && !TakeDigits(&text, 2, &time.second)) return std::nullopt;
  const std::optional<int64_t> seconds = time.Seconds();
  if (!seconds || *seconds < 0 || *seconds >= kLatestSecond) return std::nullopt;
  return *seconds * kNsPerSecond;
}

/// Nanoseconds of the digits yymmddhh; none if they are no hour since 2000.
std::optional<int64_t> ParseHourDigits(std::string_view text) {
  DateTime time;
  if (!TakeDigits(&text, 2, &time.year) || !TakeDigits(&text, 2, &time.month)) return std::nullopt;
  if (!TakeDigits(&text, 2, &time.day) || !TakeDigits(&text, 2, &time.hour)) return std::nullopt;
  time.year += 2000;
  const std::optional<int64_t> seconds = time.Seconds();
  if (!seconds || !text.empty()) return std::nullopt;
  return *seconds * kNsPerSecond;
}

/// A finite number.
std::optional<double> ParseCount(std::string_view text) {
  double count = 0;
  if (!ParseDouble(WithoutPlus(text), &count) || !std::isfinite(count)) return std::nullopt;
  return count;
}

bool IsLegal(double count, int64_t ns_per_unit) {
  const double limit =
      static_cast<double>(kLatestSecond) * static_cast<double>(kNsPerSecond / ns_per_unit);
  return count >= 0 && count < limit;
}

/// The largest unit that puts `count` before the year 2200; none if even nanoseconds do not.
const UnitName* UnitThatFits(double count) {
  const auto fitting =
      std::ranges::find_if(kCounts, [&](const UnitName& unit) { return IsLegal(count, unit.ns); });
  return fitting == kCounts.end() ? nullptr : &*fitting;
}

std::string TooLate(double count, TimeUnit unit) {
  std::string why = fmt::format("a time after the year 2200 in {}", CountOf(unit).words);
  if (const UnitName* fitting = UnitThatFits(count)) {
    why += fmt::format("; are these {}? then give --time-unit {}", fitting->words, fitting->name);
  }
  return why;
}

/// Nanoseconds since 1970; or none, and the reason.
std::optional<int64_t> TimeOf(std::string_view text, TimeUnit unit, std::string* why) {
  std::optional<int64_t> time;
  if (unit == TimeUnit::kDate) {
    time = ParseDateDigits(text);
    if (!time) time = ParseIsoTime(text);
    if (!time) *why = "not a date between 1970 and 2200 (yyyymmdd, or ISO 8601)";
  } else if (unit == TimeUnit::kHour) {
    time = ParseHourDigits(text);
    if (!time) time = ParseIsoTime(text);
    if (!time) *why = "not an hour (yymmddhh, or ISO 8601)";
  } else if (const std::optional<double> count = ParseCount(text)) {
    const int64_t ns_per_unit = CountOf(unit).ns;
    if (*count >= 0 && !IsLegal(*count, ns_per_unit)) {
      *why = TooLate(*count, unit);
      return std::nullopt;
    }
    int64_t units = 0;
    if (*count < 0) {
      time = -1;
    } else if (ParseInt64(WithoutPlus(text), &units)) {
      time = units * ns_per_unit;
    } else {
      time = static_cast<int64_t>(*count * static_cast<double>(ns_per_unit));
    }
  } else {
    time = ParseIsoTime(text);
    if (!time) *why = "not a time (a number since 1970, or an ISO 8601 date)";
  }
  if (time && *time < 0) *why = "a time before the year 1970";
  if (time && *time >= kLatestSecond * kNsPerSecond) *why = "a time after the year 2200";
  if (!why->empty()) return std::nullopt;
  return time;
}

}  // namespace

bool IsMissingText(std::string_view text) {
  return std::ranges::find(kMissingTexts, text) != kMissingTexts.end();
}

bool IsMissingNumber(std::string_view text) {
  return IsMissingText(text) || std::ranges::find(kMissingNumbers, text) != kMissingNumbers.end();
}

bool ParseLabel(std::string_view text, std::string_view column, const RowPlace& place,
                BadRows* bad_rows, float* label) {
  return ParseFinite(text, column, place, bad_rows, label);
}

bool ParseFeatureNumber(std::string_view text, std::string_view column, const RowPlace& place,
                        BadRows* bad_rows, float* number) {
  return ParseFinite(text, column, place, bad_rows, number);
}

bool IsNumber(std::string_view text) {
  double value = 0;
  text = Trim(text);
  return !IsMissingNumber(text) && ParseDouble(WithoutPlus(text), &value) &&
         std::abs(value) <= double{std::numeric_limits<float>::max()};
}

TimeUnit ParseTimeUnit(std::string_view name) {
  if (name == "date") return TimeUnit::kDate;
  if (name == "yymmddhh") return TimeUnit::kHour;
  const auto found = std::ranges::find(kCounts, name, &UnitName::name);
  if (found == kCounts.end()) {
    throw UsageError("unknown time unit '{}': legal are auto, s, ms, us, ns, date, yymmddhh", name);
  }
  return found->unit;
}

std::string_view NameOf(TimeUnit unit) {
  if (unit == TimeUnit::kDate) return "date";
  if (unit == TimeUnit::kHour) return "yymmddhh";
  return CountOf(unit).name;
}

TimeUnit GuessTimeUnit(std::span<const std::string> texts) {
  double largest = 0;
  int64_t numbers = 0, dates = 0;
  for (const std::string& text : texts) {
    const std::optional<double> count = ParseCount(Trim(text));
    if (!count) continue;
    largest = std::max(largest, *count);
    ++numbers;
    if (ParseDateDigits(Trim(text))) ++dates;
  }
  if (numbers > 0 && dates == numbers) return TimeUnit::kDate;
  const UnitName* fitting = UnitThatFits(largest);
  return fitting == nullptr ? TimeUnit::kSeconds : fitting->unit;
}

bool IsIsoTime(std::string_view text) { return ParseIsoTime(Trim(text)).has_value(); }

bool ParseTime(std::string_view text, TimeUnit unit, std::string_view column, const RowPlace& place,
               BadRows* bad_rows, int64_t* seconds, int32_t* nanoseconds) {
  text = Trim(text);
  std::string why;
  const std::optional<int64_t> time = TimeOf(text, unit, &why);
  if (!time) {
    bad_rows->Reject(place, column, text, why);
    return false;
  }
  *seconds = *time / kNsPerSecond;
  *nanoseconds = static_cast<int32_t>(*time % kNsPerSecond);
  return true;
}

bool ParseId(std::string_view text, std::string_view column, const RowPlace& place,
             BadRows* bad_rows, std::string_view* id) {
  *id = Trim(text);
  if (id->empty()) {
    bad_rows->Reject(place, column, text, "an empty id");
    return false;
  }
  if (IsMissingText(*id)) {
    bad_rows->Reject(place, column, text, "a missing value, not an id");
    return false;
  }
  return true;
}

}  // namespace hearth
