#pragma once

#include <cstdint>

namespace hearth {

/// Asks the operating system to back a large block with huge pages. Random access to gigabytes
/// would otherwise spend as much time on address translation as on the data. The block must not
/// have been written to yet. The request may have no effect, and contents never change. A block too
/// small to gain stays as it is.
void PreferHugePages(void* block, int64_t size_bytes);

}  // namespace hearth
