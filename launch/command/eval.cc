#include <cstdio>
#include <memory>
#include <optional>

#include <ATen/Parallel.h>

#include "common/error.h"
#include "common/log.h"
#include "launch/command/base_model.h"
#include "launch/command/commands.h"
#include "launch/command/options.h"
#include "launch/command/run_communicator.h"
#include "launch/report/evaluation_report.h"
#include "launch/report/prediction_file.h"
#include "storage/file/durable_file.h"
#include "trainer/evaluate/evaluation.h"
#include "trainer/loop/tensor_setup.h"

namespace hearth {
namespace {

struct Options {
  BaseModelRequest model;
  std::string split = "test", json, predictions;
};

/// Collective: every scenario of the split that the data set has. `file`: of rank 0, for
/// --predictions; else null.
std::vector<ScenarioResult> EvaluateSplit(const BaseModel& base, const Options& options,
                                          PredictionFile* file, Communicator& communicator) {
  const Split split = ParseSplit(options.split);
  const auto seed = static_cast<uint64_t>(base.config.run.seed);
  const Evaluator evaluator(*base.learner, *base.data, base.RequireDataset(), base.config.tasks,
                            base.config.eval, seed, communicator);
  const auto baselines = FitBaselines(ReadTrainingLog(base.RequireDataset()), seed);
  std::vector<ScenarioResult> results;
  for (const Scenario scenario : kAllScenarios) {
    const Part part{split, scenario};
    if (base.RequireDataset().ShardsOf(part).empty()) continue;
    PredictionLog log;
    results.push_back(evaluator.EvaluatePart(base.parameters, part, baselines,
                                             options.predictions.empty() ? nullptr : &log));
    if (file != nullptr) file->Write(scenario, log, base.RequireDataset());
  }
  if (results.empty()) {
    throw DataError("{}: the data set has no {} part to evaluate on", base.RequireDataset().path(),
                    NameOf(split));
  }
  return results;
}

int Run(const Options& options, Job& job) {
  BaseModel base = OpenBaseModel(options.model, job);
  base.RequireDataset();
  std::optional<PredictionFile> file;
  if (job.is_root() && !options.predictions.empty()) file.emplace(options.predictions);
  at::set_num_threads(1);  // as in training: values must not depend on the number of cores
  job.StartTogether();
  const Config& config = base.config;
  const auto device = TensorOptionsFor(config.train, job.local_rank()).device();
  const ChosenCommunicator chosen = MakeRunCommunicator(job, config.dist, device);
  if (job.is_root()) {
    spdlog::info("communicator {}: {}", chosen.communicator->name(), chosen.reason);
  }
  const std::vector<ScenarioResult> results =
      EvaluateSplit(base, options, file ? &*file : nullptr, *chosen.communicator);
  if (file) file->Commit();
  if (!job.is_root()) return 0;
  const DatasetManifest& manifest = base.RequireDataset().manifest();
  std::printf(
      "%s, data set %s\n\n%s", base.path().c_str(), manifest.name.c_str(),
      EvaluationText(results, ParseSplit(options.split),
                     ChosenMetric(config.eval, config.meta.loss, manifest.positive_only), manifest)
          .c_str());
  if (!options.json.empty()) {
    WriteFileDurably(options.json, EvaluationJson(results).dump(2) + "\n", kSharedFile);
  }
  return 0;
}

}  // namespace

void AddEval(CLI::App* parent, Invocation* invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* app = parent->add_subcommand(
      "eval",
      "evaluate a base model and the baselines on the same episodes; alone or under mpirun");
  AddBaseModelOptions(app, &options->model);
  AddName(app, "--split", &options->split, {"validation", "test"}, "which parts");
  AddText(app, "--json", &options->json,
          "also write {scenario: {row: {metric: ...}}} to this file");
  AddText(app, "--predictions", &options->predictions,
          "also write every score of every method to this file, a table with tabs: scenario, draw, "
          "task, role, item, label, methods");
  OnChosen(
      app, invocation, [options](Job& job) { return Run(*options, job); }, /*on_all_ranks=*/true);
}

}  // namespace hearth
