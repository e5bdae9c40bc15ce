#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include "launch/config/load.h"
#include "sampler/meta_batch_builder.h"

namespace hearth {

class Engine;
struct MetaParameters;

/// What every `hearth bench` command that times something is asked for.
struct BenchOptions {
  ConfigRequest request;
  int64_t rounds = 7;  ///< >= 1
  std::string json;    ///< a file for the figures, or ""
};
void AddBenchOptions(CLI::App* app, BenchOptions* options);

/// Something done, and the time it took. Amounts that it has none of stay 0.
struct Work {
  double seconds = 0.0;
  double comm_seconds = 0.0;  ///< the part of them in communication
  double tasks = 0.0, rows = 0.0, bytes = 0.0;
  Work& operator+=(const Work& other);
};

/// Wall time of a call.
double SecondsOf(const std::function<void()>& call);

/// Something to be timed. `run` does one unit of work and takes its time itself, so that what it
/// needs can be made ready outside the clock.
struct Contestant {
  std::string name;
  std::function<Work()> run;
  int64_t units = 0;              ///< of work in every round
  std::vector<Work> rounds = {};  ///< [round]
};

struct RoundOptions {
  int64_t rounds = 7;
  double round_sec = 0.5;  ///< what a contestant should at least get in every round
  /// The largest of the values of all ranks (collective), so that all do the same number of units.
  std::function<double(double)> largest_of_ranks = [](double value) { return value; };
};

/// Contestants in turn, A B A B ..., so that a machine whose speed drifts is fair to all of them.
/// A first round, which does not count, finds how many units fill a round.
void RunRounds(const RoundOptions& options, std::vector<Contestant>* contestants);

/// The training meta-batches of a process on its own, one after the other, without a thread of
/// their own that would take time from what is timed.
class MetaBatches {
 public:
  /// `dataset` must outlive this object.
  MetaBatches(const Dataset& dataset, const Config& config);
  const MetaBatch& Next();

 private:
  MetaBatchBuilder builder_;
  int64_t step_ = 0;
  MetaBatch current_;
};

/// What a meta-batch holds, as work not timed yet: all its tasks, the support and query rows of the
/// chunks of this rank.
Work WorkOf(const MetaBatch& batch);
/// Units that are a meta-batch each, made outside the clock; `compute` gets its chunks in turn.
/// `batches` must outlive the contestant.
Contestant ForEachChunk(const std::string& name, MetaBatches* batches,
                        const std::function<void(const Chunk&)>& compute);
/// The meta-gradients of meta-batches. All must outlive the contestant.
Contestant MetaGradients(const std::string& name, MetaBatches* batches, const Engine& engine,
                         const MetaParameters& parameters);

/// Figures of a contestant in every round: an amount per second, `seconds` per unit.
std::vector<double> PerSecond(const Contestant& contestant, double Work::*amount);
std::vector<double> PerUnit(const Contestant& contestant, double Work::*seconds);
/// Element by element.
std::vector<double> Quotients(const std::vector<double>& values, const std::vector<double>& by);

struct Spread {
  double median = 0.0, min = 0.0, max = 0.0;
};
/// `values` must not be empty.
Spread SpreadOf(std::vector<double> values);
/// "12.3 (11.9 .. 12.8)"
std::string ToText(const Spread& spread, int decimals);
/// {"median": 12.3, "min": 11.9, "max": 12.8}
nlohmann::json ToJson(const Spread& spread);

/// Before anything is timed: throws what WriteBenchJson would throw, and leaves nothing behind.
void RequireWritable(const std::string& path);
/// Writes the figures for --json; nothing when `path` is "". Throws StorageError or
/// PermissionError naming the path.
void WriteBenchJson(const std::string& path, const nlohmann::json& json);

}  // namespace hearth
