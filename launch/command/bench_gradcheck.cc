#include <cstdio>
#include <memory>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "common/error.h"
#include "launch/command/bench_rounds.h"
#include "launch/command/commands.h"
#include "launch/command/config_arguments.h"
#include "launch/command/options.h"
#include "launch/command/train_config.h"
#include "sampler/meta_batch_loader.h"
#include "trainer/gradient/gradient_check.h"
#include "trainer/loop/trainer.h"

namespace hearth {
namespace {

struct Options {
  ConfigRequest request;
  int64_t tasks = 8, samples = 5;
  std::string json;
};

// The first tasks of training, as one chunk.
Chunk FirstChunk(const Config& config, const Dataset& dataset, int64_t task_count) {
  TaskOptions tasks = TrainingTasks(config);
  tasks.per_step = tasks.chunk = task_count;
  MetaBatchLoader loader(dataset, kTrainPart, tasks, config.run.seed);
  return loader.Next().chunks.front();
}

nlohmann::json ToJson(const GradientCheck& check) {
  const auto number = [](const std::optional<double>& value) {
    return value ? nlohmann::json(*value) : nlohmann::json();
  };
  return {{"engine", check.engine},
          {"tasks", check.task_count},
          {"finite_tasks", check.finite_task_count},
          {"checked", check.checked_count},
          {"difference_error", number(check.difference_error)},
          {"smoothed", check.smoothed},
          {"fused_error", number(check.fused_error)},
          {"float32_error", number(check.float32_error)},
          {"second_order_share", number(check.second_order_share)},
          {"passed", check.passed()}};
}

void Print(const char* what, const std::optional<double>& value, const char* why_not) {
  if (value) {
    std::printf("  %-58s %.1e\n", what, *value);
  } else {
    std::printf("  %-58s - (%s)\n", what, why_not);
  }
}

int Run(const Options& options) {
  const LoadedConfig loaded = LoadConfig(options.request);
  const Config& config = loaded.config;
  RequireDataPath(config);
  RequireWritable(options.json);
  const Dataset dataset(config.data);
  at::set_num_threads(1);
  const Chunk chunk = FirstChunk(config, dataset, options.tasks);
  const GradientCheck check =
      CheckGradient(dataset, config, chunk, config.run.seed, options.samples);
  fmt::print("meta-gradient of {} tasks of {}; engine: {}\n", check.task_count,
             dataset.manifest().name, check.engine);
  if (check.finite_task_count < check.task_count) {
    fmt::print("  {} of {} tasks were not finite: the check fails\n",
               check.task_count - check.finite_task_count, check.task_count);
  }
  Print(check.smoothed ? "generic engine, gelu for relu, against central differences"
                       : "generic engine against central differences, float64",
        check.difference_error, "first order: no loss has this gradient");
  Print("fused against generic engine, float64", check.fused_error, "it does not apply");
  Print("this engine in float32 against float64", check.float32_error, "");
  Print("share of second-order terms in the gradient", check.second_order_share,
        "the method has none");
  fmt::print("{} ({} elements; limits {:.0e} in float64, {:.0e} in float32)\n",
             check.passed() ? "right" : "WRONG", check.checked_count, GradientCheck::kTolerance64,
             GradientCheck::kTolerance32);
  WriteBenchJson(options.json, ToJson(check));
  return check.passed() ? 0 : static_cast<int>(ExitCode::kNumeric);
}

}  // namespace

void AddBenchGradcheck(CLI::App* parent, Invocation* invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* app = parent->add_subcommand(
      "gradcheck", "compare meta-gradients with central differences and between engines");
  AddConfigArguments(app, &options->request);
  AddInt(app, "--tasks", &options->tasks, AtLeast(1), "training tasks in the gradient");
  AddInt(app, "--samples", &options->samples, AtLeast(1),
         "elements of each parameter and table compared with central differences");
  AddText(app, "--json", &options->json, "also write the figures to this file");
  OnChosen(app, invocation, [options](Job&) { return Run(*options); });
}

}  // namespace hearth
