#include "trainer/loop/balance.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/error.h"
#include "common/host_name.h"
#include "common/median.h"

namespace hearth {
namespace {

double MedianOf(const std::vector<RankTimes>& ranks, const auto& value_of) {
  std::vector<double> values;
  for (const RankTimes& rank : ranks) values.push_back(value_of(rank));
  return hearth::MedianOf(std::move(values));
}

// The phase of `rank` that lies furthest above the median of all ranks.
std::string SlowestPhase(const std::vector<RankTimes>& ranks, const RankTimes& rank) {
  const auto load = [](const RankTimes& times) { return times.load; };
  const auto compute = [](const RankTimes& times) { return times.step.compute; };
  const auto update = [](const RankTimes& times) { return times.step.update; };
  const std::array<std::pair<double, const char*>, 3> excess = {
      {{load(rank) - MedianOf(ranks, load), "load"},
       {compute(rank) - MedianOf(ranks, compute), "compute"},
       {update(rank) - MedianOf(ranks, update), "update"}}};
  return std::ranges::max_element(excess)->second;
}

}  // namespace

BalanceWatch::BalanceWatch(int64_t window_steps, Communicator& communicator)
    : window_steps_(window_steps),
      communicator_(communicator),
      slow_windows_(communicator.world_size(), 0) {
  HEARTH_CHECK(window_steps >= 1, "{} steps", window_steps);
}

std::optional<BalanceReport> BalanceWatch::OnStep(double load_sec, const StepTimes& times) {
  if (communicator_.world_size() == 1) return std::nullopt;
  own_.load += load_sec;
  own_.step.fetch += times.fetch;
  own_.step.compute += times.compute;
  own_.step.reduce += times.reduce;
  own_.step.update += times.update;
  if (++step_count_ < window_steps_) return std::nullopt;
  BalanceReport report;
  report.step_count = std::exchange(step_count_, 0);
  report.ranks = Gather();
  own_ = {};
  double sum = 0.0, largest = 0.0;
  for (const RankTimes& rank : report.ranks) {
    sum += rank.own_work();
    largest = std::max(largest, rank.own_work());
  }
  if (sum > 0.0) report.max_over_mean = largest * communicator_.world_size() / sum;
  report.stragglers = FindStragglers(report.ranks);
  return report;
}

std::vector<RankTimes> BalanceWatch::Gather() {
  if (hosts_.empty()) hosts_ = AllGatherText(communicator_, HostName());
  const std::array own = {own_.load, own_.step.fetch, own_.step.compute, own_.step.reduce,
                          own_.step.update};
  const std::vector<double> all = communicator_.AllGather(std::span<const double>(own));
  std::vector<RankTimes> ranks;
  for (size_t rank = 0; rank < hosts_.size(); ++rank) {
    const double* values = all.data() + rank * own.size();
    ranks.push_back({hosts_[rank], values[0], {values[1], values[2], values[3], values[4]}});
  }
  return ranks;
}

std::vector<BalanceReport::Straggler> BalanceWatch::FindStragglers(
    const std::vector<RankTimes>& ranks) {
  const double median = MedianOf(ranks, [](const RankTimes& times) { return times.own_work(); });
  std::vector<BalanceReport::Straggler> stragglers;
  for (int rank = 0; rank < std::ssize(ranks); ++rank) {
    const bool is_slow = median > 0.0 && ranks[rank].own_work() > kSlow * median;
    slow_windows_[rank] = is_slow ? slow_windows_[rank] + 1 : 0;
    if (slow_windows_[rank] < kWindows) continue;
    stragglers.push_back({rank, SlowestPhase(ranks, ranks[rank]), ranks[rank].own_work() / median});
  }
  return stragglers;
}

}  // namespace hearth
