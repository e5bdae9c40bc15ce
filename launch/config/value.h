#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "launch/config/setting.h"

namespace hearth {

/// A value that does not fit its key. Caught by whoever knows the key's name.
struct BadValue {
  std::string message;  ///< "expected an integer, found 'x'"
  std::string hint;     ///< what to do, or empty
  Place place;
};

/// Legal numbers of a key; bounds belong to the range unless open.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false;
  bool high_open = false;

  bool Contains(double value) const;
  /// ">= 1", "> 0", "0 to 1", ">= 0 and < 1", or "" for any number.
  std::string Text() const;
};
Range AtLeast(double low);
Range Above(double low);
Range Between(double low, double high);
Range FromBelow(double low, double high);  ///< low <= value < high
inline Range AnyNumber() { return {}; }

/// The readers of values: exactly one way to write each thing. All throw BadValue.
/// `true` or `false`.
bool ReadBool(const RawValue& raw);
/// Decimal digits: no octal (`010`), no `1_000`, no `1e3`, no quotes.
int64_t ReadInt(const RawValue& raw, const Range& range);
/// A finite decimal number.
double ReadFloat(const RawValue& raw, const Range& range);
std::string ReadString(const RawValue& raw);
/// A path: `${NAME}` is replaced by the environment variable, relative paths are relative to the
/// folder of the value's place; the result is absolute. Empty stays empty.
std::string ReadPath(const RawValue& raw);
/// A number of outer steps: `500` or `500step`.
int64_t ReadSteps(const RawValue& raw, const Range& range);
/// Seconds: `30`, `30s`, `10min`, `2h`, `1d`.
double ReadDuration(const RawValue& raw, const Range& range);
/// Position of the name in `names`.
size_t ReadName(const RawValue& raw, const std::vector<std::string>& names);
/// The name of an evaluation metric: "rmse", "ndcg@10".
std::string ReadMetric(const RawValue& raw);
std::string MetricNames();
/// The elements of a list; a text such as `64,64` counts as one on the command line.
std::vector<RawValue> ReadList(const RawValue& raw);

/// The writers: YAML text that the readers read back as the same value.
std::string WriteInt(int64_t value);
std::string WriteFloat(double value);  ///< shortest text that reads back as the same bits
std::string WriteString(const std::string& value);
std::string WriteDuration(double seconds);

}  // namespace hearth
