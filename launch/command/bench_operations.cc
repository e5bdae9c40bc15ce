#include "launch/command/bench_operations.h"

#include <array>
#include <cstdio>

#include <fmt/format.h>

#include "launch/command/bench_rounds.h"

namespace hearth {
namespace {

constexpr std::array<int64_t, 5> kSizesBytes = {8, 1 << 10, 64 << 10, 1 << 20, 16 << 20};
constexpr double kRoundSec = 0.02;  // many calls of all but the longest operations

struct Operation {
  std::string name;
  int64_t bytes = 0;  // of the result on each rank
};

// The bytes of each rank [rank] when `bytes` bytes are dealt evenly.
std::vector<int64_t> EvenShares(int64_t bytes, int world_size) {
  std::vector<int64_t> shares;
  for (int64_t rank = 0; rank < world_size; ++rank) {
    shares.push_back((rank + 1) * bytes / world_size - rank * bytes / world_size);
  }
  return shares;
}

Contestant Timed(const std::string& name, std::function<void()> call) {
  return {name, [call = std::move(call)] { return Work{.seconds = SecondsOf(call)}; }};
}

template <typename Number>
Contestant TimedAllReduce(const std::string& name, Communicator& communicator, int64_t bytes) {
  std::vector<Number> data(bytes / sizeof(Number));
  return Timed(name, [&communicator, data = std::move(data)]() mutable {
    communicator.AllReduce(std::span(data), ReduceOp::kSum);
  });
}

// Adds the operations that have a size, and one contestant for each.
void AddOperations(Communicator& communicator, int64_t bytes, std::vector<Operation>* operations,
                   std::vector<Contestant>* contestants) {
  const auto add = [&](Contestant contestant) {
    operations->push_back({contestant.name, bytes});
    contestants->push_back(std::move(contestant));
  };
  add(TimedAllReduce<int64_t>("AllReduce int64", communicator, bytes));
  add(TimedAllReduce<float>("AllReduce float32", communicator, bytes));
  const std::vector<int64_t> shares = EvenShares(bytes, communicator.world_size());
  const int64_t own = shares[communicator.rank()];
  add(Timed("AllGather", [&communicator, part = std::vector<uint8_t>(own)] {
    communicator.AllGather<uint8_t>(part);
  }));
  std::vector<uint8_t> all(bytes);
  add(Timed("AllToAll",
            [&communicator, shares, all] { communicator.AllToAll<uint8_t>(all, shares); }));
  add(Timed("Broadcast", [&communicator, all]() mutable {
    communicator.Broadcast(std::span(all), /*root=*/0);
  }));
}

void PrintHeader(const Communicator& communicator) {
  std::printf(
      "\noperations of %d ranks (%s): one call on the slowest rank, by the size of its result\n"
      "  %-18s %9s %34s %7s\n",
      communicator.world_size(), communicator.name().c_str(), "", "bytes", "us (rounds)", "GB/s");
}

}  // namespace

std::vector<double> LargestOfRanks(Communicator& communicator, std::vector<double> values) {
  communicator.AllReduce(std::span(values), ReduceOp::kMax);
  return values;
}

nlohmann::json BenchOperations(Communicator& communicator, int64_t rounds) {
  std::vector<Operation> operations = {{"Barrier", 0}};
  std::vector<Contestant> contestants = {Timed("Barrier", [&] { communicator.Barrier(); })};
  for (const int64_t bytes : kSizesBytes) {
    AddOperations(communicator, bytes, &operations, &contestants);
  }
  const auto largest = [&](double value) { return LargestOfRanks(communicator, {value}).front(); };
  RunRounds({.rounds = rounds, .round_sec = kRoundSec, .largest_of_ranks = largest}, &contestants);
  if (communicator.is_root()) PrintHeader(communicator);
  nlohmann::json json = nlohmann::json::object();
  for (size_t i = 0; i < operations.size(); ++i) {
    std::vector<double> times =
        LargestOfRanks(communicator, PerUnit(contestants[i], &Work::seconds));
    for (double& time : times) time *= 1e6;
    const Spread us = SpreadOf(times);
    const auto& [name, bytes] = operations[i];
    const double rate = 1e-3 * static_cast<double>(bytes) / us.median;
    json[name][std::to_string(bytes)] = {{"us", ToJson(us)}, {"gb_per_s", rate}};
    if (!communicator.is_root()) continue;
    fmt::print("  {:<18} {:>9} {:>34} {:7.2f}\n", name, bytes, ToText(us, 2), rate);
  }
  return json;
}

}  // namespace hearth
