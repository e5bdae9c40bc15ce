#pragma once

#include <memory>
#include <string>

#include "cluster/communicator.h"
#include "storage/checkpoint/reader.h"
#include "trainer/adapt/learner.h"
#include "trainer/state/model_description.h"
#include "trainer/state/safetensors.h"

namespace hearth {

/// The parts of a model folder.
struct ModelSource {
  const CheckpointReader& checkpoint;
  const Learner& learner;  ///< of the checkpoint's model
  std::string settings;    ///< the run's configuration, YAML
  std::string card;        ///< a page for people, Markdown
};

/// Writes a base model as a folder that needs nothing else (docs/model-folder.md). The ranks share
/// the work; the bytes do not depend on their number. Rows stream from the checkpoint: memory is
/// bounded by a block, whatever the size of tables.
/// The folder appears whole or not at all. Throws UsageError (it is not empty), DataError (the
/// checkpoint is damaged or of another model), StorageError, PermissionError, on all ranks alike.
/// Collective: all ranks must call. `folder` must be on storage that all of them share.
void WriteModelFolder(const ModelSource& model, const std::string& folder,
                      Communicator& communicator);

/// A model folder, opened for reading. Every file is compared with its SHA-256 first; HDF5 files
/// are tried in a sandbox before this process reads them.
class ModelFolder {
 public:
  /// Throws DataError naming the file that is missing, damaged or of another version.
  explicit ModelFolder(const std::string& path);

  const std::string& path() const { return path_; }
  std::string config_path() const { return path_ + "/config.yaml"; }
  const std::shared_ptr<const InputSchema>& schema() const { return schema_; }
  const ModelDescription& description() const { return description_; }
  /// SHA-256 of model.safetensors: the identity of the base model.
  const std::string& hash() const { return hash_; }

  /// Reads dense parameters and the table rows that this rank holds.
  /// Throws DataError, with both shapes, when a tensor is not as the learner needs it.
  void Load(const ParameterLayout& layout, MetaParameters& parameters) const;

 private:
  std::string path_;
  ModelDescription description_;
  std::shared_ptr<const InputSchema> schema_;
  std::string hash_;
  std::unique_ptr<SafetensorsFile> tensors_;
};

/// Copies a model folder, whose files were compared with their hashes when it was opened, to a new
/// or empty folder.
void CopyModelFolder(const ModelFolder& model, const std::string& folder);

}  // namespace hearth
