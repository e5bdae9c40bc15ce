#include "common/huge_pages.h"

#include <memory>

#include <sys/mman.h>

namespace hearth {

void PreferHugePages(void* block, int64_t size_bytes) {
  constexpr size_t kHugePage = size_t{1} << 21;
  // Advise on whole huge pages only: their neighbours hold memory of others.
  size_t space = size_bytes;
  if (std::align(kHugePage, kHugePage, block, space) == nullptr) return;
  // A kernel built without huge pages refuses, and nothing changes.
  madvise(block, space / kHugePage * kHugePage, MADV_HUGEPAGE);
}

}  // namespace hearth
