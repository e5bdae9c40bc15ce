#pragma once

#include <cstddef>
#include <string>

namespace hearth {

/// While it lives, a page of the mapping that the kernel cannot give (its file was cut, its disk or
/// server is gone) ends the process with a message naming the file and the exit code of storage
/// failures, instead of a bare SIGBUS. Faults elsewhere go where they went before.
/// Thread safe. The first one installs the signal handler.
class MappingWatch {
 public:
  MappingWatch() = default;
  /// The mapping must live at least as long. Of a path, the last 500 bytes are kept.
  MappingWatch(const void* begin, size_t size_bytes, const std::string& path);
  ~MappingWatch();
  MappingWatch(MappingWatch&& other) noexcept;
  MappingWatch& operator=(MappingWatch&& other) noexcept;

  struct Slot;

 private:
  Slot* slot_ = nullptr;
};

}  // namespace hearth
