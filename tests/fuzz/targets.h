#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hearth::fuzz {

/// One parser of text from strangers each. A target returns when it refused the text with the error
/// its users expect, or read it; anything else (another exception, a broken invariant, a report of
/// a sanitizer) is a finding and ends the process.
void CheckpointManifestTarget(std::string_view text);
void DataManifestTarget(std::string_view text);
void ConfigTarget(std::string_view text);
void CsvTarget(std::string_view text);
void JsonLinesTarget(std::string_view text);
void JsonListsTarget(std::string_view text);

}  // namespace hearth::fuzz
