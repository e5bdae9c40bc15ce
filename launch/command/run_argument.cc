#include "launch/command/run_argument.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "common/error.h"
#include "common/text.h"
#include "storage/checkpoint/folder.h"
#include "storage/file/file_descriptor.h"
#include "trainer/evaluate/metrics.h"

namespace hearth {
namespace {

/// The step with the best validation value (ties: the earliest step wins); nothing when no step was
/// evaluated.
std::optional<int64_t> BestStep(const std::string& run) {
  std::optional<int64_t> best;
  double best_value = 0;
  for (const CheckpointInfo& info : ListCheckpoints(run)) {
    if (!info.metric) continue;
    const double sign = HigherIsBetter(ParseMetric(info.metric->name).kind) ? 1 : -1;
    const double value = sign * info.metric->value;
    if (best && value <= best_value) continue;
    best = info.step;
    best_value = value;
  }
  return best;
}

}  // namespace

void RequireRunFolder(const std::string& run) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_status status = fs::status(run, error);
  if (status.type() == fs::file_type::none) ThrowFileError("look at", run, error.value());
  if (!fs::is_directory(status)) throw UsageError("{}: no such run folder", run);
}

std::string FindCheckpoint(const std::string& run, const std::string& step) {
  RequireRunFolder(run);
  const std::vector<int64_t> steps = ListSteps(run);
  if (steps.empty()) throw DataError("{}: no checkpoint in this run folder", run);
  if (step == "last") return CheckpointPath(run, steps.back());
  if (step == "best") return CheckpointPath(run, BestStep(run).value_or(steps.back()));
  int64_t wanted = 0;
  if (!ParseInt64(step, &wanted)) {
    throw UsageError("--step {}: write best, last or a step number", step);
  }
  if (std::find(steps.begin(), steps.end(), wanted) == steps.end()) {
    std::vector<std::string> names;
    for (const int64_t known : steps) names.push_back(std::to_string(known));
    throw DataError("{}: no checkpoint of step {}; there are {}", run, wanted, Join(names, ", "));
  }
  return CheckpointPath(run, wanted);
}

}  // namespace hearth
