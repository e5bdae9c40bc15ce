#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "launch/config/setting.h"

namespace hearth {

/// The readers throw it for a value that does not fit its key. The catcher adds the key's name.
struct BadValue {
  std::string message;  ///< "expected an integer, found 'x'"
  std::string hint;     ///< tells the user how to correct it, or is empty
  Place place;
};

/// The legal numbers of a key. A bound is legal itself unless it is open.
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
Range HalfOpen(double low, double high);  ///< low <= value < high
inline Range AnyNumber() { return {}; }

/// Readers turn a raw value into a typed one. They are strict, so that a slip is refused instead of
/// read as another value. All readers throw BadValue.
/// ReadBool accepts `true` and `false`.
bool ReadBool(const RawValue& raw);
/// Accepts decimal digits, but no octal (`010`), no `1_000`, no `1e3` and no quotes.
int64_t ReadInt(const RawValue& raw, const Range& range);
/// Accepts a finite decimal number.
double ReadFloat(const RawValue& raw, const Range& range);
std::string ReadString(const RawValue& raw);
/// Returns an absolute path. The environment variable replaces `${NAME}`, and a relative path
/// starts at the folder of the value's place. An empty text stays empty.
std::string ReadPath(const RawValue& raw);
/// Accepts a number of outer steps: `500` or `500step`.
int64_t ReadSteps(const RawValue& raw, const Range& range);
/// Returns seconds. Accepts `30`, `30s`, `10min`, `2h`, `1d`.
double ReadDuration(const RawValue& raw, const Range& range);
/// Returns the index of the name in `names`.
size_t ReadName(const RawValue& raw, const std::vector<std::string>& names);
/// Accepts the name of an evaluation metric: "rmse", "ndcg@10".
std::string ReadMetric(const RawValue& raw);
std::string MetricNames();
/// Returns the elements of a list. The command line may write a list as `64,64`.
std::vector<RawValue> ReadList(const RawValue& raw);

/// Writers return YAML text. The readers turn this text into the same value again.
std::string WriteBool(bool value);
std::string WriteInt(int64_t value);
std::string WriteFloat(double value);  ///< the shortest text that gives the same bits again
std::string WriteString(const std::string& value);
std::string WriteDuration(double seconds);

}  // namespace hearth
