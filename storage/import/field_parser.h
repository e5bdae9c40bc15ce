#pragma once

#include <cstdint>
#include <string_view>

#include "storage/import/bad_rows.h"

namespace hearth {

/// Reads a label: a finite number that fits a float. Spaces around the number are allowed. An empty
/// text is a missing label and gives NaN. Any other text rejects the row and returns false.
bool ParseLabel(std::string_view text, std::string_view column, const RowPlace& place,
                BadRows* bad_rows, float* label);

/// Reads a finite number of a side feature, by the same rules.
bool ParseFeatureNumber(std::string_view text, std::string_view column, const RowPlace& place,
                        BadRows* bad_rows, float* number);

/// The number of time units in a second, for "s", "ms" or "us". Throws UsageError on other names.
int64_t TimeUnitsPerSecond(std::string_view unit);

/// Reads a time, in seconds since 1970. The text is an integer or decimal number of units since
/// 1970 (the seconds are rounded down), or an ISO 8601 text in UTC: "2015-03-09",
/// "2015-03-09 11:52:59", also with 'T' in the middle or 'Z' at the end. Legal times lie between
/// 1970 and 2200. Any other text rejects the row and returns false.
bool ParseTime(std::string_view text, int64_t units_per_second, std::string_view column,
               const RowPlace& place, BadRows* bad_rows, int64_t* time);

/// Reads an id without the spaces around it. An empty id rejects the row and returns false.
bool ParseId(std::string_view text, std::string_view column, const RowPlace& place,
             BadRows* bad_rows, std::string_view* id);

}  // namespace hearth
