#include "bench/process_memory.h"

#include <fstream>
#include <limits>
#include <string>

#include <malloc.h>

#include "common/error.h"

namespace hearth {
namespace {

// Returns a field of /proc/self/status, in MB.
double StatusMegabytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  std::string name;
  while (status >> name) {
    double kilobytes = 0.0;
    if (name == field + ":" && status >> kilobytes) return kilobytes / 1024.0;
    status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  throw StorageError("/proc/self/status has no {}; memory can only be measured on Linux", field);
}

void ResetPeak() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;
  if (!file) throw StorageError("/proc/self/clear_refs cannot be written, so no peak can be read");
}

}  // namespace

double PeakExtraMegabytes(const std::function<void()>& run) {
  run();
  malloc_trim(0);
  ResetPeak();
  const double before = StatusMegabytes("VmRSS");
  run();
  return StatusMegabytes("VmHWM") - before;
}

}  // namespace hearth
