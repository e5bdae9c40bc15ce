#include "launch/command/base_model.h"

#include <filesystem>

#include "common/error.h"
#include "launch/command/options.h"
#include "launch/command/run_argument.h"
#include "launch/command/shard_check.h"
#include "launch/report/run_folder.h"
#include "trainer/loop/tensor_setup.h"
#include "trainer/state/model_arrays.h"
#include "trainer/state/run_state.h"

namespace hearth {
namespace {

void RequireSameData(const CheckpointReader& checkpoint, const Dataset& dataset) {
  const std::string hash = dataset.Hash();
  const std::string& trained_on = checkpoint.manifest().data_hash;
  if (hash != trained_on) {
    throw DataError(
        "{}: trained on a data set with hash {:.12}, but {} has {:.12}; point at the right one "
        "with data.path=DIR",
        checkpoint.path(), trained_on, dataset.path(), hash);
  }
}

/// What a model gives for a task depends on the statistics of all training tasks.
void LeaveOutWhatTheRunDid(const std::string& run, Dataset& dataset) {
  std::vector<BadShard> shards;
  for (const std::string& file : LeftOutShards(run)) {
    shards.push_back({file, fmt::format("the run in {} was trained without it", run)});
  }
  dataset.LeaveOut(shards);
}

}  // namespace

void AddBaseModelOptions(CLI::App* app, BaseModelRequest* request) {
  app->add_option("--run", request->run, "run folder")->required()->type_name("DIR");
  AddText(app, "--step", &request->step, "best (by the validation metric), last, or a step number");
  app->add_option("settings", request->overrides,
                  "settings other than the run's, such as data.path=DIR or eval.top_k=20")
      ->type_name("KEY=VALUE");
}

std::string BaseModel::Hash() const { return ContentHash(checkpoint, ModelArrayNames(checkpoint)); }

int64_t NegativesFor(const Config& config) {
  return config.meta.loss == MetaOptions::Loss::kBpr ? config.tasks.negatives : 0;
}

TrainedModel FindTrainedModel(const BaseModelRequest& request, const Job& job) {
  RequireRunFolder(request.run);
  Config config = ReadRunConfig(request.run, request.overrides);
  CheckpointReader checkpoint(FindCheckpoint(request.run, request.step));
  auto dataset = std::make_unique<Dataset>(config.data);
  LeaveOutWhatTheRunDid(request.run, *dataset);
  RequireSameData(checkpoint, *dataset);
  if (job.is_root()) AnnounceLeftOut(*dataset);
  const at::TensorOptions tensors = TensorOptionsFor(config.train, job.local_rank());
  auto on_data = std::make_unique<LearnerOfDataset>(*dataset, config.learner(), tensors);
  return {std::move(config), std::move(checkpoint), std::move(dataset), std::move(on_data)};
}

BaseModel OpenBaseModel(const BaseModelRequest& request, const Job& job) {
  TrainedModel model = FindTrainedModel(request, job);
  const Config& config = model.config;
  MetaParameters parameters = model.learner().InitialParameters(
      config.optim.table_type, config.run.seed, config.tables,
      {job.rank(), job.world_size(), config.dist.replicate_bytes, config.dist.wire});
  LoadParameters(model.checkpoint, model.learner().layout(), parameters);
  return {std::move(model), std::move(parameters)};
}

}  // namespace hearth
