#include "storage/import/table.h"

#include "common/text.h"

namespace hearth {

std::vector<std::string_view> Table::Parts(size_t column, std::string_view separator) const {
  return SplitText(fields()[column], separator);
}

bool Table::RequireValue(size_t column, BadRows* bad_rows) const {
  if (column >= fields().size()) return true;  // a short row
  const std::string_view text = fields()[column];
  const FieldForm form = FormOf(column);
  std::string_view why;
  if (form == FieldForm::kList) why = "a list; one value is expected";
  if (form == FieldForm::kObject) why = "an object; name one of its keys as 'name.key'";
  if (text.find('\0') != std::string_view::npos) why = "a text with a NUL character";
  if (why.empty()) return true;
  bad_rows->Reject(place(), header().name(column), text, why);
  return false;
}

}  // namespace hearth
