#include "storage/import/synth.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numbers>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/text.h"
#include "storage/import/event_source.h"
#include "storage/import/pipeline.h"
#include "storage/import/synth_world.h"

namespace hearth {
namespace {

void CheckRange(std::string_view field, double value, double low, double high) {
  if (!(value >= low && value <= high)) {
    throw UsageError("synth: {} is {}; it must be in [{}, {}]", field, value, low, high);
  }
}

void CheckRange(std::string_view field, int64_t value, double low, double high) {
  CheckRange(field, static_cast<double>(value), low, high);
}

void CheckOptions(const SynthOptions& options) {
  CheckRange("users", options.users, 10, 1e8);
  CheckRange("items", options.items, 20, 1e7);
  CheckRange("events_per_user", options.events_per_user, 2,
             static_cast<double>(options.items) / 4.0);
  CheckRange("latent_size", options.latent_size, 1, 256);
  CheckRange("bias_share", options.bias_share, 0, 1);
  CheckRange("quality_share", options.quality_share, 0, 1);
  CheckRange("taste_share", options.taste_share, 0, 1);
  CheckRange("user_feature_share", options.user_feature_share, 0, 1);
  CheckRange("item_feature_share", options.item_feature_share, 0, 1);
  CheckRange("zipf_exponent", options.zipf_exponent, 0, 3);
  const double sum = options.bias_share + options.quality_share + options.taste_share;
  CheckRange("bias_share + quality_share + taste_share", sum, 0, 1 + 1e-9);
}

std::string UserId(int64_t user) { return fmt::format("u{}", user); }
std::string ItemId(int64_t item) { return fmt::format("i{}", item); }

/// The number in an id of UserId (prefix 'u') or ItemId (prefix 'i'). Throws DataError for any
/// other text, and for a number outside [0, count).
int64_t NumberOf(const std::string& id, char prefix, int64_t count) {
  int64_t number = -1;
  const bool parsed =
      !id.empty() && id[0] == prefix && ParseInt64(std::string_view(id).substr(1), &number);
  if (!parsed || number < 0 || number >= count) {
    throw DataError("'{}' is no {} of this simulation of {}", id, prefix == 'u' ? "user" : "item",
                    count);
  }
  return number;
}

class SynthSource : public EventSource {
 public:
  explicit SynthSource(const SynthOptions& options) : options_(options), world_(options) {}

  SourceTraits traits() const override {
    SourceTraits traits;
    traits.format = "synth";
    traits.time = TimeMeaning::kSeconds;
    return traits;
  }

  void ReadEvents(EventSink* sink) override {
    for (int64_t number = 0; number < options_.users; ++number) {
      const std::string user_id = UserId(number);
      for (const SynthEvent& simulated : world_.History(number)) {
        const std::string item_id = ItemId(simulated.item);
        RawEvent event;
        event.user = user_id;
        event.item = item_id;
        event.time = simulated.time;
        event.label = simulated.label;
        sink->Add(event, {"simulation", number + 1});
      }
    }
  }

  void ReadFeatures(EntityBuilder* users, EntityBuilder* items) override {
    users->BeginFile("");
    const size_t age = users->Feature("age", FeatureKind::kCategory);
    const size_t gender = users->Feature("gender", FeatureKind::kCategory);
    const size_t occupation = users->Feature("occupation", FeatureKind::kCategory);
    for (int64_t number = 0; number < options_.users; ++number) {
      const int64_t user = users->Define(UserId(number), "user", {});
      if (user < 0) continue;
      const SynthUser simulated = world_.User(number);
      users->AddCategory(age, user, SynthWorld::kAges[simulated.age]);
      users->AddCategory(gender, user, SynthWorld::kGenders[simulated.gender]);
      users->AddCategory(occupation, user, SynthWorld::kOccupations[simulated.occupation]);
    }
    items->BeginFile("");
    const size_t year = items->Feature("year", FeatureKind::kCategory);
    const size_t decade = items->Feature("decade", FeatureKind::kCategory);
    const size_t genre = items->Feature("genre", FeatureKind::kCategories);
    for (int64_t number = 0; number < options_.items; ++number) {
      const int64_t item = items->Define(ItemId(number), "item", {});
      if (item < 0) continue;
      const SynthItem& simulated = world_.Item(number);
      const std::string year_text = std::to_string(simulated.year);
      items->AddCategory(year, item, year_text);
      items->AddCategory(decade, item, year_text.substr(0, 3) + "0s");
      for (const size_t g : simulated.genres) {
        items->AddCategory(genre, item, SynthWorld::kGenres[g]);
      }
      items->SetTitle(item, fmt::format("{} No. {} ({})", SynthWorld::kGenres[simulated.genres[0]],
                                        number, year_text));
    }
  }

