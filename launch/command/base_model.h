#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "launch/command/job.h"
#include "launch/config/config.h"
#include "storage/checkpoint/reader.h"
#include "storage/shard/dataset.h"
#include "trainer/adapt/learner.h"
#include "trainer/state/model_folder.h"

namespace hearth {

/// The trained model that a command works with: a step of a run, or a model folder.
struct BaseModelRequest {
  std::string run, model;     ///< exactly one
  std::string step = "best";  ///< of a run: best (by the validation metric), last, a number
  std::vector<std::string> overrides;  ///< of the model's configuration, such as data.path=DIR
};

/// Adds --run, --model, --step and key=value arguments.
void AddBaseModelOptions(CLI::App* app, BaseModelRequest* request);

/// A trained model with its values still on disk. A run brings its data set. A model folder brings
/// its catalogue, and binds a data set when data.path is among the overrides.
struct TrainedModel {
  Config config;
  std::optional<CheckpointReader> checkpoint;  ///< of a run
  std::unique_ptr<ModelFolder> folder;         ///< of a model folder
  std::unique_ptr<Dataset> dataset;            ///< null: none is bound
  std::unique_ptr<Learner> learner;
  std::unique_ptr<DataBinding> data;

  /// Path of the checkpoint or the model folder.
  const std::string& path() const { return folder ? folder->path() : checkpoint->path(); }
  /// Throws UsageError, with the option to give, where no data set is bound.
  const Dataset& RequireDataset() const;
};

/// A trained model with its values.
struct BaseModel : TrainedModel {
  MetaParameters parameters;

  /// The identity of parameters and tables.
  std::string Hash() const;
};

/// Not collective. Throws UsageError (no such run or folder), ConfigError (overrides), DataError
/// (no checkpoint, damaged, other data), StorageError.
TrainedModel FindTrainedModel(const BaseModelRequest& request, const Job& job);
/// The same, and every rank reads the rows it owns.
BaseModel OpenBaseModel(const BaseModelRequest& request, const Job& job);

}  // namespace hearth
