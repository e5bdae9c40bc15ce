#pragma once

#include <string>

#include "storage/file/durable_file.h"
#include "storage/shard/dataset.h"
#include "storage/shard/part.h"
#include "trainer/evaluate/prediction_log.h"

namespace hearth {

/// The file of `hearth eval --predictions`: every score of an evaluation, as a table with tabs
/// between its columns. The columns are
///   scenario, draw, task, role, item, label, and one column of scores per method.
/// `task` and `item` are original ids. A line has one of four roles:
///   support    an event that the methods adapt to; without scores
///   query      a query event, with its label
///   candidate  an item without an event that a log of positive events is ranked against; label 0
///   loss       the query loss of the task, for the methods that have one; without item and label
/// Numbers are written so that reading them gives the same bits. A cell without a value is empty.
class PredictionFile {
 public:
  /// Throws PermissionError or StorageError when the file cannot be made.
  explicit PredictionFile(const std::string& path);

  /// Writes the scores of one scenario. All scenarios have the same methods.
  void Write(Scenario scenario, const PredictionLog& log, const Dataset& dataset);
  /// The file appears under its name, whole.
  void Commit();

 private:
  PendingFile file_;
  bool has_header_ = false;
};

}  // namespace hearth
