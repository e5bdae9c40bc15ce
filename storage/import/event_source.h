#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/import/bad_rows.h"
#include "storage/import/entity_builder.h"
#include "storage/shard/feature_table.h"
#include "storage/shard/part.h"
#include "storage/shard/shard_file.h"

namespace hearth {

/// What the times of a log mean.
enum class TimeMeaning : uint8_t {
  kNone,      ///< no times: the order of the rows is the order of the events
  kSeconds,   ///< seconds since 1970
  kPosition,  ///< position inside the user's sequence; users cannot be compared by it
};

struct SourceTraits {
  std::string format;  ///< for people, e.g. "movielens (ratings.dat)"
  TimeMeaning time = TimeMeaning::kNone;
  bool has_roles = false;            ///< events say support or query
  bool has_parts = false;            ///< events say their part
  bool has_validation_part = false;  ///< ... and some are validation events
  std::vector<std::string> inputs;   ///< every file that will be read
};

/// One row of a raw log. The texts are valid during EventSink::Add alone.
struct RawEvent {
  std::string_view user, item;  ///< original ids, not empty
  /// Who did it, where `user` holds a task column's value; else empty. Tells duplicates apart.
  std::string_view subject;
  float label = 1;   ///< NaN: missing
  int64_t time = 0;  ///< by SourceTraits::time
  EventRole role = EventRole::kAny;
  Part part;  ///< with SourceTraits::has_parts
};

class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void Add(const RawEvent& event, const RowPlace& place) = 0;
};

/// A raw log of some format. Methods are called in the order they are declared, each once.
/// Rows that cannot be used go to the BadRows the source was made with.
class EventSource {
 public:
  virtual ~EventSource() = default;
  virtual SourceTraits traits() const = 0;
  /// Pushes every event, in file order.
  virtual void ReadEvents(EventSink* sink) = 0;
  /// Fills titles and features of the entities that have events.
  virtual void ReadFeatures(EntityBuilder* users, EntityBuilder* items) = 0;

  /// Shows a finished shard to a source that knows the truth of its events.
  virtual void SeeShard(Part, const ShardContent&, const EntityTable& /*users*/,
                        const EntityTable& /*items*/) {}
  /// Facts for the manifest, after all shards were seen.
  virtual std::map<std::string, double> Facts() const { return {}; }
};

}  // namespace hearth
