#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "launch/config/key_table.h"

namespace hearth {

/// Returns all configuration keys in the order of the listing. The keys of a section stand
/// together.
const std::vector<Key>& AllKeys();
/// Returns null if there is no such key.
const Key* FindKey(std::string_view name);
/// Describes a section in one line. Returns "" if there is no such section.
std::string_view SectionHelp(std::string_view section);
/// Returns the section names in the order of the listing.
std::vector<std::string> SectionNames();
/// Returns the key names of one section, or of all sections if `section` is "", in the same order.
std::vector<std::string> KeyNames(std::string_view section = {});

}  // namespace hearth
