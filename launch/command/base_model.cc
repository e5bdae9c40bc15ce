#include "launch/command/base_model.h"

#include <filesystem>
#include <utility>

#include "common/error.h"
#include "common/log.h"
#include "launch/command/options.h"
#include "launch/command/run_argument.h"
#include "launch/command/shard_check.h"
#include "launch/config/load.h"
#include "launch/report/binding_report.h"
#include "launch/report/run_folder.h"
#include "trainer/adapt/learner_of_dataset.h"
#include "trainer/loop/tensor_setup.h"
#include "trainer/state/model_arrays.h"
#include "trainer/state/run_state.h"

namespace hearth {
namespace {

void RequireSameData(const CheckpointReader& checkpoint, const Dataset& dataset) {
  const std::string hash = dataset.Hash();
  const std::string& trained_on = checkpoint.manifest().data_hash;
  if (hash == trained_on) return;
  throw DataError(
      "{}: trained on a data set with hash {:.12}, but {} has {:.12}; point at the right one with "
      "data.path=DIR, or bind another data set to the model folder of the run: --model RUN/model "
      "data.path=DIR",
      checkpoint.path(), trained_on, dataset.path(), hash);
}

// The statistics of all training tasks are part of a model: shards that the run went without are
// left out again.
void LeaveOutShardsOfRun(const std::string& run, Dataset& dataset) {
  std::vector<BadShard> shards;
  for (const std::string& file : LeftOutShards(run)) {
    shards.push_back({file, fmt::format("the run in {} was trained without it", run)});
  }
  dataset.LeaveOut(shards);
}

// Rows of label 0 are part of what a model was trained on: its first score and its adaptation rest
// on their number.
void RequireTrainedNegatives(const Config& config, const InputSchema& schema,
                             const std::string& where) {
  const int64_t negatives = NegativeRowsOf(config.tasks, config.meta.loss);
  if (negatives == schema.negative_rows) return;
  throw ConfigError(
      "tasks.negatives={}: the model in {} was trained with tasks.negatives={}, and adapts with as "
      "many; leave the setting out",
      negatives, where, schema.negative_rows);
}

TrainedModel FindRun(const BaseModelRequest& request, const Job& job) {
  RequireRunFolder(request.run);
  TrainedModel model;
  model.config = ReadRunConfig(request.run, request.overrides);
  model.checkpoint.emplace(FindCheckpoint(request.run, request.step));
  model.dataset = std::make_unique<Dataset>(model.config.data);
  LeaveOutShardsOfRun(request.run, *model.dataset);
  RequireSameData(*model.checkpoint, *model.dataset);
  if (job.is_root()) AnnounceLeftOut(*model.dataset);
  const at::TensorOptions tensors = TensorOptionsFor(model.config.train, job.local_rank());
  const Config trained = ReadRunConfig(request.run, {});
  const auto schema = std::make_shared<const InputSchema>(MakeInputSchema(
      *model.dataset, model.config.model, NegativeRowsOf(trained.tasks, trained.meta.loss)));
  RequireTrainedNegatives(model.config, *schema, request.run);
  model.learner = std::make_unique<Learner>(schema, model.config, tensors);
  model.data = std::make_unique<DataBinding>(*model.learner->schema(), *model.dataset, tensors);
  return model;
}

TrainedModel FindFolder(const BaseModelRequest& request, const Job& job) {
  if (!std::filesystem::is_directory(request.model)) {
    throw UsageError("--model: '{}' is no folder", request.model);
  }
  TrainedModel model;
  model.folder = std::make_unique<ModelFolder>(request.model);
  model.config =
      LoadConfig({.files = {model.folder->config_path()}, .overrides = request.overrides}).config;
  const at::TensorOptions tensors = TensorOptionsFor(model.config.train, job.local_rank());
  const auto& schema = model.folder->schema();
  if (model.folder->description().format_version < 3 && NegativesAreRows(model.config.meta.loss)) {
    model.config.tasks.negatives = 0;  // had no effect on such a model
  }
  RequireTrainedNegatives(model.config, *schema, request.model);
  model.learner = std::make_unique<Learner>(schema, model.config, tensors);
  if (!model.config.data.path.empty()) {
    model.dataset = std::make_unique<Dataset>(model.config.data);
    model.data = std::make_unique<DataBinding>(*schema, *model.dataset, tensors);
    if (job.is_root()) spdlog::info("{}", BindingText(*model.data));
  } else {
    model.data = std::make_unique<DataBinding>(*schema, std::make_shared<const EntityTable>(),
                                               schema->catalogue.items, tensors);
  }
  return model;
}

}  // namespace

void AddBaseModelOptions(CLI::App* app, BaseModelRequest* request) {
  CLI::Option* run = app->add_option("--run", request->run, "run folder")->type_name("DIR");
  CLI::Option* model =
      app->add_option("--model", request->model,
                      "model folder, as RUN/model or written by 'hearth export'; needs no data set")
          ->type_name("DIR");
  model->excludes(run);
  AddText(app, "--step", &request->step,
          "step of the run: best (by the validation metric), last, or a number")
      ->excludes(model);
  app->add_option("settings", request->overrides,
                  "settings that differ from the model's, such as data.path=DIR or eval.top_k=20")
      ->type_name("KEY=VALUE");
}

const Dataset& TrainedModel::RequireDataset() const {
  if (dataset) return *dataset;
  throw UsageError("the model folder '{}' holds no events: bind a data set with data.path=DIR",
                   path());
}

std::string BaseModel::Hash() const {
  return folder ? folder->hash() : ContentHash(*checkpoint, ModelArrayNames(*checkpoint));
}

TrainedModel FindTrainedModel(const BaseModelRequest& request, const Job& job) {
  if (request.run.empty() == request.model.empty()) {
    throw UsageError("give --run DIR (a run folder) or --model DIR (a model folder)");
  }
  return request.run.empty() ? FindFolder(request, job) : FindRun(request, job);
}

BaseModel OpenBaseModel(const BaseModelRequest& request, const Job& job) {
  TrainedModel model = FindTrainedModel(request, job);
  const Config& config = model.config;
  MetaParameters parameters = model.learner->InitialParameters(
      config.optim.table_type, config.run.seed, config.tables,
      {job.rank(), job.world_size(), config.dist.replicate_bytes, config.dist.wire});
  if (model.folder) {
    model.folder->Load(model.learner->layout(), parameters);
  } else {
    LoadParameters(*model.checkpoint, model.learner->layout(), parameters);
  }
  return {std::move(model), std::move(parameters)};
}

}  // namespace hearth
