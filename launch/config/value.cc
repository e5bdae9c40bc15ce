#include "launch/config/value.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "common/text.h"
#include "trainer/evaluate/metrics.h"

namespace hearth {
namespace {

[[noreturn]] void Refuse(const RawValue& raw, std::string message, std::string hint = {}) {
  throw BadValue{std::move(message), std::move(hint), raw.place};
}

/// Returns the text of a scalar, and refuses all other kinds.
const std::string& ScalarText(const RawValue& raw, std::string_view expected) {
  switch (raw.kind) {
    case RawValue::Kind::kScalar:
      return raw.text;
    case RawValue::Kind::kEmpty:
      Refuse(raw, fmt::format("expected {}, found no value", expected),
             "give a value, or remove the line to get the default");
    case RawValue::Kind::kList:
      Refuse(raw, fmt::format("expected {}, found a list", expected));
    case RawValue::Kind::kSection:
      Refuse(raw, fmt::format("expected {}, found a section", expected));
  }
  HEARTH_CHECK(false);
  return raw.text;
}

/// Returns the text of a number. It refuses quotes: `"5"` is a string, and probably a slip.
const std::string& NumberText(const RawValue& raw, std::string_view expected) {
  const std::string& text = ScalarText(raw, expected);
  if (raw.quoted) {
    Refuse(raw, fmt::format("expected {}, found the string \"{}\"", expected, text),
           "remove the quotes");
  }
  return text;
}

[[noreturn]] void RefuseNumber(const RawValue& raw, std::string_view expected,
                               const std::string& text) {
  Refuse(raw, fmt::format("expected {}, found '{}'", expected, text));
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// Refuses numbers that YAML versions, or people, read differently.
void RefuseAmbiguousNumber(const RawValue& raw, const std::string& text) {
  std::string_view digits = text;
  if (digits.starts_with('-')) digits.remove_prefix(1);
  if (digits.size() > 1 && digits[0] == '0' && IsDigit(digits[1])) {
    Refuse(raw, fmt::format("'{}' starts with 0", text),
           "some YAML readers take it as octal; write it without the leading 0");
  }
  if (text.find('_') != std::string::npos && IsDigit(text[0])) {
    Refuse(raw, fmt::format("'{}' has an underscore", text), "write the digits without it");
  }
}

void RequireRange(const RawValue& raw, double value, const Range& range, const std::string& text) {
  if (!range.Contains(value)) {
    Refuse(raw, fmt::format("{} is out of range: must be {}", text, range.Text()));
  }
}

/// Splits "10min" into "10" and "min".
std::pair<std::string, std::string> SplitUnit(const std::string& text) {
  const size_t last_digit = text.find_last_of("0123456789.");
  if (last_digit == std::string::npos) return {"", text};
  return {text.substr(0, last_digit + 1), text.substr(last_digit + 1)};
}

RawValue WithText(const RawValue& raw, std::string text) {
  RawValue copy = raw;
  copy.text = std::move(text);
  return copy;
}

const std::string& OneLine(const RawValue& raw, const std::string& text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) Refuse(raw, "a line break or control character");
  }
  return text;
}

struct Unit {
  const char* name;
  double seconds;
};
constexpr std::array<Unit, 4> kUnits = {{{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}}};

std::string ReplaceEnvironment(const RawValue& raw, const std::string& text) {
  std::string result;
  size_t begin = 0;
  while (true) {
    const size_t open = text.find("${", begin);
    result += text.substr(begin, open - begin);
    if (open == std::string::npos) return result;
    const size_t close = text.find('}', open);
    if (close == std::string::npos) Refuse(raw, "'${' without '}'");
    const std::string name = text.substr(open + 2, close - open - 2);
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) {
      Refuse(raw, fmt::format("environment variable '{}' is not set", name),
             "set it, or write the path out");
    }
    result += value;
    begin = close + 1;
  }
}

}  // namespace

bool Range::Contains(double value) const {
  const bool above_low = value > low || (value == low && !low_open);
  const bool below_high = value < high || (value == high && !high_open);
  return above_low && below_high;
}

std::string Range::Text() const {
  const bool has_low = std::isfinite(low), has_high = std::isfinite(high);
  const std::string low_text = fmt::format("{} {}", low_open ? ">" : ">=", low);
  const std::string high_text = fmt::format("{} {}", high_open ? "<" : "<=", high);
  if (has_low && has_high) {
    if (low_open || high_open) return low_text + " and " + high_text;
    return fmt::format("{} to {}", low, high);
  }
  if (has_low) return low_text;
  if (has_high) return high_text;
  return "";
}

Range AtLeast(double low) { return {.low = low}; }
Range Above(double low) { return {.low = low, .low_open = true}; }
Range Between(double low, double high) { return {.low = low, .high = high}; }
Range HalfOpen(double low, double high) { return {.low = low, .high = high, .high_open = true}; }

bool ReadBool(const RawValue& raw) {
  const std::string& text = NumberText(raw, "true or false");
  if (text == "true") return true;
  if (text == "false") return false;
  Refuse(raw, fmt::format("expected true or false, found '{}'", text));
}

int64_t ReadInt(const RawValue& raw, const Range& range) {
  const std::string& text = NumberText(raw, "an integer");
  int64_t value = 0;
  RefuseAmbiguousNumber(raw, text);
  if (!ParseInt64(text, &value)) {
    double number = 0;
    if (ParseDouble(text, &number) && number == std::floor(number) && std::abs(number) < 1e15) {
      Refuse(raw, fmt::format("expected an integer, found '{}'", text),
             fmt::format("write {:.0f}", number));
    }
    RefuseNumber(raw, "an integer", text);
  }
  RequireRange(raw, static_cast<double>(value), range, text);
  return value;
}

