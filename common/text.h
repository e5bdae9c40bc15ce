#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

/// Returns the candidate nearest to `name` by edit distance, or "" when none is close
/// (more than a third of the longer word would have to change). If none is close, returns the only
/// candidate with `name` as a word: "embedding_mlp" for "mlp".
std::string NearestName(std::string_view name, const std::vector<std::string>& candidates);

/// Returns " (did you mean 'x'?)" or "", ready to append to an error message.
std::string DidYouMean(std::string_view name, const std::vector<std::string>& candidates);

std::vector<std::string_view> SplitText(std::string_view text, std::string_view separator);
std::string_view Trim(std::string_view text);
std::string Join(const std::vector<std::string>& parts, std::string_view separator);

/// Returns "1.5 GB" or "320 KB" (decimal units).
std::string FormatBytes(int64_t bytes);
/// Returns "1 h 02 min", "3 min 05 s" or "12 s".
std::string FormatDuration(double seconds);

/// Convert a whole text. They return false unless it is exactly one number, without spaces or
/// trailing text.
bool ParseInt64(std::string_view text, int64_t* value);
bool ParseDouble(std::string_view text, double* value);

}  // namespace hearth
