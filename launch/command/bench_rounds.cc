#include "launch/command/bench_rounds.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/clock.h"
#include "common/error.h"
#include "launch/command/config_arguments.h"
#include "launch/command/options.h"
#include "storage/file/durable_file.h"
#include "trainer/gradient/engine.h"
#include "trainer/loop/trainer.h"

namespace hearth {
namespace {

Work Repeat(const Contestant& contestant, int64_t units) {
  Work sum;
  for (int64_t i = 0; i < units; ++i) sum += contestant.run();
  return sum;
}

// Doubles the units until they take long enough.
int64_t UnitsPerRound(const Contestant& contestant, const RoundOptions& options) {
  int64_t units = 1;
  double seconds = options.largest_of_ranks(Repeat(contestant, 1).seconds);
  while (seconds < options.round_sec) {
    seconds += options.largest_of_ranks(Repeat(contestant, units).seconds);
    units *= 2;
  }
  return units;
}

}  // namespace

void AddBenchOptions(CLI::App* app, BenchOptions* options) {
  AddConfigArguments(app, &options->request);
  AddInt(app, "--rounds", &options->rounds, AtLeast(1),
         "rounds; each one times everything once, in turn");
  AddText(app, "--json", &options->json, "also write the figures to this file");
}

Work& Work::operator+=(const Work& other) {
  seconds += other.seconds;
  comm_seconds += other.comm_seconds;
  tasks += other.tasks;
  rows += other.rows;
  bytes += other.bytes;
  return *this;
}

double SecondsOf(const std::function<void()>& call) {
  const double begin = SteadyNowSec();
  call();
  return SteadyNowSec() - begin;
}

void RunRounds(const RoundOptions& options, std::vector<Contestant>* contestants) {
  for (Contestant& contestant : *contestants) {
    contestant.units = UnitsPerRound(contestant, options);
  }
  for (int64_t round = 0; round < options.rounds; ++round) {
    for (Contestant& contestant : *contestants) {
      contestant.rounds.push_back(Repeat(contestant, contestant.units));
    }
  }
}

MetaBatches::MetaBatches(const Dataset& dataset, const Config& config)
    : builder_(dataset, kTrainPart, TrainingTasks(config), config.run.seed, {}) {}

const MetaBatch& MetaBatches::Next() {
  current_ = builder_.Build(step_++);
  return current_;
}

Work WorkOf(const MetaBatch& batch) {
  Work work{.tasks = static_cast<double>(batch.global_task_count)};
  for (const Chunk& chunk : batch.chunks) {
    work.rows += static_cast<double>(chunk.support.row_count() + chunk.query.row_count());
  }
  return work;
}

Contestant ForEachChunk(const std::string& name, MetaBatches* batches,
                        const std::function<void(const Chunk&)>& compute) {
  return {name, [batches, compute] {
            const MetaBatch& batch = batches->Next();
            Work work = WorkOf(batch);
            work.seconds = SecondsOf([&] {
              for (const Chunk& chunk : batch.chunks) compute(chunk);
            });
            return work;
          }};
}

Contestant MetaGradients(const std::string& name, MetaBatches* batches, const Engine& engine,
                         const MetaParameters& parameters) {
  return ForEachChunk(name, batches, [&engine, &parameters](const Chunk& chunk) {
    engine.Compute(chunk, parameters);
  });
}

std::vector<double> PerSecond(const Contestant& contestant, double Work::*amount) {
  std::vector<double> rates;
  for (const Work& work : contestant.rounds) rates.push_back(work.*amount / work.seconds);
  return rates;
}

std::vector<double> PerUnit(const Contestant& contestant, double Work::*seconds) {
  std::vector<double> times;
  for (const Work& work : contestant.rounds) {
    times.push_back(work.*seconds / static_cast<double>(contestant.units));
  }
  return times;
}

std::vector<double> Quotients(const std::vector<double>& values, const std::vector<double>& by) {
  HEARTH_CHECK(values.size() == by.size(), "{} values by {}", values.size(), by.size());
  std::vector<double> quotients;
  for (size_t i = 0; i < values.size(); ++i) quotients.push_back(values[i] / by[i]);
  return quotients;
}

Spread SpreadOf(std::vector<double> values) {
  HEARTH_CHECK(!values.empty());
  std::ranges::sort(values);
  const size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
  return {median, values.front(), values.back()};
}

std::string ToText(const Spread& spread, int decimals) {
  return fmt::format("{:.{}f} ({:.{}f} .. {:.{}f})", spread.median, decimals, spread.min, decimals,
                     spread.max, decimals);
}

nlohmann::json ToJson(const Spread& spread) {
  return {{"median", spread.median}, {"min", spread.min}, {"max", spread.max}};
}

void RequireWritable(const std::string& path) {
  if (!path.empty()) PendingFile(path, kSharedFile);
}

void WriteBenchJson(const std::string& path, const nlohmann::json& json) {
  if (!path.empty()) WriteFileDurably(path, json.dump(2) + "\n", kSharedFile);
}

}  // namespace hearth
