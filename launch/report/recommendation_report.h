#pragma once

#include <string>
#include <vector>

#include "storage/shard/feature_table.h"
#include "trainer/serve/recommendation.h"

namespace hearth {

/// These write the recommendations of one user, one line each: `user item rank score title`,
/// separated by tabs. The ids are the original ones. Tabs and control characters in ids and titles
/// become '?'.
std::string RecommendationTsvHeader();
std::string RecommendationTsv(const std::string& user, const std::vector<Recommendation>& items,
                              const EntityTable& catalogue);
/// Returns one JSON object in one line: {"user", "items": [{"item", "score", "title"}, ...]}.
std::string RecommendationJson(const std::string& user, const std::vector<Recommendation>& items,
                               const EntityTable& catalogue);

}  // namespace hearth
