#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "trainer/model/input_schema.h"

namespace hearth {

/// The facts of model.json beside the schema.
struct ModelDescription {
  static constexpr int kFormatVersion = 3;  ///< version 2 knew no rows of sampled negatives

  int64_t format_version = kFormatVersion;
  int64_t step = 0;               ///< of the checkpoint
  std::string checkpoint_sha256;  ///< of its manifest
  std::string data_sha256;        ///< of the training data set's manifest
  std::string tool_version;
  double output_offset = 0.0;                     ///< added to every score
  std::map<std::string, std::string> files = {};  ///< SHA-256 of each other file of the folder
};

/// Names of tensors in model.safetensors. Names of features may hold anything, but do not begin
/// like these.
std::string TableTensor(const std::string& table);           ///< "tables/NAME"
std::string TableIdsTensor(const std::string& table);        ///< "table_ids/NAME"
std::string TableLastStepsTensor(const std::string& table);  ///< "table_last_steps/NAME"
std::string TableMeansTensor(const std::string& table);      ///< "table_means/NAME"

/// Writes vocabularies, catalogue and, last, model.json with the hashes of all files of the folder.
void WriteModelDescription(const InputSchema& schema, ModelDescription description,
                           const std::string& folder);

/// Reads a folder back; all files are compared with their hashes.
/// Throws DataError naming the file and the value that cannot be used.
ModelDescription ReadModelDescription(const std::string& folder, InputSchema& schema);

}  // namespace hearth
