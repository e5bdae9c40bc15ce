#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "cluster/counting_communicator.h"
#include "launch/command/bench_operations.h"
#include "launch/command/bench_rounds.h"
#include "launch/command/commands.h"
#include "launch/command/run_communicator.h"
#include "launch/command/train_config.h"
#include "trainer/adapt/learner_of_dataset.h"
#include "trainer/loop/tensor_setup.h"
#include "trainer/loop/trainer.h"

namespace hearth {
namespace {

// Everything that outer steps need, for any mode of their sums. All ranks make one.
struct Training {
  Training(const TrainerOptions& options, const Dataset& dataset, RankPlace place,
           at::TensorOptions tensors)
      : on_data(dataset, options, tensors),
        state(InitialState(options, on_data.learner, place)),
        engine(ChooseEngine(options.train.engine, {on_data.learner, on_data.data.builder()},
                            tensors.device())),
        threads(static_cast<int>(options.train.threads), [] { at::set_num_threads(1); }),
        loader(dataset, kTrainPart, TrainingTasks(options), options.seed, place) {}

  LearnerOfDataset on_data;
  RunState state;
  ChosenEngine engine;
  WorkerThreads threads;
  MetaBatchLoader loader;
};

// Counts and times outer steps with sums of one mode.
class CountedSteps {
 public:
  CountedSteps(const OuterLoop::Options& options, Training& training, Communicator& communicator)
      : loader_(training.loader),
        counting_(communicator),
        outer_loop_(options, *training.engine.engine, training.on_data.data.builder(),
                    training.state.parameters, training.state.optimizer, counting_,
                    training.threads) {}

  const CountingCommunicator& counting() const { return counting_; }
  int64_t step_count() const { return step_count_; }

  // A step of training, but without evaluation and checkpoints. Collective: all ranks must call.
  Work Step() {
    const MetaBatch& batch = loader_.Next();
    Work work = WorkOf(batch);
    const double before = counting_.seconds();
    work.seconds = SecondsOf([&] { outer_loop_.Step(batch, [&] { return &loader_.Peek(); }); });
    work.comm_seconds = counting_.seconds() - before;
    ++step_count_;
    return work;
  }

