#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>

#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>

#include "launch/command/commands.h"
#include "launch/command/config_arguments.h"
#include "launch/command/options.h"
#include "launch/command/train_run.h"
#include "sampler/meta_batch_loader.h"
#include "storage/file/durable_file.h"
#include "trainer/engine/fused_engine.h"
#include "trainer/engine/generic_engine.h"
#include "trainer/method/meta_learner.h"
#include "trainer/tensor_setup.h"

namespace hearth {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  ConfigRequest request;
  int64_t rounds = 7;
  std::string json;
};

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// What is timed: `run` does one outer step's worth of work on a meta-batch.
struct Contestant {
  std::string name;
  std::function<void(const MetaBatch&)> run;
  std::vector<double> tasks_per_sec;  // [round]
};

std::vector<Contestant> MakeContestants(const MetaLearner& learner,
                                        const MetaParameters& parameters,
                                        std::vector<std::unique_ptr<Engine>>* engines) {
  const EngineContext context = {learner.model(), learner.method(), learner.builder(),
                                 learner.meta().loss};
  engines->push_back(std::make_unique<GenericEngine>(context));
  if (FusedEngine::WhyNot(context, learner.meta(), parameters.dense.device()).empty()) {
    engines->push_back(std::make_unique<FusedEngine>(context, learner.meta()));
  }
  std::vector<Contestant> contestants;
  for (const auto& engine : *engines) {
    contestants.push_back({.name = engine->name() + " engine",
                           .run =
                               [&engine, &parameters](const MetaBatch& batch) {
                                 for (const Chunk& chunk : batch.chunks) {
                                   engine->Compute(chunk, parameters, false);
                                 }
                               },
                           .tasks_per_sec = {}});
  }
  return contestants;
}

// In turn, A B A B, each at least a second; the first round does not count.
void Time(std::vector<Contestant>* contestants, int64_t rounds, MetaBatchLoader* loader) {
  constexpr double kRoundSec = 1.0;
  for (int64_t round = -1; round < rounds; ++round) {
    for (Contestant& contestant : *contestants) {
      double tasks = 0.0, seconds = 0.0;
      while (seconds < kRoundSec) {
        const MetaBatch& batch = loader->Next();
        const Clock::time_point begin = Clock::now();
        contestant.run(batch);
        seconds += SecondsSince(begin);
        tasks += static_cast<double>(batch.global_task_count);
      }
      if (round >= 0) contestant.tasks_per_sec.push_back(tasks / seconds);
    }
  }
}

nlohmann::json Report(const std::vector<Contestant>& contestants) {
  nlohmann::json json = nlohmann::json::object();
  std::printf("  %-16s %12s %24s\n", "", "tasks/s", "times generic (rounds)");
  for (const Contestant& contestant : contestants) {
    std::vector<double> ratios;
    for (size_t r = 0; r < contestant.tasks_per_sec.size(); ++r) {
      ratios.push_back(contestant.tasks_per_sec[r] / contestants.front().tasks_per_sec[r]);
    }
    const auto [low, high] = std::minmax_element(ratios.begin(), ratios.end());
    const double rate = Median(contestant.tasks_per_sec);
    std::printf("  %-16s %12.0f %10.2f (%.2f .. %.2f)\n", contestant.name.c_str(), rate,
                Median(ratios), *low, *high);
    json[contestant.name] = {
        {"tasks_per_s", rate}, {"ratio", Median(ratios)}, {"min", *low}, {"max", *high}};
  }
  return json;
}

int Run(const Options& options) {
  const LoadedConfig loaded = LoadConfig(options.request);
  const Config& config = loaded.config;
  RequireDataPath(config);
  const Dataset dataset(config.data);
  at::set_num_threads(1);
  KeepFreedMemory();
  const at::TensorOptions tensors = TensorOptionsFor(config.train, /*local_rank=*/0);
  const MetaLearner learner(dataset, config.model, config.meta, tensors);
  const auto seed = static_cast<uint64_t>(config.run.seed);
  const MetaParameters parameters =
      InitializeMetaParameters(learner.model(), config.optim.table_type, seed, tensors);
  MetaBatchLoader loader(dataset, kTrainPart, config.tasks, seed);
  std::vector<std::unique_ptr<Engine>> engines;
  std::vector<Contestant> contestants = MakeContestants(learner, parameters, &engines);
  std::printf("meta-gradients of %s, %lld tasks per step, one thread, %s, %lld rounds\n",
              dataset.manifest().name.c_str(), static_cast<long long>(config.tasks.per_step),
              DeviceName(tensors).c_str(), static_cast<long long>(options.rounds));
  Time(&contestants, options.rounds, &loader);
  const nlohmann::json json = Report(contestants);
  if (!options.json.empty()) WriteFileDurably(options.json, json.dump(2) + "\n", kSharedFile);
  return 0;
}

}  // namespace

void AddBenchStep(CLI::App* parent, Invocation* invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* app =
      parent->add_subcommand("step", "time the engines on a configuration and its data");
  AddConfigArguments(app, &options->request);
  AddInt(app, "--rounds", &options->rounds, AtLeast(1), "rounds of at least a second for each");
  AddText(app, "--json", &options->json, "also write the figures to this file");
  OnChosen(app, invocation, [options](Job&) { return Run(*options); });
}

}  // namespace hearth
