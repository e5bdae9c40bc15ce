#pragma once

#include <string>

#include "cluster/communicator.h"
#include "storage/checkpoint/reader.h"
#include "trainer/adapt/learner.h"

namespace hearth {

/// What is exported.
struct ModelExport {
  const CheckpointReader& checkpoint;
  const Learner& learner;  ///< of the checkpoint's model
  std::string settings;    ///< the run's configuration, YAML
};

/// Writes a model as files that other programs read (docs/export.md), a new folder with
///   model.safetensors  every dense parameter and embedding table
///   vocabulary/T.json  of table T: the original value of each row
///   model.json         how fields, tables and numbers belong together
///   config.yaml        ModelExport::settings
/// The ranks share the work; the bytes do not depend on their number. Rows stream from the
/// checkpoint: memory is bounded by a block, whatever the size of tables.
/// The folder appears whole or not at all. Throws UsageError (it is not empty), DataError (the
/// checkpoint is damaged or of another model), StorageError, PermissionError, on all ranks alike.
/// Collective: all ranks must call. `folder` must be on storage that all of them share.
void ExportModel(const ModelExport& model, const std::string& folder, Communicator& communicator);

}  // namespace hearth
