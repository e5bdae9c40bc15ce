#include "launch/report/machine.h"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "common/build_info.h"
#include "common/machine_memory.h"
#include "common/text.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

/// Returns the value of `name` in a file of "name : value" lines, or "".
std::string LineValue(const std::string& path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (colon != std::string::npos && Trim(std::string_view(line).substr(0, colon)) == name) {
      return std::string(Trim(std::string_view(line).substr(colon + 1)));
    }
  }
  return {};
}

Finding ExamineCpu() {
  Finding finding{"cpu", "", ""};
  finding.text = fmt::format("{}, {} cores for this process, {} LibTorch threads", ProcessorName(),
                             std::thread::hardware_concurrency(), at::get_num_threads());
  const std::string flags = " " + LineValue("/proc/cpuinfo", "flags") + " ";
  if (flags.size() > 2 && flags.find(" avx2 ") == std::string::npos) {
    finding.hint = "this build needs AVX2, which the CPU does not have";
  }
  return finding;
}

Finding ExamineMemory() {
  const MachineMemory memory = ReadMachineMemory();
  Finding finding{
      "memory",
      fmt::format("{}, {} available", FormatBytes(memory.total), FormatBytes(memory.available)),
      ""};
  if (memory.available < int64_t{1} << 30)
    finding.hint = "less than 1 GiB available: expect failures";
  return finding;
}

/// Returns the GPUs that the kernel driver lists, even those that this build cannot use.
std::vector<std::string> DriverGpus() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc/driver/nvidia/gpus", error)) {
    names.push_back(LineValue(entry.path().string() + "/information", "Model"));
  }
  return names;
}

Finding ExamineGpus() {
  const std::vector<std::string> present = DriverGpus();
  const int64_t usable_count = UsableGpuCount();
  Finding finding{"gpu", "", ""};
  if (present.empty() && usable_count == 0) {
    finding.text = "none";
    return finding;
  }
  finding.text = fmt::format("{} usable of {} present", usable_count, present.size());
  if (!present.empty()) finding.text += ": " + Join(present, ", ");
  if (usable_count > 0) return finding;
  if (ThisBuild().flavour == "CPU") {
    finding.hint = "this is the CPU flavour; build with a CUDA toolkit on PATH to use the GPU";
  } else {
    finding.hint = "the driver may be older than CUDA needs, or CUDA_VISIBLE_DEVICES hides the GPU";
  }
  return finding;
}

Finding ExamineDisk() {
  struct statvfs disk {};
  std::error_code error;
  const fs::path folder = fs::current_path(error);
  if (error || statvfs(folder.c_str(), &disk) != 0) {
    return {"disk", "the working folder cannot be looked at", "change to a folder that exists"};
  }
  const int64_t free_bytes = disk.f_bavail * disk.f_frsize;
  Finding finding{"disk", fmt::format("{} free in {}", FormatBytes(free_bytes), folder.string()),
                  ""};
  if (free_bytes < int64_t{1} << 30) finding.hint = "less than 1 GiB free: checkpoints may not fit";
  return finding;
}

std::string LimitText(rlim_t limit, bool bytes) {
  if (limit == RLIM_INFINITY) return "unlimited";
  if (bytes) return FormatBytes(limit);
  return std::to_string(limit);
}

Finding ExamineLimits() {
  rlimit files{}, address_space{}, locked{};
  getrlimit(RLIMIT_NOFILE, &files);
  getrlimit(RLIMIT_AS, &address_space);
  getrlimit(RLIMIT_MEMLOCK, &locked);
  Finding finding{
      "limits",
      fmt::format("{} open files, address space {}, locked memory {}",
                  LimitText(files.rlim_cur, false), LimitText(address_space.rlim_cur, true),
                  LimitText(locked.rlim_cur, true)),
      ""};
  if (files.rlim_cur < 1024) {
    finding.hint = "raise the open-file limit (ulimit -n 4096): every shard stays open";
  } else if (address_space.rlim_cur != RLIM_INFINITY) {
    finding.hint = "shards are mapped: with a limited address space set data.read=pread";
  }
  return finding;
}

}  // namespace

std::string ProcessorName() {
  const std::string model = LineValue("/proc/cpuinfo", "model name");
  if (model.empty()) return "unknown model";
  return model;
}

int64_t UsableGpuCount() {
  const auto& hooks = at::detail::getCUDAHooks();
  if (!hooks.hasCUDA()) return 0;
  return hooks.getNumGPUs();
}

std::vector<Finding> ExamineMachine() {
  return {ExamineCpu(), ExamineMemory(), ExamineGpus(), ExamineDisk(), ExamineLimits()};
}

}  // namespace hearth
