#include "common/huge_pages.h"

#include <sys/mman.h>

namespace hearth {

void PreferHugePages(void* block, int64_t size_bytes) {
  constexpr uintptr_t kHugePage = uintptr_t{1} << 21;
  const auto address = reinterpret_cast<uintptr_t>(block);
  // Whole huge pages alone: the neighbours' memory is not ours to give advice on.
  const uintptr_t begin = (address + kHugePage - 1) / kHugePage * kHugePage;
  const uintptr_t end = (address + static_cast<uintptr_t>(size_bytes)) / kHugePage * kHugePage;
  if (begin >= end) return;
  // Refused where the kernel is built without them, which leaves things as they were.
  static_cast<void>(madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE));
}

}  // namespace hearth
