#include "launch/report/recommendation_report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "launch/report/printable.h"

namespace hearth {
std::string RecommendationTsvHeader() { return "user\titem\trank\tscore\ttitle\n"; }

std::string RecommendationTsv(const std::string& user, const std::vector<Recommendation>& items,
                              const EntityTable& catalogue) {
  std::string text;
  int64_t rank = 0;
  for (const Recommendation& recommended : items) {
    const std::string& id = catalogue.ids[recommended.item];
    text += fmt::format("{}\t{}\t{}\t{:.6g}\t{}\n", Printable(user), Printable(id), ++rank,
                        recommended.score, Printable(catalogue.TitleOf(recommended.item)));
  }
  return text;
}

std::string RecommendationJson(const std::string& user, const std::vector<Recommendation>& items,
                               const EntityTable& catalogue) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Recommendation& recommended : items) {
    list.push_back({{"item", catalogue.ids[recommended.item]},
                    {"score", recommended.score},
                    {"title", catalogue.TitleOf(recommended.item)}});
  }
  const nlohmann::ordered_json line = {{"user", user}, {"items", std::move(list)}};
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace hearth
