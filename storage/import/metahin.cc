#include <filesystem>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "common/error.h"
#include "storage/import/field_parser.h"
#include "storage/import/importers.h"
#include "storage/import/json_lists.h"
#include "storage/import/movielens_features.h"

namespace hearth {
namespace {

struct Section {
  std::string_view name;
  Part part;
};

constexpr Section kSections[] = {
    {"meta_training", {Split::kTrain, Scenario::kNonCold}},
    {"warm_up", {Split::kTest, Scenario::kNonCold}},
    {"user_cold_testing", {Split::kTest, Scenario::kUserCold}},
    {"item_cold_testing", {Split::kTest, Scenario::kItemCold}},
    {"user_and_item_cold_testing", {Split::kTest, Scenario::kBothCold}},
};

class MetaHinSource : public EventSource {
 public:
  MetaHinSource(const std::string& folder, const std::string& features, BadRows* bad_rows)
      : folder_(folder), bad_rows_(bad_rows) {
    for (const Section& section : kSections) {
      for (const std::string& path : {ItemsFile(section), LabelsFile(section)}) {
        if (!std::filesystem::exists(path)) {
          throw DataError(
              "{} does not exist; format metahin needs X.json and X_y.json for X = "
              "meta_training, warm_up, user_cold_testing, item_cold_testing, "
              "user_and_item_cold_testing",
              path);
        }
        inputs_.push_back(path);
      }
    }
    if (!features.empty()) {
      features_ = std::make_unique<MovieLensFeatures>(features, bad_rows);
      for (const std::string& path : features_->files()) inputs_.push_back(path);
    }
  }

  SourceTraits traits() const override {
    SourceTraits traits;
    traits.format = "metahin";
    traits.has_parts = true;
    traits.inputs = inputs_;
    return traits;
  }

  void ReadEvents(EventSink* sink) override {
    for (const Section& section : kSections) ReadSection(section, sink);
  }

  void ReadFeatures(EntityBuilder* users, EntityBuilder* items) override {
    if (features_ != nullptr) features_->Read(users, items);
  }

 private:
  std::string ItemsFile(const Section& section) const {
    return fmt::format("{}/{}.json", folder_, section.name);
  }
  std::string LabelsFile(const Section& section) const {
    return fmt::format("{}/{}_y.json", folder_, section.name);
  }

  void ReadSection(const Section& section, EventSink* sink) {
    const std::string items_file = ItemsFile(section), labels_file = LabelsFile(section);
    const std::vector<JsonList> users = ReadJsonLists(items_file);
    const std::vector<JsonList> labels = ReadJsonLists(labels_file);
    std::unordered_map<std::string_view, const JsonList*> labels_of;
    for (const JsonList& list : labels) labels_of[list.id] = &list;
    if (labels.size() != users.size()) {
      throw DataError("{} has {} users but {} has {}", items_file, users.size(), labels_file,
                      labels.size());
    }
    for (const JsonList& user : users) {
      const auto found = labels_of.find(user.id);
      if (found == labels_of.end()) {
        throw DataError("user '{}' of {} is missing in {}", user.id, items_file, labels_file);
      }
      ReadUser(section, items_file, user, *found->second, sink);
    }
  }

  void ReadUser(const Section& section, const std::string& file, const JsonList& user,
                const JsonList& labels, EventSink* sink) {
    const RowPlace place{file, 0};
    if (user.values.size() != labels.values.size()) {
      bad_rows_->Reject(
          place, "user", user.id,
          fmt::format("{} items but {} labels", user.values.size(), labels.values.size()));
      return;
    }
    RawEvent event;
    event.part = section.part;
    if (!ParseId(user.id, "user", place, bad_rows_, &event.user)) return;
    for (size_t i = 0; i < user.values.size(); ++i) {
      if (ParseId(user.values[i], "item", place, bad_rows_, &event.item) &&
          ParseLabel(labels.values[i], "label", place, bad_rows_, &event.label)) {
        sink->Add(event, place);
      }
    }
  }

  std::string folder_;
  BadRows* bad_rows_;
  std::vector<std::string> inputs_;
  std::unique_ptr<MovieLensFeatures> features_;
};

}  // namespace

std::unique_ptr<EventSource> MakeMetaHinSource(const std::string& folder,
                                               const std::string& features, BadRows* bad_rows) {
  return std::make_unique<MetaHinSource>(folder, features, bad_rows);
}

}  // namespace hearth
