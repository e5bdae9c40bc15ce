#include <filesystem>

#include "common/error.h"
#include "storage/import/importers.h"
#include "storage/import/json_lists.h"
#include "storage/import/line_reader.h"

namespace hearth {
namespace {

/// Removes the next word from the front of `line` and returns it; "" at the end of the line.
std::string_view TakeWord(std::string_view* line) {
  const size_t begin = line->find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  const size_t end = std::min(line->find_first_of(" \t", begin), line->size());
  const std::string_view word = line->substr(begin, end - begin);
  line->remove_prefix(end);
  return word;
}

class SequenceSource : public EventSource {
 public:
  SequenceSource(const std::string& path, BadRows* bad_rows)
      : file_(FindOnlyFile(path, ".txt", "sequences")), bad_rows_(bad_rows) {
    const std::string stem = std::filesystem::path(file_).replace_extension().string();
    if (std::filesystem::exists(stem + "_item2attributes.json")) {
      attributes_ = stem + "_item2attributes.json";
    }
  }

  SourceTraits traits() const override {
    SourceTraits traits;
    traits.format = "sequences (" + std::filesystem::path(file_).filename().string() + ")";
    traits.time = TimeMeaning::kPosition;
    traits.positive_events = true;
    traits.inputs = {file_};
    if (!attributes_.empty()) traits.inputs.push_back(attributes_);
    return traits;
  }

  void ReadEvents(EventSink* sink) override {
    LineReader lines(file_);
    while (lines.Next()) {
      const RowPlace place{file_, lines.line_number()};
      if (lines.fault() != LineReader::Fault::kNone) {
        const bool too_long = lines.fault() == LineReader::Fault::kTooLong;
        bad_rows_->Reject(place, "", lines.line(),
                          too_long ? "the line is longer than 1 MiB" : "the line holds a NUL byte");
        continue;
      }
      std::string_view rest = lines.line();
      RawEvent event;
      event.user = TakeWord(&rest);
      if (event.user.empty()) continue;
      event.item = TakeWord(&rest);
      if (event.item.empty()) bad_rows_->Reject(place, "user", event.user, "no items behind it");
      for (; !event.item.empty(); event.item = TakeWord(&rest)) {
        sink->Add(event, place);
        ++event.time;
      }
    }
  }

  void ReadFeatures(EntityBuilder*, EntityBuilder* items) override {
    if (attributes_.empty()) return;
    items->BeginFile(attributes_);
    const size_t attribute = items->Feature("attribute", FeatureKind::kCategories);
    for (const JsonList& item : ReadJsonLists(attributes_)) {
      const int64_t entity = items->Define(item.id, "item", {attributes_, 0});
      if (entity < 0) continue;
      for (const std::string& value : item.values) items->AddCategory(attribute, entity, value);
    }
    items->EndFile();
  }

 private:
  std::string file_, attributes_;
  BadRows* bad_rows_;
};

}  // namespace

std::unique_ptr<EventSource> MakeSequenceSource(const std::string& path, BadRows* bad_rows) {
  return std::make_unique<SequenceSource>(path, bad_rows);
}

}  // namespace hearth
