#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/App.hpp>

#include "launch/config/value.h"

namespace hearth {

/// Adds options of commands. Values are read as strictly as configuration values (CLI11 itself
/// takes `010` for 8). Help shows the current value of the target as the default.
CLI::Option* AddInt(CLI::App* app, const std::string& flags, int64_t* value, const Range& range,
                    const std::string& help);
CLI::Option* AddInt(CLI::App* app, const std::string& flags, uint64_t* value,
                    const std::string& help);
CLI::Option* AddFloat(CLI::App* app, const std::string& flags, double* value, const Range& range,
                      const std::string& help);
CLI::Option* AddText(CLI::App* app, const std::string& flags, std::string* value,
                     const std::string& help);
/// The value must be one of `names`.
CLI::Option* AddName(CLI::App* app, const std::string& flags, std::string* value,
                     const std::vector<std::string>& names, const std::string& help);

/// A value with its own names: `parse` throws UsageError naming the legal ones.
template <typename T>
CLI::Option* AddParsed(CLI::App* app, const std::string& flags, T* value,
                       T (*parse)(std::string_view), std::string_view (*name_of)(T),
                       const std::string& help) {
  return app
      ->add_option_function<std::string>(
          flags, [value, parse](const std::string& text) { *value = parse(text); }, help)
      ->type_name("NAME")
      ->default_str(std::string(name_of(*value)));
}

}  // namespace hearth
