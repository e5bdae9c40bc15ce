// Times the meta-gradient of a model of MeLU's size. It compares hearth's engines with per-task and
// task-batched autograd in LibTorch, on one core and interleaved. The same run compares every
// result with float64. bench/README.md explains more; bench/engine_peers adds the public Python
// libraries.
#include <cstdio>

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>

#include "bench/engine/service.h"
#include "bench/interleaved.h"
#include "bench/process_memory.h"
#include "common/error.h"
#include "trainer/loop/tensor_setup.h"

namespace hearth {
namespace {

constexpr double kLargestError = 1e-4;

struct Arguments {
  WorkloadOptions workload;
  int rounds = 7;
  std::string serve_folder;
};

// Returns CLI11's exit code, or -1 to go on.
int ReadArguments(int argc, char** argv, Arguments& arguments) {
  CLI::App app("Tasks per second of hearth's engines and of plain LibTorch autograd, one core");
  WorkloadOptions& workload = arguments.workload;
  std::string lengths = "fixed";
  app.add_option("--tasks", workload.tasks, "tasks of the outer step")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--steps", workload.inner_steps, "inner steps")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_option("--order", workload.order, "1: first order, 2: second order")
      ->check(CLI::Range(1, 2))
      ->capture_default_str();
  app.add_option("--lengths", lengths,
                 "fixed: 20 support rows each; lognormal: 1 to 200, median 33")
      ->check(CLI::IsMember({"fixed", "lognormal"}))
      ->capture_default_str();
  app.add_option("--chunk", workload.chunk, "tasks that hearth's engines compute at a time")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--rounds", arguments.rounds, "rounds of one second each")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--serve", arguments.serve_folder,
                 "write the workload to this folder and take orders from standard input");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  workload.lengths = lengths == "fixed" ? Lengths::kFixed : Lengths::kLognormal;
  return -1;
}

nlohmann::json Describe(const Arguments& arguments) {
  const WorkloadOptions& workload = arguments.workload;
  return {{"tasks", workload.tasks},
          {"inner_steps", workload.inner_steps},
          {"order", workload.order},
          {"chunk", workload.chunk},
          {"lengths", workload.lengths == Lengths::kFixed ? "fixed" : "lognormal"},
          {"rounds", arguments.rounds}};
}

InterleavedRounds TimeAll(Contestants& contestants, const Arguments& arguments) {
  std::vector<TimedWork> timed;
  for (const ContestantSpec* spec : contestants.specs()) {
    EngineContestant& contestant = contestants.Get(spec->name);
    timed.push_back({spec->name, static_cast<double>(arguments.workload.tasks),
                     [&contestant] { contestant.Step(); }});
  }
  InterleavedRounds timing(arguments.rounds, 1.0);
  timing.Run(timed);
  return timing;
}

void PrintRow(const std::string& description, const nlohmann::json& row) {
  const nlohmann::json& ratio = row["times_loop"];
  std::printf("%-38s %8.0f %8.2f (%5.2f .. %5.2f) %9.1e %9.1e %8.1f\n", description.c_str(),
              row["tasks_per_sec"].get<double>(), ratio["median"].get<double>(),
              ratio["min"].get<double>(), ratio["max"].get<double>(),
              row["error_dense"].get<double>(), row["error_inputs"].get<double>(),
              row["peak_mb"].get<double>());
}

// Prints the table and the JSON line. Returns false if an error is too large.
bool Compare(Contestants& contestants, const Arguments& arguments) {
  const InterleavedRounds timing = TimeAll(contestants, arguments);
  nlohmann::json json = Describe(arguments);
  std::printf("T=%lld K=%lld order %lld, %s support lengths, Q=10, 256-64-64-1, float32, 1 core\n",
              static_cast<long long>(arguments.workload.tasks),
              static_cast<long long>(arguments.workload.inner_steps),
              static_cast<long long>(arguments.workload.order),
              json["lengths"].get<std::string>().c_str());
  std::printf("%-38s %8s %25s %9s %9s %8s\n", "", "tasks/s", "times the loop (rounds)", "dense",
              "inputs", "peak MB");
  bool good = true;
  const std::vector<const ContestantSpec*> specs = contestants.specs();
  for (size_t c = 0; c < specs.size(); ++c) {
    EngineContestant& contestant = contestants.Get(specs[c]->name);
    const GradientErrors errors = contestants.Check(specs[c]->name);
    const nlohmann::json row = {
        {"tasks_per_sec", timing.Rate(c)},
        {"times_loop", timing.RatioJson(c, 0)},
        {"error_dense", errors.dense},
        {"error_inputs", errors.inputs},
        {"peak_mb", PeakExtraMegabytes([&contestant] { contestant.Step(); })}};
    PrintRow(specs[c]->description, row);
    json["contestants"][specs[c]->name] = row;
    good = good && errors.dense < kLargestError && errors.inputs < kLargestError;
  }
  std::printf("%s\n", json.dump().c_str());
  return good;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  const int parsed = ReadArguments(argc, argv, arguments);
  if (parsed >= 0) return parsed;
  KeepFreedMemory();
  at::set_num_threads(1);
  Contestants contestants(arguments.workload);
  if (arguments.serve_folder.empty()) return Compare(contestants, arguments) ? 0 : 1;
  Serve(contestants, arguments.serve_folder);
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  try {
    return hearth::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "engine_bench: %s\n", error.what());
    return 1;
  }
}
