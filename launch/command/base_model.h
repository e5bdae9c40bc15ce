#pragma once

#include <memory>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "launch/command/job.h"
#include "launch/config/config.h"
#include "storage/checkpoint/reader.h"
#include "storage/shard/dataset.h"
#include "trainer/adapt/learner_of_dataset.h"
#include "trainer/table/meta_parameters.h"

namespace hearth {

/// Which trained model a command works with.
struct BaseModelRequest {
  std::string run;
  std::string step = "best";           ///< best (by the validation metric), last, or a step number
  std::vector<std::string> overrides;  ///< of the run's configuration, such as data.path=DIR
};

/// --run, --step and key=value arguments.
void AddBaseModelOptions(CLI::App* app, BaseModelRequest* request);

/// A trained model whose parameters are on disk: its run's configuration and data.
struct TrainedModel {
  Config config;
  CheckpointReader checkpoint;
  std::unique_ptr<Dataset> dataset;
  std::unique_ptr<LearnerOfDataset> on_data;

  const Learner& learner() const { return on_data->learner; }
  const DataBinding& data() const { return on_data->data; }
};

/// A trained model, opened.
struct BaseModel : TrainedModel {
  MetaParameters parameters;

  /// ContentHash of the parameters and tables.
  std::string Hash() const;
};

/// Negatives per support row that adaptation needs: of the run where its loss is pairwise, else 0.
int64_t NegativesFor(const Config& config);

/// Not collective. Throws UsageError (no such run), ConfigError (overrides), DataError (no
/// checkpoint, damaged, other data), StorageError.
TrainedModel FindTrainedModel(const BaseModelRequest& request, const Job& job);
/// The same, and every rank reads the rows it owns.
BaseModel OpenBaseModel(const BaseModelRequest& request, const Job& job);

}  // namespace hearth
