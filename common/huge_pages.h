#pragma once

#include <cstdint>

namespace hearth {

/// Asks the operating system to back a large block, not yet written to, with huge pages: random
/// access to gigabytes spends as long on address translation as on the data otherwise. A wish,
/// which may have no effect; contents never change. Blocks too small to gain are left alone.
void PreferHugePages(void* block, int64_t size_bytes);

}  // namespace hearth
