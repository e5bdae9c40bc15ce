#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "launch/config/config.h"
#include "launch/config/value.h"

namespace hearth {

/// One configuration key with all its facts. The YAML reader, the overrides,
/// `config show|keys|check` and docs/config.md all use one table of keys.
struct Key {
  std::string name;   ///< dotted path, "meta.inner_steps"
  std::string type;   ///< "int", "bool", "list of int", ...
  std::string legal;  ///< the range or the choices in words; empty: any value of the type
  std::string help;   ///< the meaning, in one line
  /// Sets the field from a value. Throws BadValue if the value does not fit.
  std::function<void(const RawValue&, Config&)> read;
  /// Returns the value of the field as YAML text.
  std::function<std::string(const Config&)> write;
  /// A resumed run may differ from its start in this key.
  bool may_change_on_resume = false;

  /// The name before the dot: "meta".
  std::string_view section() const { return std::string_view(name).substr(0, name.find('.')); }
  Key& MayChangeOnResume() {
    may_change_on_resume = true;
    return *this;
  }
};

/// The legal names of an enum, in the order of the listing.
template <typename Enum>
using Names = std::vector<std::pair<std::string, Enum>>;

/// Adds the keys of one section. A section is one options struct inside Config.
template <typename Options>
class SectionBuilder {
 public:
  /// `Owner`: Config, or the base of it that has the member.
  template <typename Owner>
  SectionBuilder(std::vector<Key>* keys, std::string section, Options Owner::*options)
      : keys_(keys), section_(std::move(section)), options_(options) {}

  Key& Bool(const char* name, bool Options::*field, const char* help) {
    return Add(name, "bool", "true, false", help, field, ReadBool, WriteBool);
  }
  Key& Int(const char* name, int64_t Options::*field, Range range, const char* help) {
    return Add(
        name, "int", range.Text(), help, field,
        [range](const RawValue& raw) { return ReadInt(raw, range); }, WriteInt);
  }
  Key& Float(const char* name, double Options::*field, Range range, const char* help) {
    return Add(
        name, "float", range.Text(), help, field,
        [range](const RawValue& raw) { return ReadFloat(raw, range); }, WriteFloat);
  }
  Key& Steps(const char* name, int64_t Options::*field, Range range, const char* help) {
    return Add(
        name, "steps", range.Text(), help, field,
        [range](const RawValue& raw) { return ReadSteps(raw, range); }, WriteInt);
  }
  /// The word auto stands for `auto_value`.
  Key& StepsOrAuto(const char* name, int64_t Options::*field, Range range, int64_t auto_value,
                   const char* help) {
    return Add(
        name, "steps", range.Text() + ", auto", help, field,
        [range, auto_value](const RawValue& raw) {
          if (raw.text == "auto") return auto_value;
          return ReadSteps(raw, range);
        },
        [auto_value](int64_t value) {
          if (value == auto_value) return std::string("auto");
          return WriteInt(value);
        });
  }
  Key& Duration(const char* name, double Options::*field, Range range, const char* help) {
    return Add(
        name, "duration", range.Text(), help, field,
        [range](const RawValue& raw) { return ReadDuration(raw, range); }, WriteDuration);
  }
  Key& String(const char* name, std::string Options::*field, const char* help) {
    return Add(name, "string", "", help, field, ReadString, WriteString);
  }
  Key& Path(const char* name, std::string Options::*field, const char* help) {
    return Add(name, "path", "", help, field, ReadPath, WriteString);
  }
  Key& Metric(const char* name, std::string Options::*field, const char* help) {
    return Add(name, "metric", MetricNames(), help, field, ReadMetric, WriteString);
  }
  /// The value is one of `words`, or a path.
  Key& WordOrPath(const char* name, std::string Options::*field,
                  const std::vector<std::string>& words, const char* help);
  template <typename Enum>
  Key& Choice(const char* name, Enum Options::*field, const Names<Enum>& names, const char* help);
  Key& IntList(const char* name, std::vector<int64_t> Options::*field, Range range,
               const char* help) {
    return List(
        name, "list of int", range.Text(), help, field,
        [range](const RawValue& raw) { return ReadInt(raw, range); }, WriteInt);
  }
  Key& StringList(const char* name, std::vector<std::string> Options::*field, const char* help) {
    return List(name, "list of string", "", help, field, ReadString, WriteString);
  }

 private:
  template <typename T, typename Reader, typename Writer>
  Key& Add(const char* name, std::string type, std::string legal, const char* help,
           T Options::*field, Reader reader, Writer writer);
  template <typename T, typename Reader, typename Writer>
  Key& List(const char* name, std::string type, std::string legal, const char* help,
            std::vector<T> Options::*field, Reader reader, Writer writer);

  std::vector<Key>* keys_;
  std::string section_;
  Options Config::*options_;
};

}  // namespace hearth

#include "launch/config/key_table_inl.h"
