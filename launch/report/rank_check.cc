#include "launch/report/rank_check.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include <fmt/format.h>
#include <sys/statvfs.h>

#include "cluster/mpi_session.h"
#include "common/build_info.h"
#include "common/host_name.h"
#include "common/text.h"

namespace hearth {
namespace {

constexpr int64_t kWantedSharedBytes = int64_t{64} << 20;
constexpr double kWantedClockSec = 1.0;

std::string RankList(const std::vector<int>& ranks) {
  constexpr size_t kShown = 8;
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(ranks.size(), kShown); ++i)
    names.push_back(std::to_string(ranks[i]));
  if (ranks.size() > kShown) names.push_back("...");
  return Join(names, ", ");
}

// Compares the texts of all ranks, which should be equal. `own` is the text of this rank.
Finding CompareTexts(Communicator& communicator, const std::string& topic, const std::string& own,
                     const std::string& hint) {
  const std::vector<std::string> texts = AllGatherText(communicator, own);
  std::map<std::string, std::vector<int>> ranks_of;
  for (int rank = 0; rank < std::ssize(texts); ++rank) ranks_of[texts[rank]].push_back(rank);
  if (ranks_of.size() == 1) return {topic, own, ""};
  std::vector<std::string> parts;
  for (const auto& [text, ranks] : ranks_of) {
    parts.push_back(fmt::format("'{}' on ranks {}", text, RankList(ranks)));
  }
  return {topic, Join(parts, "; "), hint};
}

// Returns the ranks on which `holds` is false.
std::vector<int> RanksWithout(Communicator& communicator, bool holds) {
  const std::vector<uint8_t> own = {holds};
  const std::vector<uint8_t> all = communicator.AllGather(std::span<const uint8_t>(own));
  std::vector<int> ranks;
  for (int rank = 0; rank < std::ssize(all); ++rank) {
    if (all[rank] == 0) ranks.push_back(rank);
  }
  return ranks;
}

Finding CompareHosts(Communicator& communicator) {
  std::map<std::string, int> ranks_on;
  for (const std::string& host : AllGatherText(communicator, HostName())) ++ranks_on[host];
  std::vector<std::string> parts;
  for (const auto& [host, count] : ranks_on) parts.push_back(fmt::format("{} on {}", count, host));
  return {"ranks", Join(parts, ", "), ""};
}

Finding CompareSharedMemory(Communicator& communicator) {
  struct statvfs disk {};
  int64_t free_bytes = 0;
  if (statvfs("/dev/shm", &disk) == 0) free_bytes = disk.f_bavail * disk.f_frsize;
  std::array<int64_t, 1> least = {free_bytes};
  communicator.AllReduce(std::span<int64_t>(least), ReduceOp::kMin);
  const std::vector<int> ranks = RanksWithout(communicator, free_bytes >= kWantedSharedBytes);
  Finding finding{"shared",
                  fmt::format("/dev/shm has at least {} free on every host", FormatBytes(least[0])),
                  ""};
  if (!ranks.empty()) {
    finding.hint = fmt::format(
        "less than {} on ranks {}: MPI and NCCL keep their buffers there; start containers with "
        "--shm-size=1g",
        FormatBytes(kWantedSharedBytes), RankList(ranks));
  }
  return finding;
}

Finding CompareStorage(Communicator& communicator, const std::string& folder) {
  const std::string path = folder + "/.hearth-doctor";
  const std::string token = BroadcastText(
      communicator, std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()));
  if (communicator.is_root()) std::ofstream(path) << token;
  communicator.Barrier();
  std::string seen;
  std::getline(std::ifstream(path), seen);
  const std::vector<int> ranks = RanksWithout(communicator, seen == token);
  if (communicator.is_root()) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
  if (ranks.empty()) return {"storage", fmt::format("all ranks see '{}'", folder), ""};
  return {"storage",
          fmt::format("'{}' is not the same folder on ranks {}", folder, RankList(ranks)),
          "run.dir and data.path must be on storage that all hosts share"};
}

Finding CompareClocks(Communicator& communicator) {
  const auto now = [] {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  communicator.Barrier();
  std::array<double, 1> of_root = {now()};
  communicator.Broadcast(std::span<double>(of_root), 0);
  const double apart = std::abs(now() - of_root[0]);
  std::array<double, 1> most = {apart};
  communicator.AllReduce(std::span<double>(most), ReduceOp::kMax);
  const std::vector<int> ranks = RanksWithout(communicator, apart <= kWantedClockSec);
  Finding finding{"clocks", fmt::format("within {:.3f} s of rank 0", most[0]), ""};
  if (!ranks.empty()) {
    finding.hint =
        fmt::format("clocks of ranks {} are off: times in logs will mislead; look at NTP there",
                    RankList(ranks));
  }
  return finding;
}

}  // namespace

std::vector<Finding> CompareRanks(Communicator& communicator, const std::string& folder) {
  const std::string build = fmt::format("hearth {} ({}), {} flavour", ThisBuild().version,
                                        ThisBuild().commit, ThisBuild().flavour);
  return {
      CompareHosts(communicator),
      CompareTexts(communicator, "build", build, "start the same program on every host"),
      CompareTexts(communicator, "mpi", MpiSession::LibraryVersion(),
                   "use the same MPI library on every host"),
      CompareTexts(communicator, "cpu", ProcessorName(),
                   "different processors may round differently: dist.reduce=exact then gives "
                   "the same bits on any number of ranks only of the same kind"),
      CompareTexts(communicator, "gpus", fmt::format("{} usable on every host", UsableGpuCount()),
                   "ranks without a GPU are far slower: see 'hearth doctor' on that host"),
      CompareSharedMemory(communicator),
      CompareStorage(communicator, folder),
      CompareClocks(communicator)};
}

}  // namespace hearth