  void OnShardWritten(Part part, const ShardContent& content, const EntityTable& users,
                      const EntityTable& items) override {
    Score& score = scores_[NameOf(part)];
    for (size_t t = 0; t < content.task_ids.size(); ++t) {
      const SynthUser user =
          world_.User(NumberOf(users.ids[content.task_ids[t]], 'u', options_.users));
      double squares = 0, absolutes = 0;
      const int64_t begin = content.offsets[t], end = content.offsets[t + 1];
      for (int64_t i = begin; i < end; ++i) {
        const int64_t item = NumberOf(items.ids[content.items[i]], 'i', options_.items);
        const double error = content.labels[i] - world_.ExpectedLabel(user, item);
        squares += error * error;
        absolutes += std::abs(error);
      }
      const auto count = static_cast<double>(end - begin);
      score.rmse_sum += std::sqrt(squares / count);
      score.mae_sum += absolutes / count;
      ++score.tasks;
    }
  }

  std::map<std::string, double> Facts() const override {
    std::map<std::string, double> facts;
    for (const auto& [part, score] : scores_) {
      const auto tasks = static_cast<double>(score.tasks);
      facts["truth_rmse/" + part] = score.rmse_sum / tasks;
      facts["truth_mae/" + part] = score.mae_sum / tasks;
    }
    return facts;
  }

 private:
  struct Score {
    double rmse_sum = 0, mae_sum = 0;
    int64_t tasks = 0;
  };

  SynthOptions options_;
  SynthWorld world_;
  std::map<std::string, Score> scores_;  // by part name
};

nlohmann::json ToJson(const SynthOptions& options) {
  return {{"users", options.users},
          {"items", options.items},
          {"events_per_user", options.events_per_user},
          {"seed", options.seed},
          {"latent_size", options.latent_size},
          {"bias_share", options.bias_share},
          {"quality_share", options.quality_share},
          {"taste_share", options.taste_share},
          {"user_feature_share", options.user_feature_share},
          {"item_feature_share", options.item_feature_share},
          {"zipf_exponent", options.zipf_exponent},
          {"real_labels", options.real_labels}};
}

SynthOptions FromJson(const nlohmann::json& json) {
  SynthOptions options;
  json.at("users").get_to(options.users);
  json.at("items").get_to(options.items);
  json.at("events_per_user").get_to(options.events_per_user);
  json.at("seed").get_to(options.seed);
  json.at("latent_size").get_to(options.latent_size);
  json.at("bias_share").get_to(options.bias_share);
  json.at("quality_share").get_to(options.quality_share);
  json.at("taste_share").get_to(options.taste_share);
  json.at("user_feature_share").get_to(options.user_feature_share);
  json.at("item_feature_share").get_to(options.item_feature_share);
  json.at("zipf_exponent").get_to(options.zipf_exponent);
  json.at("real_labels").get_to(options.real_labels);
  return options;
}

}  // namespace

ConvertReport Synthesize(const SynthOptions& options) {
  CheckOptions(options);
  SynthSource source(options);
  PipelineOptions pipeline;
  pipeline.output = options.output;
  pipeline.overwrite = options.overwrite;
  pipeline.name = "synth";
  pipeline.tasks_per_shard = options.tasks_per_shard;
  pipeline.split = options.split;
  pipeline.source_json = nlohmann::json{{"importer", "synth"}, {"options", ToJson(options)}}.dump();
  BadRows bad_rows(BadRowRule::kRefuse, 0);
  return RunPipeline(pipeline, &source, &bad_rows);
}

struct SynthTruth::State {
  SynthOptions options;
  SynthWorld world;
};

SynthTruth::SynthTruth(const SynthOptions& options) {
  CheckOptions(options);
  state_ = std::make_unique<State>(State{options, SynthWorld(options)});
}
SynthTruth::~SynthTruth() = default;
SynthTruth::SynthTruth(SynthTruth&&) noexcept = default;

double SynthTruth::ExpectedLabel(const std::string& user_id, const std::string& item_id) const {
  const SynthOptions& options = state_->options;
  const SynthUser user = state_->world.User(NumberOf(user_id, 'u', options.users));
  return state_->world.ExpectedLabel(user, NumberOf(item_id, 'i', options.items));
}

std::optional<SynthOptions> SynthOptionsOf(const DatasetManifest& manifest) {
  if (manifest.source.empty()) return std::nullopt;
  nlohmann::json source = nlohmann::json::parse(manifest.source);
  while (source.contains("before")) {  // SplitDataset wraps the source of its input
    nlohmann::json before = std::move(source["before"]);
    source = std::move(before);
  }
  if (source.value("importer", "") != "synth") return std::nullopt;
  return FromJson(source.at("options"));
}

}  // namespace hearth
