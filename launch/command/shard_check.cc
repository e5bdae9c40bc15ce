#include "launch/command/shard_check.h"

#include <map>

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace hearth {
namespace {

std::string TextOf(const std::vector<BadShard>& shards) {
  auto rows = nlohmann::json::array();
  for (const BadShard& shard : shards) rows.push_back({shard.file, shard.reason});
  return rows.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Each shard once, by name: the lowest rank that found it bad gives the reason.
std::vector<BadShard> UnionOf(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> reasons;
  for (const std::string& text : texts) {
    for (const auto& row : nlohmann::json::parse(text))
      reasons.emplace(row[0].get<std::string>(), row[1].get<std::string>());
  }
  std::vector<BadShard> shards;
  for (const auto& [file, reason] : reasons) shards.push_back({file, reason});
  return shards;
}

}  // namespace

void LeaveOutTogether(const std::vector<BadShard>& found, Communicator& communicator,
                      Dataset& dataset) {
  dataset.LeaveOut(UnionOf(AllGatherText(communicator, TextOf(found))));
}

std::vector<std::string> LeftOutFiles(const Dataset& dataset) {
  std::vector<std::string> files;
  for (const BadShard& shard : dataset.left_out()) files.push_back(shard.file);
  return files;
}

void AnnounceLeftOut(const Dataset& dataset) {
  for (const BadShard& shard : dataset.left_out()) {
    spdlog::warn("shard {} is left out, and with it its tasks: {}", shard.file, shard.reason);
  }
}

}  // namespace hearth
