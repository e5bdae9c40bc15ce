#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include <fmt/format.h>

#include "common/error.h"
#include "storage/import/column_header.h"
#include "storage/import/field_parser.h"
#include "storage/import/importers.h"
#include "storage/import/record_reader.h"

namespace hearth {
namespace {

struct Section {
  std::string_view file;
  Part part;
};

constexpr Section kSections[] = {
    {"training.tsv", kTrainPart},
    {"validation.tsv", {Split::kValidation, Scenario::kUserCold}},
    {"testing.tsv", {Split::kTest, Scenario::kUserCold}},
};
constexpr std::string_view kColumns[] = {"episode", "role", "user", "item", "label"};
const RecordFormat kFormat{.separator = "\t", .quotes = false};

class EpisodeSource : public EventSource {
 public:
  EpisodeSource(const std::string& folder, BadRows* bad_rows) : bad_rows_(bad_rows) {
    for (const Section& section : kSections) {
      files_.push_back(fmt::format("{}/{}", folder, section.file));
      if (!std::filesystem::exists(files_.back())) {
        throw DataError(
            "{} does not exist; format episodes needs training.tsv, validation.tsv and "
            "testing.tsv",
            files_.back());
      }
    }
  }

  SourceTraits traits() const override {
    SourceTraits traits;
    traits.format = "episodes";
    traits.has_roles = true;
    traits.has_parts = true;
    traits.has_validation_part = true;
    traits.inputs = files_;
    return traits;
  }

  void ReadEvents(EventSink* sink) override {
    for (size_t i = 0; i < files_.size(); ++i) ReadFile(files_[i], kSections[i].part, sink);
  }

  void ReadFeatures(EntityBuilder*, EntityBuilder*) override {}

 private:
  void ReadFile(const std::string& file, Part part, EventSink* sink) {
    RecordReader records(file, kFormat, bad_rows_);
    if (!records.Next() || !std::equal(records.fields().begin(), records.fields().end(),
                                       std::begin(kColumns), std::end(kColumns))) {
      throw DataError("{}:1: the header must be episode, role, user, item, label (tabs between)",
                      file);
    }
    while (records.Next()) {
      if (records.Require(std::size(kColumns))) ReadRow(records, file, part, sink);
    }
  }

  void ReadRow(const RecordReader& records, const std::string& file, Part part, EventSink* sink) {
    const auto& fields = records.fields();
    const RowPlace place = records.place();
    RawEvent event;
    event.part = part;
    std::string_view episode;
    if (!ParseId(fields[0], "episode", place, bad_rows_, &episode) ||
        !ParseId(fields[2], "user", place, bad_rows_, &event.user) ||
        !ParseId(fields[3], "item", place, bad_rows_, &event.item) ||
        !ParseLabel(fields[4], "label", place, bad_rows_, &event.label)) {
      return;
    }
    if (fields[1] != "support" && fields[1] != "query") {
      bad_rows_->Reject(place, "role", fields[1], "legal are support and query");
      return;
    }
    event.role = fields[1] == "support" ? EventRole::kSupport : EventRole::kQuery;
    const std::string name = fmt::format("{} of {}", episode, file);
    const auto [known, is_new] = episode_of_.emplace(event.user, name);
    if (!is_new && known->second != name) {
      bad_rows_->Reject(place, "user", event.user, "already has the episode " + known->second);
      return;
    }
    sink->Add(event, place);
  }

  BadRows* bad_rows_;
  std::vector<std::string> files_;
  std::unordered_map<std::string, std::string> episode_of_;  // by user
};

}  // namespace

std::unique_ptr<EventSource> MakeEpisodeSource(const std::string& folder, BadRows* bad_rows) {
  return std::make_unique<EpisodeSource>(folder, bad_rows);
}

}  // namespace hearth
