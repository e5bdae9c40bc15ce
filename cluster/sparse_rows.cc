#include "cluster/sparse_rows.h"

namespace hearth {

std::vector<std::span<const int64_t>> PlacesOfRows(const IdGroups& groups,
                                                   std::span<const int64_t> asked, int64_t table) {
  std::vector<std::span<const int64_t>> places(asked.size());
  int64_t group = 0;
  for (size_t i = 0; i < asked.size() && group < groups.size(); ++i) {
    if (groups.ids()[group] == asked[i]) places[i] = groups.Places(group++);
  }
  HEARTH_CHECK(group == groups.size(), "table {}: the row of id {} was not asked for", table,
               groups.ids()[group]);
  return places;
}

}  // namespace hearth
