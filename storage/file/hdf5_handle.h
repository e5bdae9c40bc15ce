#pragma once

#include <functional>
#include <string>
#include <utility>

#include <hdf5.h>

#include "common/error.h"

/// The building blocks of hdf5*.cc; no other file but sandbox.cc includes this header.
namespace hearth::hdf5_internal {

/// Closes one HDF5 identifier of any kind.
class Handle {
 public:
  explicit Handle(hid_t id) : id_(id) {}
  ~Handle() {
    if (id_ >= 0) H5Idec_ref(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)) {}

  hid_t get() const { return id_; }
  bool ok() const { return id_ >= 0; }

 private:
  hid_t id_;
};

/// Prepares HDF5 for the calling thread. Turns off HDF5's printing of errors, a setting of each
/// thread, because hearth reports them itself. Forbids plug-ins, so that no file can load one. Call
/// it before any other HDF5 call. Throws StorageError when the library is not thread safe.
void PrepareLibrary();

/// Calls `body` while no other thread is inside HDF5, so that a process forked by `body` can use
/// HDF5. `body` may use HDF5 as well, and must not throw.
void WhileLibraryIsQuiet(const std::function<void()>& body);

/// HDF5's own words for its last failure on this thread (the innermost cause). Forgets the failure.
std::string LastHdf5Error();

/// Checks calls on property lists and in-memory types and spaces: only a wrong argument can make
/// them fail.
template <typename Result>
Result Must(Result result) {
  HEARTH_CHECK(result >= 0, "HDF5: {}", LastHdf5Error());
  return result;
}

}  // namespace hearth::hdf5_internal
