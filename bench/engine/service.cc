#include "bench/engine/service.h"

#include <ctime>
#include <fstream>
#include <iostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "bench/process_memory.h"
#include "common/clock.h"
#include "common/error.h"

namespace hearth {
namespace {

void WriteRaw(const std::string& path, const std::vector<at::Tensor>& tensors) {
  std::ofstream file(path, std::ios::binary);
  for (const at::Tensor& tensor : tensors) {
    const at::Tensor values = tensor.contiguous();
    file.write(static_cast<const char*>(values.const_data_ptr()),
               static_cast<std::streamsize>(values.nbytes()));
  }
  file.flush();
  if (!file) throw StorageError("cannot write {}: is the disk full?", path);
}

void WriteRows(const std::string& prefix, const PlainRows& rows) {
  WriteRaw(prefix + ".inputs.f32", {rows.inputs});
  WriteRaw(prefix + ".labels.f32", {rows.labels});
  WriteRaw(prefix + ".weights.f32", {rows.weights});
}

// The files that bench/peers.py reads.
void WriteWorkload(const std::string& folder, const Contestants& contestants) {
  const PlainTasks& tasks = contestants.workload().tasks();
  const WorkloadOptions& options = contestants.workload().options();
  nlohmann::json shapes = nlohmann::json::array();
  for (const at::Tensor& value : tasks.theta) shapes.push_back(value.sizes().vec());
  const nlohmann::json json = {{"shapes", shapes},
                               {"support_counts", tasks.support.counts},
                               {"query_counts", tasks.query.counts},
                               {"inner_steps", options.inner_steps},
                               {"inner_lr", Workload::kInnerLr},
                               {"second_order", options.order == 2}};
  std::ofstream(folder + "/workload.json") << json.dump() << std::flush;
  WriteRaw(folder + "/theta.f32", tasks.theta);
  WriteRows(folder + "/support", tasks.support);
  WriteRows(folder + "/query", tasks.query);
  WriteRaw(folder + "/exact.theta.f64", contestants.exact().theta);
  WriteRaw(folder + "/exact.support.f64", {contestants.exact().support});
  WriteRaw(folder + "/exact.query.f64", {contestants.exact().query});
}

double CpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

nlohmann::json RunRound(EngineContestant& contestant, double seconds) {
  const double begin = SteadyNowSec();
  const double cpu_begin = CpuSeconds();
  int64_t steps = 0;
  double wall_sec = 0.0;
  while (wall_sec < seconds) {
    contestant.Step();
    ++steps;
    wall_sec = SteadyNowSec() - begin;
  }
  return {{"steps", steps}, {"wall_sec", wall_sec}, {"cpu_sec", CpuSeconds() - cpu_begin}};
}

nlohmann::json Answer(Contestants& contestants, const std::string& line) {
  std::istringstream words(line);
  std::string verb, name;
  double seconds = 0.0;
  words >> verb >> name;
  if (verb == "check") {
    const GradientErrors errors = contestants.Check(name);
    return {{"dense", errors.dense}, {"inputs", errors.inputs}};
  }
  if (verb == "memory") {
    EngineContestant& contestant = contestants.Get(name);
    return {{"peak_mb", PeakExtraMegabytes([&] { contestant.Step(); })}};
  }
  if (verb == "round" && words >> seconds) return RunRound(contestants.Get(name), seconds);
  throw UsageError("'{}' is none of: check NAME, memory NAME, round NAME SECONDS", line);
}

}  // namespace

Contestants::Contestants(const WorkloadOptions& options)
    : workload_(options), exact_(ExactGradient(workload_)) {
  if (options.lengths != Lengths::kLognormal) return;
  WorkloadOptions padded = options;
  padded.lengths = Lengths::kLognormalPadded;
  padded_.emplace(padded);
  padded_exact_ = ExactGradient(*padded_);
}

std::vector<const ContestantSpec*> Contestants::specs() const {
  std::vector<const ContestantSpec*> specs;
  for (const ContestantSpec& spec : AllContestants()) {
    if (!spec.padded || padded_) specs.push_back(&spec);
  }
  return specs;
}

const ContestantSpec& Contestants::SpecOf(const std::string& name) const {
  for (const ContestantSpec* spec : specs()) {
    if (spec->name == name) return *spec;
  }
  throw UsageError("no contestant '{}' in this program and workload", name);
}

EngineContestant& Contestants::Get(const std::string& name) {
  const ContestantSpec& spec = SpecOf(name);
  std::unique_ptr<EngineContestant>& contestant = made_[name];
  if (!contestant) contestant = spec.make(spec.padded ? *padded_ : workload_);
  return *contestant;
}

GradientErrors Contestants::Check(const std::string& name) {
  return Get(name).CompareWith(SpecOf(name).padded ? *padded_exact_ : exact_);
}

void Serve(Contestants& contestants, const std::string& folder) {
  WriteWorkload(folder, contestants);
  nlohmann::ordered_json names = nlohmann::ordered_json::object();
  for (const ContestantSpec* spec : contestants.specs()) names[spec->name] = spec->description;
  std::cout << names.dump() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << Answer(contestants, line).dump() << std::endl;
  }
}

}  // namespace hearth
