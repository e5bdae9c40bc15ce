#include <algorithm>
#include <filesystem>
#include <utility>

#include "common/error.h"
#include "storage/import/column_header.h"
#include "storage/import/field_parser.h"
#include "storage/import/importers.h"
#include "storage/import/movielens_features.h"
#include "storage/import/record_reader.h"

namespace hearth {
namespace {

/// The layout of a ratings file. Its fields are user, item, rating and, if has_time, the time.
struct Edition {
  std::string_view ratings;
  std::string_view separator;
  bool csv;  // true: the file has quotes and a header line
  bool has_time;
};

constexpr Edition kEditions[] = {
    {"u.data", "\t", false, true},
    {"ratings.dat", "::", false, true},
    {"ratings_no_timestamp.dat", "::", false, false},
    {"ratings.csv", ",", true, true},
};
constexpr std::string_view kCsvColumns[] = {"userId", "movieId", "rating", "timestamp"};

class MovieLensSource : public EventSource {
 public:
  MovieLensSource(const std::string& folder, const Edition& edition, BadRows* bad_rows)
      : edition_(edition),
        ratings_((std::filesystem::path(folder) / edition.ratings).string()),
        features_(folder, bad_rows),
        bad_rows_(bad_rows) {}

  SourceTraits traits() const override {
    SourceTraits traits;
    traits.format = "movielens (" + std::string(edition_.ratings) + ")";
    traits.time = edition_.has_time ? TimeMeaning::kSeconds : TimeMeaning::kNone;
    traits.inputs = features_.files();
    traits.inputs.insert(traits.inputs.begin(), ratings_);
    return traits;
  }

  void ReadEvents(EventSink* sink) override {
    RecordReader records(ratings_, {std::string(edition_.separator), edition_.csv}, bad_rows_);
    if (edition_.csv) CheckHeader(&records);
    while (records.Next()) {
      if (!records.Require(edition_.has_time ? 4 : 3)) continue;
      const auto& fields = records.fields();
      const RowPlace place = records.place();
      RawEvent event;
      if (ParseId(fields[0], "user", place, bad_rows_, &event.user) &&
          ParseId(fields[1], "item", place, bad_rows_, &event.item) &&
          ParseLabel(fields[2], "rating", place, bad_rows_, &event.label) &&
          (!edition_.has_time || ParseTime(fields[3], TimeUnit::kSeconds, "timestamp", place,
                                           bad_rows_, &event.time, &event.nanoseconds))) {
        sink->Add(event, place);
      }
    }
  }

  void ReadFeatures(EntityBuilder* users, EntityBuilder* items) override {
    features_.Read(users, items);
  }

 private:
  void CheckHeader(RecordReader* records) const {
    if (!records->Next() || !std::equal(records->fields().begin(), records->fields().end(),
                                        std::begin(kCsvColumns), std::end(kCsvColumns))) {
      throw DataError(
          "{}:1: the header must be userId,movieId,rating,timestamp; for other columns "
          "use --format csv",
          ratings_);
    }
  }

  Edition edition_;
  std::string ratings_;
  MovieLensFeatures features_;
  BadRows* bad_rows_;
};

/// RecBole's edition of MovieLens. The events come from its .inter file, the features have the same
/// names as in the other editions.
class AtomicMovieLensSource : public EventSource {
 public:
  AtomicMovieLensSource(const std::string& folder, BadRows* bad_rows)
      : events_(MakeRecBoleSource(folder, {}, bad_rows)), features_(folder, bad_rows) {}

  SourceTraits traits() const override {
    SourceTraits traits = events_->traits();
    traits.format = "movielens, " + traits.format;
    return traits;
  }
  void ReadEvents(EventSink* sink) override { events_->ReadEvents(sink); }
  void ReadFeatures(EntityBuilder* users, EntityBuilder* items) override {
    features_.Read(users, items);
  }
  std::vector<std::string> notes() const override { return events_->notes(); }

 private:
  std::unique_ptr<EventSource> events_;
  MovieLensFeatures features_;
};

}  // namespace

std::unique_ptr<EventSource> MakeMovieLensSource(const std::string& folder, BadRows* bad_rows) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(folder)) {
    throw DataError("{} is not a folder; format movielens reads the folder of an edition", folder);
  }
  for (const Edition& edition : kEditions) {
    if (fs::exists(fs::path(folder) / edition.ratings)) {
      return std::make_unique<MovieLensSource>(folder, edition, bad_rows);
    }
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".inter") {
      return std::make_unique<AtomicMovieLensSource>(folder, bad_rows);
    }
  }
  throw DataError(
      "{} holds no MovieLens ratings: looked for u.data, ratings.dat, "
      "ratings_no_timestamp.dat, ratings.csv and *.inter",
      folder);
}

}  // namespace hearth
