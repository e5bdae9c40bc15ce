#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/error.h"

namespace hearth {

/// The place of a setting: a line of a file, or one override of the command line.
struct Place {
  std::string source;  ///< the file as the user named it; empty: the command line
  int64_t line = 0;    ///< from 1; 0 for the command line and for a whole file
  int64_t column = 0;  ///< from 1, in bytes
  std::string text;    ///< the whole line, or the whole override
  std::string folder;  ///< a relative path in the value starts here

  bool on_command_line() const { return source.empty(); }
};

/// A configuration error. Its message already names the places, in a form that editors can jump to:
///   FILE:LINE:COLUMN: error: MESSAGE
///     LINE | the offending line
///          |     ^
///     HINT
/// or `command line: OVERRIDE: error: MESSAGE`.
class PlacedConfigError : public ConfigError {
 public:
  using ConfigError::ConfigError;
};

/// Collects all problems of a configuration, so that the user sees them all at once.
class Problems {
 public:
  /// `hint` tells the user how to correct the problem; it may be empty.
  void Add(const Place& place, const std::string& message, const std::string& hint = {});
  bool empty() const { return texts_.empty(); }
  /// Throws PlacedConfigError if there is a problem. The message lists the first ten problems and
  /// counts the others.
  void ThrowIfAny() const;

 private:
  std::vector<std::string> texts_;
};

/// Throws PlacedConfigError with one problem.
[[noreturn]] void ThrowConfigError(const Place& place, const std::string& message,
                                   const std::string& hint = {});

}  // namespace hearth
