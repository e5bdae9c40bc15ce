#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/error.h"

namespace hearth {

/// Where a setting was written: a line of a file, or one override of the command line.
struct Place {
  std::string source;  ///< the file as the user named it; empty: the command line
  int64_t line = 0;    ///< from 1; 0 on the command line or for a whole file
  int64_t column = 0;  ///< from 1
  std::string text;    ///< the whole line, or the whole override
  std::string folder;  ///< relative paths in the value are relative to this

  bool on_command_line() const { return source.empty(); }
};

/// A configuration error whose message already names its places, in the form editors can jump to:
///   FILE:LINE:COLUMN: error: MESSAGE
///     LINE | the offending line
///          |     ^
///     HINT
/// or `command line: OVERRIDE: error: MESSAGE`.
class PlacedConfigError : public ConfigError {
 public:
  using ConfigError::ConfigError;
};

/// Collects everything that is wrong with a configuration, so that one run shows all of it.
class Problems {
 public:
  /// `hint`: what to do, or empty.
  void Add(const Place& place, const std::string& message, const std::string& hint = {});
  bool empty() const { return texts_.empty(); }
  /// Throws PlacedConfigError with all problems (the first ten, and how many more there are).
  void ThrowIfAny() const;

 private:
  std::vector<std::string> texts_;
};

/// Shorthand for exactly one problem.
[[noreturn]] void ThrowConfigError(const Place& place, const std::string& message,
                                   const std::string& hint = {});

}  // namespace hearth
