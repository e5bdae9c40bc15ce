#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "common/text.h"
#include "launch/command/bench_rounds.h"
#include "launch/command/commands.h"
#include "launch/command/train_config.h"
#include "sampler/meta_batch_loader.h"
#include "trainer/adapt/learner_of_dataset.h"
#include "trainer/gradient/engine_choice.h"
#include "trainer/loop/tensor_setup.h"
#include "trainer/loop/trainer.h"

namespace hearth {
namespace {

constexpr const char* kGradients = "meta-gradients";  // all others are compared with this one

// Reads the training shards from first to last and then again, each through a reader of its own.
class ShardPasses {
 public:
  explicit ShardPasses(const Dataset& dataset)
      : dataset_(dataset), shards_(dataset.ShardsOf(kTrainPart)) {
    for (size_t i = 0; i < shards_.size(); ++i) first_ += ReadNext();
  }

  size_t shard_count() const { return shards_.size(); }
  // The constructor's pass over all shards.
  const Work& first() const { return first_; }

  Work ReadNext() {
    const int64_t index = shards_[next_++ % shards_.size()];
    Work work;
    work.seconds = SecondsOf([&] {
      const std::unique_ptr<ShardReader> shard = dataset_.OpenShard(index);
      for (int64_t t = 0; t < shard->task_count(); ++t) {
        work.bytes += static_cast<double>(Copy(shard->task(t)));
      }
      work.tasks = static_cast<double>(shard->task_count());
      work.rows = static_cast<double>(shard->event_count());
    });
    return work;
  }

 private:
  // Copies a task's events to memory that stays in the processor's cache. Returns their size.
  size_t Copy(const TaskView& task) {
    const size_t size = task.items.size_bytes() + task.times.size_bytes() +
                        task.labels.size_bytes() + task.roles.size_bytes();
    if (block_.size() < size) block_.resize(size);
    char* to = block_.data();
    const auto append = [&to](const auto& column) {
      if (column.empty()) return;
      std::memcpy(to, column.data(), column.size_bytes());
      to += column.size_bytes();
    };
    append(task.items);
    append(task.times);
    append(task.labels);
    append(task.roles);
    return size;
  }

  const Dataset& dataset_;
  std::vector<int64_t> shards_;
  size_t next_ = 0;
  Work first_;
  std::vector<char> block_;
};

// Measures the limit: copies the same bytes from memory to cache, without files, tasks and checks.
class MemoryCopy {
 public:
  // `pass`: the work of one pass over the shards.
  explicit MemoryCopy(const Work& pass)
      : from_(std::min(static_cast<size_t>(pass.bytes), kMostBytes), 1), to_(kBlockBytes) {
    const double share = static_cast<double>(from_.size()) / pass.bytes;
    work_ = {.tasks = pass.tasks * share, .rows = pass.rows * share, .bytes = pass.bytes * share};
  }

  Work Run() {
    work_.seconds = SecondsOf([this] {
      for (size_t begin = 0; begin < from_.size(); begin += kBlockBytes) {
        std::memcpy(to_.data(), from_.data() + begin, std::min(kBlockBytes, from_.size() - begin));
      }
    });
    return work_;
  }

