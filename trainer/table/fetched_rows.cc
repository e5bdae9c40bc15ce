#include "trainer/table/fetched_rows.h"

#include <algorithm>

#include "common/error.h"
#include "trainer/table/row_memory.h"

namespace hearth {

at::Tensor FetchedRows::Gather(size_t table, const std::string& table_name,
                               std::span<const int64_t> ids) const {
  HEARTH_CHECK(table < tables.size() && tables[table].rows.defined(),
               "no row of table {} was fetched", table_name);
  const RowsById& fetched = tables[table];
  std::vector<int64_t> places;
  places.reserve(ids.size());
  auto begin = fetched.ids.begin();
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i > 0 && ids[i] < ids[i - 1]) begin = fetched.ids.begin();
    begin = std::lower_bound(begin, fetched.ids.end(), ids[i]);
    HEARTH_CHECK(begin != fetched.ids.end() && *begin == ids[i],
                 "row {} of table {} was not fetched", ids[i], table_name);
    places.push_back(begin - fetched.ids.begin());
  }
  return CopyTableRows(fetched.rows, places);
}

}  // namespace hearth
