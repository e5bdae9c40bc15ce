#pragma once

#include <string>
#include <vector>

#include "storage/shard/dataset.h"
#include "trainer/serve/recommendation.h"

namespace hearth {

/// Recommendations of one user with original ids: `user item rank score title`, tab-separated, one
/// line each. Tabs and control characters of ids and titles become '?'.
std::string RecommendationTsvHeader();
std::string RecommendationTsv(const std::string& user, const std::vector<Recommendation>& items,
                              const Dataset& dataset);
/// One JSON object in a line: {"user", "items": [{"item", "score", "title"}, ...]}.
std::string RecommendationJson(const std::string& user, const std::vector<Recommendation>& items,
                               const Dataset& dataset);

}  // namespace hearth