 private:
  static constexpr size_t kMostBytes = size_t{256} << 20;  // several times any cache
  static constexpr size_t kBlockBytes = size_t{64} << 10;
  std::vector<char> from_, to_;
  Work work_;
};

// Times a source, MetaBatches or MetaBatchLoader: a unit is its next meta-batch.
template <typename Source>
Contestant TimedNext(const std::string& name, Source* source) {
  return {name, [source] {
            const MetaBatch* batch = nullptr;
            const double seconds = SecondsOf([&] { batch = &source->Next(); });
            Work work = WorkOf(*batch);
            work.seconds = seconds;
            return work;
          }};
}

// Times everything between the files and the engine.
std::vector<Contestant> TimeAll(const Config& config, const Dataset& dataset,
                                const LearnerOfDataset& on_data, int64_t rounds,
                                ShardPasses* passes) {
  const uint64_t seed = config.run.seed;
  const MetaParameters parameters =
      on_data.learner.InitialParameters(config.optim.table_type, seed);
  const BatchBuilder& builder = on_data.data.builder();
  const ChosenEngine engine =
      ChooseEngine(config.train.engine, {on_data.learner, builder}, parameters.dense.device());
  MetaBatches batches(dataset, config);
  MetaBatchLoader loader(dataset, kTrainPart, TrainingTasks(config), seed);
  MemoryCopy copy(passes->first());
  std::vector<Contestant> contestants = {
      {"read shards again", [passes] { return passes->ReadNext(); }},
      TimedNext("build episodes", &batches),
      TimedNext("loader with prefetch", &loader),
      ForEachChunk("make tensors", &batches, [&](const Chunk& chunk) { builder.Build(chunk); }),
      MetaGradients(kGradients, &batches, *engine.engine, parameters),
      {"copy in memory", [&] { return copy.Run(); }}};
  RunRounds({.rounds = rounds}, &contestants);
  return contestants;
}

nlohmann::json Report(const std::vector<Contestant>& contestants) {
  const auto gradients = std::ranges::find(contestants, kGradients, &Contestant::name);
  const std::vector<double> needed = PerSecond(*gradients, &Work::tasks);
  nlohmann::json json = nlohmann::json::object();
  std::printf("  %-20s %32s %11s %7s %28s\n", "", "tasks/s (rounds)", "rows/s", "MB/s",
              "times meta-gradients");
  for (const Contestant& contestant : contestants) {
    const std::vector<double> rates = PerSecond(contestant, &Work::tasks);
    const Spread tasks = SpreadOf(rates), rows = SpreadOf(PerSecond(contestant, &Work::rows));
    const Spread ratio = SpreadOf(Quotients(rates, needed));
    nlohmann::json& row = json[contestant.name];
    row = {{"tasks_per_s", ToJson(tasks)}, {"rows_per_s", ToJson(rows)}, {"ratio", ToJson(ratio)}};
    std::string megabytes = "-";
    if (contestant.rounds.front().bytes > 0.0) {
      std::vector<double> bytes = PerSecond(contestant, &Work::bytes);
      for (double& rate : bytes) rate *= 1e-6;
      row["mb_per_s"] = ToJson(SpreadOf(bytes));
      megabytes = fmt::format("{:.0f}", SpreadOf(bytes).median);
    }
    std::printf("  %-20s %32s %11.0f %7s %28s\n", contestant.name.c_str(), ToText(tasks, 0).c_str(),
                rows.median, megabytes.c_str(), ToText(ratio, 1).c_str());
  }
  return json;
}

int Run(const BenchOptions& options) {
  LoadedConfig loaded = LoadConfig(options.request);
  Config& config = loaded.config;
  RequireDataPath(config);
  RequireWritable(options.json);
  config.data.verify = false;  // would read the shards before their first pass
  const Dataset dataset(config.data);
  at::set_num_threads(1);
  KeepFreedMemory();
  ShardPasses passes(dataset);
  const Work& first = passes.first();
  const at::TensorOptions tensors = TensorOptionsFor(config.train, /*local_rank=*/0);
  const LearnerOfDataset on_data(dataset, config, tensors);
  fmt::print(
      "storage and sampling of {}, {} tasks per step, data.read={}, one thread, {}, {} rounds\n"
      "first pass over {} in {} shard files: {:.4f} s, {:.0f} MB/s, {:.0f} tasks/s\n"
      "(from storage, unless the files were in the page cache already)\n",
      dataset.manifest().name, config.tasks.per_step,
      config.data.read == ReadMode::kMmap ? "mmap" : "pread", DeviceName(tensors), options.rounds,
      FormatBytes(std::llround(first.bytes)), passes.shard_count(), first.seconds,
      1e-6 * first.bytes / first.seconds, first.tasks / first.seconds);
  nlohmann::json json = Report(TimeAll(config, dataset, on_data, options.rounds, &passes));
  json["first pass"] = {{"bytes", first.bytes},
                        {"seconds", first.seconds},
                        {"mb_per_s", 1e-6 * first.bytes / first.seconds},
                        {"tasks_per_s", first.tasks / first.seconds}};
  WriteBenchJson(options.json, json);
  return 0;
}

}  // namespace

void AddBenchIo(CLI::App* parent, Invocation* invocation) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* app = parent->add_subcommand(
      "io", "time reading and sampling, and compare their speed with the meta-gradients");
  AddBenchOptions(app, options.get());
  OnChosen(app, invocation, [options](Job&) { return Run(*options); });
}

}  // namespace hearth
