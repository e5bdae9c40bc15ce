#pragma once

#include <cstddef>
#include <string>

namespace hearth {

/// Watches a mapping for pages that the kernel cannot read, because the file was cut or its disk or
/// server is gone. Reading such a page then ends the process with a message naming the file and the
/// exit code of storage failures, instead of a bare SIGBUS. Other faults go to the previous
/// handler. Thread safe. The first watch installs the signal handler.
class MappingWatch {
 public:
  MappingWatch() = default;
  /// The mapping must live at least as long as the watch. The last 500 bytes of `path` are kept.
  MappingWatch(const void* begin, size_t size_bytes, const std::string& path);
  ~MappingWatch();
  MappingWatch(MappingWatch&& other) noexcept;
  MappingWatch& operator=(MappingWatch&& other) noexcept;

  struct Slot;

 private:
  Slot* slot_ = nullptr;
};

}  // namespace hearth
