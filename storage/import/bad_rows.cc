#include "storage/import/bad_rows.h"

#include <fmt/format.h>

#include "common/error.h"
#include "common/log.h"

namespace hearth {
namespace {

constexpr int64_t kLoggedRows = 5;
constexpr size_t kShownBytes = 60;

std::string Describe(const RowPlace& place, std::string_view column, std::string_view value,
                     std::string_view why) {
  std::string text(place.file);
  if (place.line > 0) text += fmt::format(":{}", place.line);
  if (!column.empty()) return fmt::format("{}: {} is {}: {}", text, column, Quoted(value), why);
  return fmt::format("{}: {}: {}", text, why, Quoted(value));
}

}  // namespace

std::string Quoted(std::string_view text) {
  std::string shown = "'";
  for (const char c : text.substr(0, kShownBytes)) {
    const unsigned char byte = c;
    if (byte < 0x20 || byte == 0x7F) {
      shown += fmt::format("\\x{:02x}", byte);
    } else {
      shown += c;
    }
  }
  if (text.size() > kShownBytes) shown += "...";
  return shown + "'";
}

void BadRows::Reject(const RowPlace& place, std::string_view column, std::string_view value,
                     std::string_view why) {
  const std::string description = Describe(place, column, value, why);
  if (rule_ == BadRowRule::kRefuse) {
    throw DataError("{}; correct the row, or leave such rows out with --on-bad-row skip",
                    description);
  }
  ++count_;
  if (count_ <= kLoggedRows) spdlog::warn("skipped a bad row: {}", description);
  if (count_ > max_bad_) {
    throw DataError("{} bad rows, more than --max-bad {}; the last: {}", count_, max_bad_,
                    description);
  }
}

}  // namespace hearth
