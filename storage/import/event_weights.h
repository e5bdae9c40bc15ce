#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/import/bad_rows.h"

namespace hearth {

/// One type of event of a log, such as "view" or "buy".
struct EventType {
  std::string name;
  float weight = 0;   ///< finite, >= 0; the label of the events of this type
  int64_t count = 0;  ///< rows of this type
};

/// The weights of the event types of a log, and the number of their rows.
class EventWeights {
 public:
  EventWeights() = default;
  /// Each text is "TYPE=WEIGHT[,TYPE=WEIGHT]...". Throws UsageError, with the text, unless every
  /// weight is a finite number >= 0, every type comes once, and a weight is > 0.
  explicit EventWeights(const std::vector<std::string>& texts);

  /// Sets `weight` to that of the type `text` and counts the row. A type without a weight rejects
  /// the row and returns false.
  bool Read(std::string_view text, std::string_view column, const RowPlace& place,
            BadRows* bad_rows, float* weight);

  /// In the order of the texts.
  const std::vector<EventType>& types() const { return types_; }

 private:
  void Add(std::string_view part);

  std::vector<EventType> types_;
};

}  // namespace hearth
