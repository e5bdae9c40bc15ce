#include "common/machine_memory.h"

#include <fstream>
#include <limits>
#include <string>

namespace hearth {

MachineMemory ReadMachineMemory() {
  MachineMemory memory;
  std::ifstream file("/proc/meminfo");  // lines such as "MemTotal:       16303428 kB"
  std::string name;
  for (int64_t kibibytes = 0; file >> name >> kibibytes;
       file.ignore(std::numeric_limits<std::streamsize>::max(), '\n')) {
    if (name == "MemTotal:") memory.total = kibibytes * 1024;
    if (name == "MemAvailable:") memory.available = kibibytes * 1024;
  }
  return memory;
}

}  // namespace hearth
