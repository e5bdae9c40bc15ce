// libFuzzer's entry, compiled once for each target of targets.h.

#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hearth::fuzz::HEARTH_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
