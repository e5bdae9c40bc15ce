#include "storage/file/hdf5_handle.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace hearth::hdf5_internal {

void PrepareLibrary() {
  // The owner of a file closes it. HDF5's own clean-up at exit adds nothing, and crashes when a
  // file could not be flushed because the disk was full.
  [[maybe_unused]] static const herr_t no_exit_handler = H5dont_atexit();
  [[maybe_unused]] thread_local const bool prepared = [] {
    hbool_t thread_safe = false;
    H5is_library_threadsafe(&thread_safe);
    if (!thread_safe) {
      throw StorageError(
          "this HDF5 library is not thread safe; hearth reads shards from several "
          "threads: link a thread-safe build (Debian's libhdf5-dev is one)");
    }
    H5PLset_loading_state(0);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    return true;
  }();
}

void WhileLibraryIsQuiet(const std::function<void()>& body) {
  PrepareLibrary();
  // HDF5 offers no call that takes its lock. It holds the lock during a call-back, though, and lets
  // the same thread call HDF5 again. The call-back here comes at the first property of a list.
  const Handle list(Must(H5Pcreate(H5P_FILE_ACCESS)));
  const auto call_once = [](hid_t, const char*, void* data) -> herr_t {
    (**static_cast<const std::function<void()>**>(data))();
    return 1;
  };
  const std::function<void()>* call = &body;
  HEARTH_CHECK(H5Piterate(list.get(), nullptr, call_once, &call) == 1);
}

std::string LastHdf5Error() {
  std::array<char, 256> cause{"no cause given"};
  // HDF5 is written in C: no exception may pass through it, so the call-back allocates nothing.
  const auto take_first = [](unsigned depth, const H5E_error2_t* error, void* out) -> herr_t {
    auto& text = *static_cast<std::array<char, 256>*>(out);
    if (depth == 0 && error->desc != nullptr)
      std::snprintf(text.data(), text.size(), "%s", error->desc);
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_first, &cause);
  H5Eclear2(H5E_DEFAULT);
  std::ranges::replace(cause, '\n', ' ');
  return cause.data();
}

}  // namespace hearth::hdf5_internal
