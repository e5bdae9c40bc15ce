#include "tests/storage/support/failing_memory.h"

#include <atomic>
#include <cstddef>
#include <limits>
#include <new>

#include <dlfcn.h>

namespace hearth {
namespace {

std::atomic<bool> counting{false};
std::atomic<int64_t> calls{0};
std::atomic<int64_t> first_failing{0}, last_failing{0};

bool ThisCallFails() {
  if (!counting.load()) return false;
  const int64_t number = calls.fetch_add(1);
  return first_failing.load() <= number && number <= last_failing.load();
}

/// Finds the replaced operator by its name in the binary. It belongs to the standard library or to
/// a sanitizer, so that sanitizers still see the operator that allocated.
template <typename Operator>
Operator Replaced(const char* name) {
  return reinterpret_cast<Operator>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

FailingMemory::FailingMemory(int64_t nth, Until until) {
  constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  calls = 0;
  first_failing = nth < 0 ? kNever : nth;
  last_failing = until == Until::kEnd ? kNever : nth;
  counting = true;
}

FailingMemory::~FailingMemory() { counting = false; }

int64_t FailingMemory::count() { return calls.load(); }

}  // namespace hearth

void* operator new(size_t size) {
  static const auto replaced = hearth::Replaced<void* (*)(size_t)>("_Znwm");
  if (hearth::ThisCallFails()) throw std::bad_alloc();
  return replaced(size);
}

void* operator new[](size_t size) {
  static const auto replaced = hearth::Replaced<void* (*)(size_t)>("_Znam");
  if (hearth::ThisCallFails()) throw std::bad_alloc();
  return replaced(size);
}

void* operator new(size_t size, const std::nothrow_t& nothrow) noexcept {
  static const auto replaced =
      hearth::Replaced<void* (*)(size_t, const std::nothrow_t&)>("_ZnwmRKSt9nothrow_t");
  return hearth::ThisCallFails() ? nullptr : replaced(size, nothrow);
}
