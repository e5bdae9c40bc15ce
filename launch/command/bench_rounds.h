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

/// The options of every `hearth bench` command that times something.
struct BenchOptions {
  ConfigRequest request;
  int64_t rounds = 7;  ///< >= 1
  std::string json;    ///< a file for the figures, or ""
};
void AddBenchOptions(CLI::App* app, BenchOptions* options);

/// An amount of work, and the time it took. Amounts that do not apply stay 0.
struct Work {
  double seconds = 0.0;
  double comm_seconds = 0.0;  ///< of these, seconds in communication
  double tasks = 0.0, rows = 0.0, bytes = 0.0;
  Work& operator+=(const Work& other);
};

/// Wall time of a call.
double SecondsOf(const std::function<void()>& call);

/// Something to be timed. `run` does one unit of work and measures its time itself, so that its
/// inputs can be made ready outside the clock.
struct Contestant {
  std::string name;
  std::function<Work()> run;
  int64_t units = 0;              ///< units of work in every round
  std::vector<Work> rounds = {};  ///< [round]
};

struct RoundOptions {
  int64_t rounds = 7;
  double round_sec = 0.5;  ///< least time of a contestant in every round
  /// Returns the largest value of all ranks (collective), so that all do the same number of units.
  std::function<double(double)> largest_of_ranks = [](double value) { return value; };
};

/// Times contestants in turn, A B A B ..., so that a machine of drifting speed is fair to all of
/// them. A first round does not count: it finds how many units fill a round.
void RunRounds(const RoundOptions& options, std::vector<Contestant>* contestants);

/// Builds the training meta-batches of a single process, one after the other. It starts no thread,
/// because a thread would take time from the measured work.
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

/// The content of a meta-batch as work that is not timed yet: all its tasks, and the support and
/// query rows of the chunks of this rank.
Work WorkOf(const MetaBatch& batch);
/// A contestant with one meta-batch per unit, made outside the clock; `compute` gets its chunks in
/// turn. `batches` must outlive the contestant.
Contestant ForEachChunk(const std::string& name, MetaBatches* batches,
                        const std::function<void(const Chunk&)>& compute);
/// A contestant that computes the meta-gradients of meta-batches. All arguments must outlive it.
Contestant MetaGradients(const std::string& name, MetaBatches* batches, const Engine& engine,
                         const MetaParameters& parameters);

/// The figures of a contestant in every round [round]: an amount per second, or `seconds` per unit.
std::vector<double> PerSecond(const Contestant& contestant, double Work::*amount);
std::vector<double> PerUnit(const Contestant& contestant, double Work::*seconds);
/// Divides element by element.
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

/// Call before anything is timed. Throws the errors that WriteBenchJson would throw, and leaves
/// nothing behind.
void RequireWritable(const std::string& path);
/// Writes the figures for --json; nothing when `path` is "". Throws StorageError or
/// PermissionError naming the path.
void WriteBenchJson(const std::string& path, const nlohmann::json& json);

}  // namespace hearth
