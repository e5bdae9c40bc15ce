#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "bench/engine/contestants.h"

namespace hearth {

/// The contestants of this program on one workload, made when first asked for.
class Contestants {
 public:
  explicit Contestants(const WorkloadOptions& options);

  const Workload& workload() const { return workload_; }
  const MetaGradient& exact() const { return exact_; }
  /// Those that take part in this workload.
  std::vector<const ContestantSpec*> specs() const;
  /// Throws UsageError for an unknown name.
  EngineContestant& Get(const std::string& name);
  GradientErrors Check(const std::string& name);

 private:
  const ContestantSpec& SpecOf(const std::string& name) const;

  Workload workload_;
  std::optional<Workload> padded_;
  MetaGradient exact_;
  std::optional<MetaGradient> padded_exact_;
  std::map<std::string, std::unique_ptr<EngineContestant>> made_;
};

/// Lends the contestants to a program that interleaves them with those of other processes
/// (bench/engine_peers). Writes the workload's numbers and its float64 gradient below `folder`,
/// says who takes part, then answers every line of standard input by one line of JSON until it
/// ends:
///
///   check NAME          {"dense": e, "inputs": e}       errors against float64
///   memory NAME         {"peak_mb": m}                  see PeakExtraMegabytes
///   round NAME SECONDS  {"steps": n, "wall_sec": s, "cpu_sec": s}
///
/// Throws StorageError when a file cannot be written, UsageError for a line it does not know.
void Serve(Contestants& contestants, const std::string& folder);

}  // namespace hearth
