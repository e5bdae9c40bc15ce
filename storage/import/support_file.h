#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

/// One interaction of a support file, with original ids. No data set has been asked.
struct SupportRow {
  std::string user;            ///< "new" in a file without a column of users
  std::string item;            ///< once for each user
  std::optional<float> label;  ///< finite; none in a file without a column of labels
  int64_t line = 0;            ///< from 1
};

/// The rows of a TSV (or, by its name's end, CSV) file with a header: `item`, and optionally `user`
/// and `label`, in any order. Never empty. Throws DataError with file, line, column and value for
/// labels that are no numbers or missing, an item given twice for one user, broken lines, and with
/// the file alone for one without rows or without a column `item`; else as LineReader.
std::vector<SupportRow> ReadSupportRows(const std::string& path);

/// A refusal of the whole file: throws DataError with the columns a support file has.
[[noreturn]] void RefuseSupportFile(const std::string& path, std::string_view why);
/// A refusal of one row: throws DataError with file, line, column and value.
[[noreturn]] void RefuseSupportRow(const std::string& path, const SupportRow& row,
                                   std::string_view column, std::string_view value,
                                   std::string_view why);

/// A line of a file of users.
struct UserLine {
  std::string user;  ///< original id
  int64_t line = 0;  ///< from 1
};

/// The users of a file with one original id per line; blank lines are passed over. Never empty:
/// throws DataError for a file without ids; else as LineReader.
std::vector<UserLine> ReadUserLines(const std::string& path);

}  // namespace hearth
