#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "launch/config/key_table.h"

namespace hearth {

/// Every configuration key, grouped by section, in the order they are listed.
const std::vector<Key>& AllKeys();
/// Null when there is no such key.
const Key* FindKey(std::string_view name);
/// One line on what a section is about; "" when there is no such section.
std::string_view SectionHelp(std::string_view section);
/// Section names in listing order.
std::vector<std::string> SectionNames();
/// Key names in listing order; of one section, or of all when it is "".
std::vector<std::string> KeyNames(std::string_view section = {});

}  // namespace hearth
