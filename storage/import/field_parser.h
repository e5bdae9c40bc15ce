#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "storage/import/bad_rows.h"

namespace hearth {

/// True for the texts that stand for a missing number or label: nothing, NA, N/A, and those of
/// IsMissingText.
bool IsMissingNumber(std::string_view text);
/// True for the texts that stand for a missing value of any kind, as pandas, R and data bases write
/// them: nothing, NaN, null, None, <NA>, \N. The country code NA is not among them.
bool IsMissingText(std::string_view text);

/// Reads a label: a finite number that fits a float. Spaces around the number and a plus before it
/// are allowed; true is 1 and false is 0 (also True, TRUE). A missing number (IsMissingNumber)
/// gives NaN. Any other text rejects the row and returns false.
bool ParseLabel(std::string_view text, std::string_view column, const RowPlace& place,
                BadRows* bad_rows, float* label);

/// Reads a finite number of a side feature, by the same rules.
bool ParseFeatureNumber(std::string_view text, std::string_view column, const RowPlace& place,
                        BadRows* bad_rows, float* number);
/// True if the text is a number by these rules, and not a missing one.
bool IsNumber(std::string_view text);

/// The meaning of times that are numbers.
enum class TimeUnit : uint8_t {
  kSeconds,  ///< since 1970; so are the next three
  kMilliseconds,
  kMicroseconds,
  kNanoseconds,
  kDate,  ///< the digits of a date: yyyymmdd, yyyymmddhhmm or yyyymmddhhmmss
  kHour,  ///< the digits yymmddhh of an hour since 2000; never guessed
};
/// Reads "s", "ms", "us", "ns", "date" or "yymmddhh". Throws UsageError on other names.
TimeUnit ParseTimeUnit(std::string_view name);
std::string_view NameOf(TimeUnit unit);

/// Guesses the unit from some times of a log: dates if all numbers are digits of a date, else the
/// unit that puts the largest number before the year 2200.
TimeUnit GuessTimeUnit(std::span<const std::string> texts);

/// True for the ISO 8601 texts of ParseTime.
bool IsIsoTime(std::string_view text);

/// Reads a time: whole seconds since 1970, and the nanoseconds behind them. The text is an integer
/// or decimal number in `unit`, or an ISO 8601 text such as "2015-03-09", "2015-03-09 11:52:59" or
/// "2015-03-09T11:52:59.25+02:00" (also with slashes in the date; UTC if no offset is given). Legal
/// times lie between 1970 and 2200. Any other text rejects the row and returns false; the message
/// names the unit that fits.
bool ParseTime(std::string_view text, TimeUnit unit, std::string_view column, const RowPlace& place,
               BadRows* bad_rows, int64_t* seconds, int32_t* nanoseconds);

/// Reads an id without the spaces around it. A missing id (IsMissingText) rejects the row and
/// returns false.
bool ParseId(std::string_view text, std::string_view column, const RowPlace& place,
             BadRows* bad_rows, std::string_view* id);

}  // namespace hearth
