#include <cstdio>
#include <memory>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "launch/command/bench_rounds.h"
#include "launch/command/commands.h"
#include "launch/command/train_config.h"
#include "trainer/adapt/learner_of_dataset.h"
#include "trainer/gradient/fused_engine.h"
#include "trainer/gradient/generic_engine.h"
#include "trainer/loop/tensor_setup.h"

namespace hearth {
namespace {

std::vector<Contestant> MakeContestants(const LearnerOfDataset& on_data,
                                        const MetaParameters& parameters, MetaBatches* batches,
                                        std::vector<std::unique_ptr<Engine>>* engines) {
  const EngineContext context = {on_data.learner, on_data.data.builder()};
  engines->push_back(std::make_unique<GenericEngine>(context));
  if (FusedEngine::WhyNot(on_data.learner, parameters.dense.device()).empty()) {
    engines->push_back(std::make_unique<FusedEngine>(context));
  }
  std::vector<Contestant> contestants;
  for (const auto& engine : *engines) {
    contestants.push_back(MetaGradients(engine->name() + " engine", batches, *engine, parameters));
  }
  return contestants;
}

nlohmann::json Report(const std::vector<Contestant>& contestants) {
  nlohmann::json json = nlohmann::json::object();
  std::printf("  %-16s %12s %24s\n", "", "tasks/s", "times generic (rounds)");
  const std::vector<double> generic = PerSecond(contestants.front(), &Work::tasks);
  for (const Contestant& contestant : contestants) {
    const std::vector<double> rates = PerSecond(contestant, &Work::tasks);
    const double rate = SpreadOf(rates).median;
    const Spread ratio = SpreadOf(Quotients(rates, generic));
    std::printf("  %-16s %12.0f %24s\n", contestant.name.c_str(), rate, ToText(ratio, 2).c_str());
    json[contestant.name] = {
        {"tasks_per_s", rate}, {"ratio", ratio.median}, {"min", ratio.min}, {"max", ratio.max}};
  }
  return json;
}

int Run(const BenchOptions& options) {
  const LoadedConfig loaded = LoadConfig(options.request);
  const Config& config = loaded.config;
  RequireDataPath(config);
  RequireWritable(options.json);
  const Dataset dataset(config.data);
  at::set_num_threads(1);
  KeepFreedMemory();
  const at::TensorOptions tensors = TensorOptionsFor(config.train, /*local_rank=*/0);
  const LearnerOfDataset on_data(dataset, config, tensors);
  const MetaParameters parameters =
      on_data.learner.InitialParameters(config.optim.table_type, config.run.seed);
  MetaBatches batches(dataset, config);
  std::vector<std::unique_ptr<Engine>> engines;
  std::vector<Contestant> contestants = MakeContestants(on_data, parameters, &batches, &engines);
  fmt::print("meta-gradients of {}, {} tasks per step, one thread, {}, {} rounds\n",
             dataset.manifest().name, config.tasks.per_step, DeviceName(tensors), options.rounds);
  RunRounds({.rounds = options.rounds, .round_sec = 1.0}, &contestants);
  WriteBenchJson(options.json, Report(contestants));
  return 0;
}

}  // namespace

void AddBenchStep(CLI::App* parent, Invocation* invocation) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* app =
      parent->add_subcommand("step", "time the engines on a configuration and its data");
  AddBenchOptions(app, options.get());
  OnChosen(app, invocation, [options](Job&) { return Run(*options); });
}

}  // namespace hearth