 private:
  MetaBatchLoader& loader_;
  CountingCommunicator counting_;
  OuterLoop outer_loop_;
  int64_t step_count_ = 0;
};

// The counts per step, as the mean over the ranks. Collective: all ranks must call.
nlohmann::json PerStep(Communicator& communicator, const OperationCount& count,
                       int64_t step_count) {
  std::array<double, 3> sums = {static_cast<double>(count.calls),
                                static_cast<double>(count.sent_bytes),
                                static_cast<double>(count.received_bytes)};
  communicator.AllReduce(std::span<double>(sums), ReduceOp::kSum);
  const double parts = static_cast<double>(step_count) * communicator.world_size();
  return {{"calls", sums[0] / parts},
          {"sent_bytes", sums[1] / parts},
          {"received_bytes", sums[2] / parts}};
}

// The smallest and the largest value of the ranks. Collective: all ranks must call.
nlohmann::json OverRanks(Communicator& communicator, double value) {
  const std::vector<double> all = communicator.AllGather<double>(std::vector<double>{value});
  const auto [min, max] = std::ranges::minmax(all);
  return {{"min", min}, {"max", max}};
}

// Collective: all ranks must call.
nlohmann::json Figures(Communicator& communicator, const CountedSteps& steps,
                       const Contestant& timed) {
  const CountingCommunicator& counting = steps.counting();
  nlohmann::json json = PerStep(communicator, counting.total(), steps.step_count());
  json["all_reduce"] = PerStep(communicator, counting.all_reduce(), steps.step_count());
  json["all_to_all"] = PerStep(communicator, counting.all_to_all(), steps.step_count());
  const std::vector<double> own_sec = PerUnit(timed, &Work::seconds);
  const std::vector<double> comm_sec = PerUnit(timed, &Work::comm_seconds);
  json["comm_ms"] = OverRanks(communicator, 1e3 * SpreadOf(comm_sec).median);
  json["comm_share"] = OverRanks(communicator, SpreadOf(Quotients(comm_sec, own_sec)).median);
  const std::vector<double> step_sec = LargestOfRanks(communicator, own_sec);
  json["tasks_per_s"] = ToJson(SpreadOf(Quotients(PerUnit(timed, &Work::tasks), step_sec)));
  json["step_ms"] = 1e3 * SpreadOf(step_sec).median;
  return json;
}

void PrintRow(const std::string& name, const nlohmann::json& figures) {
  const auto number = [&](const char* key) { return figures.at(key).get<double>(); };
  const auto range = [&](const char* key, double unit, int decimals) {
    const nlohmann::json& ends = figures.at(key);
    return fmt::format("{:.{}f} .. {:.{}f}", unit * ends.at("min").get<double>(), decimals,
                       unit * ends.at("max").get<double>(), decimals);
  };
  const nlohmann::json& rate = figures.at("tasks_per_s");
  std::printf("  %-6s %28s %9.3f %6.0f %10.1f %12.1f %18s %13s\n", name.c_str(),
              ToText({rate.at("median"), rate.at("min"), rate.at("max")}, 0).c_str(),
              number("step_ms"), number("calls"), 1e-3 * number("sent_bytes"),
              1e-3 * number("received_bytes"), range("comm_ms", 1.0, 3).c_str(),
              range("comm_share", 100.0, 1).c_str());
}

void PrintSteps(const nlohmann::json& steps, int world_size) {
  std::printf("  %-6s %28s %9s %6s %10s %12s %18s %13s\n", "sums", "tasks/s (rounds)", "step ms",
              "calls", "sent kB", "received kB", "communication ms", "share %");
  for (const char* mode : {"exact", "fast"}) PrintRow(mode, steps.at(mode));
  std::printf(
      "  calls and bytes: per step, mean of the ranks; communication: least and most of the ranks, "
      "waiting for slower ones included\n");
  if (world_size > 1) return;
  std::printf("  one rank: nothing is sent; start it with mpirun -np N to measure communication\n");
}

// Collective: all ranks must call. Times both modes and returns their figures; rank 0 prints them.
nlohmann::json BenchSteps(TrainerOptions options, const Dataset& dataset,
                          Communicator& communicator, at::TensorOptions tensors, int64_t rounds) {
  Training training(options, dataset, {communicator.rank(), communicator.world_size()}, tensors);
  options.dist.reduce = ReduceMode::kExact;
  CountedSteps exact(OuterLoopOptions(options), training, communicator);
  options.dist.reduce = ReduceMode::kFast;
  CountedSteps fast(OuterLoopOptions(options), training, communicator);
  std::vector<Contestant> contestants = {{"exact", [&] { return exact.Step(); }},
                                         {"fast", [&] { return fast.Step(); }}};
  const auto largest = [&](double value) { return LargestOfRanks(communicator, {value}).front(); };
  RunRounds({.rounds = rounds, .largest_of_ranks = largest}, &contestants);
  const int64_t dense_count = training.state.parameters.dense.numel();
  const nlohmann::json json = {{"dense_parameters", dense_count},
                               {"exact", Figures(communicator, exact, contestants[0])},
                               {"fast", Figures(communicator, fast, contestants[1])}};
  if (!communicator.is_root()) return json;
  fmt::print("\nouter steps of {} tasks, {} dense parameters, {}, threads per rank {}\n",
             options.tasks.per_step, dense_count, training.engine.reason, training.threads.count());
  PrintSteps(json, communicator.world_size());
  return json;
}

int Run(const BenchOptions& options, Job& job) {
  const LoadedConfig loaded = LoadConfig(options.request);
  const Config& config = loaded.config;
  RequireDataPath(config);
  if (job.is_root()) RequireWritable(options.json);
  const Dataset dataset(config.data);
  const at::TensorOptions tensors = TensorOptionsFor(config.train, job.local_rank());
  job.StartTogether();
  const ChosenCommunicator chosen = MakeRunCommunicator(job, config.dist, tensors.device());
  Communicator& communicator = *chosen.communicator;
  RequireSameStart(communicator, config, ManifestHash(config.data.path));
  at::set_num_threads(1);
  KeepFreedMemory();
  if (job.is_root()) {
    fmt::print("communication on {} by {} ({}), data set {}, ranks {}, rounds {}\n",
               DeviceName(tensors), communicator.name(), chosen.reason, dataset.manifest().name,
               job.world_size(), options.rounds);
  }
  nlohmann::json json = {{"ranks", job.world_size()}, {"communicator", communicator.name()}};
  if (job.world_size() > 1) json["operations"] = BenchOperations(communicator, options.rounds);
  TrainerOptions training = TrainerOptionsOf(config);
  training.train.threads = ThreadCountFor(config.train, job.local_size(), tensors.device());
  json["steps"] = BenchSteps(training, dataset, communicator, tensors, options.rounds);
  if (job.is_root()) WriteBenchJson(options.json, json);
  return 0;
}

}  // namespace

void AddBenchComm(CLI::App* parent, Invocation* invocation) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* app = parent->add_subcommand(
      "comm", "time communication between ranks and what a step sends; alone or under mpirun");
  AddBenchOptions(app, options.get());
  OnChosen(
      app, invocation, [options](Job& job) { return Run(*options, job); }, /*on_all_ranks=*/true);
}

}  // namespace hearth