double ReadFloat(const RawValue& raw, const Range& range) {
  const std::string& text = NumberText(raw, "a number");
  double value = 0;
  RefuseAmbiguousNumber(raw, text);
  if (!ParseDouble(text, &value)) {
    if (text == ".nan" || text == ".inf" || text == "-.inf" || text == ".NaN" || text == ".Inf") {
      Refuse(raw, fmt::format("expected a finite number, found '{}'", text));
    }
    RefuseNumber(raw, "a number", text);
  }
  if (!std::isfinite(value)) Refuse(raw, fmt::format("expected a finite number, found '{}'", text));
  RequireRange(raw, value, range, text);
  return value;
}

std::string ReadString(const RawValue& raw) { return OneLine(raw, ScalarText(raw, "a text")); }

std::string ReadPath(const RawValue& raw) {
  namespace fs = std::filesystem;
  const std::string text = ReplaceEnvironment(raw, OneLine(raw, ScalarText(raw, "a path")));
  if (text.empty()) return text;
  const fs::path path = (fs::path(raw.place.folder) / text).lexically_normal();
  std::string result = fs::absolute(path).lexically_normal().string();
  if (result.size() > 1 && result.ends_with('/')) result.pop_back();
  return result;
}

int64_t ReadSteps(const RawValue& raw, const Range& range) {
  const std::string& text = NumberText(raw, "a number of steps such as 500 or 500step");
  const auto [number, unit] = SplitUnit(text);
  if (!unit.empty() && unit != "step" && unit != "steps") {
    Refuse(raw, fmt::format("expected a number of steps, found '{}'", text),
           "write 500 or 500step: what a run does must not depend on clocks or on the data's size");
  }
  return ReadInt(WithText(raw, number), range);
}

double ReadDuration(const RawValue& raw, const Range& range) {
  const std::string& text = NumberText(raw, "a duration such as 30s, 10min, 2h");
  const auto [number, unit] = SplitUnit(text);
  const double value = ReadFloat(WithText(raw, number.empty() ? text : number), AnyNumber());
  if (unit.empty()) {
    RequireRange(raw, value, range, text);
    return value;
  }
  for (const Unit& known : kUnits) {
    if (unit != known.name) continue;
    RequireRange(raw, value * known.seconds, range, text);
    return value * known.seconds;
  }
  Refuse(raw, fmt::format("'{}' has the unknown unit '{}'", text, unit), "units: s, min, h, d");
}

size_t ReadName(const RawValue& raw, const std::vector<std::string>& names) {
  const std::string& text = ScalarText(raw, "one of " + Join(names, ", "));
  for (size_t i = 0; i < names.size(); ++i) {
    if (text == names[i]) return i;
  }
  Refuse(raw,
         fmt::format("'{}' is not one of {}{}", text, Join(names, ", "), DidYouMean(text, names)));
}

std::string ReadMetric(const RawValue& raw) {
  const std::string& text = ScalarText(raw, "a metric");
  try {
    return NameOf(ParseMetric(text));
  } catch (const ConfigError& error) {
    Refuse(raw, error.what());
  }
}

std::string MetricNames() {
  std::vector<std::string> names;
  for (const Metric& metric : AllMetrics(1)) {
    std::string name = NameOf(metric);
    if (metric.k != 0) name = name.substr(0, name.find('@')) + "@K";
    names.push_back(name);
  }
  return Join(names, ", ");
}

std::vector<RawValue> ReadList(const RawValue& raw) {
  if (raw.kind == RawValue::Kind::kList) return raw.items;
  const std::string& text = ScalarText(raw, "a list such as [1, 2]");
  if (!raw.place.on_command_line()) {
    Refuse(raw, fmt::format("expected a list, found '{}'", text), fmt::format("write [{}]", text));
  }
  std::vector<RawValue> items;
  if (text.empty()) return items;
  for (const std::string_view item : SplitText(text, ",")) {
    items.push_back(WithText(raw, std::string(Trim(item))));
  }
  return items;
}

std::string WriteBool(bool value) { return fmt::format("{}", value); }

std::string WriteInt(int64_t value) { return std::to_string(value); }

std::string WriteFloat(double value) {
  std::string text = fmt::format("{}", value);
  // Shows the type: a reader would take "1" for an integer.
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string WriteString(const std::string& value) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+@%";
  const bool word_is_plain = !value.empty() && value != "null" && value != "Null" &&
                             value != "NULL" && value[0] != '-' && value[0] != '@' &&
                             value[0] != '%' && value != "---" &&
                             value.find_first_not_of(kPlain) == std::string::npos;
  if (word_is_plain) return value;
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\'') quoted += '\'';
    quoted += c;
  }
  return quoted + "'";
}

std::string WriteDuration(double seconds) {
  for (auto unit = kUnits.rbegin(); unit != kUnits.rend(); ++unit) {
    const double count = seconds / unit->seconds;
    if (count >= 1 && count == std::floor(count) && count * unit->seconds == seconds) {
      return fmt::format("{:.0f}{}", count, unit->name);
    }
  }
  return fmt::format("{}s", seconds);
}

}  // namespace hearth
