#pragma once

#include <cstdint>
#include <string_view>

#include "storage/import/bad_rows.h"

namespace hearth {

/// A label: a finite number that fits a float. Spaces around it are allowed. Empty text is a
/// missing label and reads as NaN. False, with the row rejected, on anything else.
bool ParseLabel(std::string_view text, std::string_view column, const RowPlace& place,
                BadRows* bad_rows, float* label);

/// A finite number of a side feature. Empty text reads as NaN (missing).
bool ParseFeatureNumber(std::string_view text, std::string_view column, const RowPlace& place,
                        BadRows* bad_rows, float* number);

/// Units per second of "s", "ms" or "us". Throws UsageError on other names.
int64_t TimeUnitsPerSecond(std::string_view unit);

/// A time in seconds since 1970: an integer or decimal number of `units_per_second`-ths (rounded
/// down), or ISO 8601 "2015-03-09", "2015-03-09 11:52:59" ('T' between, 'Z' behind allowed; UTC).
/// Legal are times from 1970 to 2200. False, with the row rejected, on anything else.
bool ParseTime(std::string_view text, int64_t units_per_second, std::string_view column,
               const RowPlace& place, BadRows* bad_rows, int64_t* time);

/// An id: not empty once spaces around it are dropped. False, with the row rejected, otherwise.
bool ParseId(std::string_view text, std::string_view column, const RowPlace& place,
             BadRows* bad_rows, std::string_view* id);

}  // namespace hearth
