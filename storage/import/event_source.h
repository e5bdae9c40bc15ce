#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/import/bad_rows.h"
#include "storage/import/entity_builder.h"
#include "storage/import/event_weights.h"
#include "storage/shard/feature_table.h"
#include "storage/shard/part.h"
#include "storage/shard/shard_file.h"

namespace hearth {

/// The meaning of the times of a log.
enum class TimeMeaning : uint8_t {
  kNone,      ///< no times: the order of the rows is the order of the events
  kSeconds,   ///< seconds since 1970
  kPosition,  ///< position in the user's sequence; not comparable between users
};

struct SourceTraits {
  std::string format;  ///< for people, e.g. "movielens (ratings.dat)"
  TimeMeaning time = TimeMeaning::kNone;
  bool has_roles = false;            ///< every event has a role, support or query
  bool has_parts = false;            ///< every event has a part
  bool has_validation_part = false;  ///< has_parts, and some events belong to validation
  std::vector<std::string> inputs;   ///< every file that will be read
  /// has_parts: the source gives the split of an event; its scenario follows from the users and
  /// items of training.
  bool scenarios_follow = false;
  /// Every event is positive: its label is 1 or a strength > 0, and no label says "disliked".
  bool positive_events = false;
  bool has_subjects = false;  ///< every event has RawEvent::subject
};

/// One row of a raw log. The texts are valid during the call of EventSink::Add alone.
struct RawEvent {
  std::string_view user, item;  ///< original ids, not empty
  /// The id of the acting user if `user` holds the value of a task column; else empty. Events of
  /// different subjects are no duplicates.
  std::string_view subject;
  /// Small numbers of user and item: events with equal codes have equal ids. kNoCode: none.
  static constexpr uint32_t kNoCode = 0xFFFF'FFFF;
  uint32_t user_code = kNoCode, item_code = kNoCode;
  float label = 1;          ///< NaN: missing
  int64_t time = 0;         ///< SourceTraits::time says its meaning
  int32_t nanoseconds = 0;  ///< behind `time`, if that is seconds: orders events of one second
  EventRole role = EventRole::kAny;
  Part part;  ///< used if SourceTraits::has_parts
};

class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void Add(const RawEvent& event, const RowPlace& place) = 0;
};

/// A raw log of some format. Methods are called in the order of their declaration: OnShardWritten
/// once per shard, the others once. A row that cannot be used goes to the BadRows object that the
/// source was made with.
class EventSource {
 public:
  virtual ~EventSource() = default;
  virtual SourceTraits traits() const = 0;
  /// Gives every event to `sink`, in file order.
  virtual void ReadEvents(EventSink* sink) = 0;
  /// The lines that quotes joined to the line before them, so far.
  virtual int64_t joined_lines() const { return 0; }
  /// The types of events and the numbers of their rows so far; empty: the log has no types.
  virtual std::vector<EventType> event_types() const { return {}; }
  /// The rows so far that the source has left out on purpose. Bad rows are not among them.
  virtual int64_t left_out_rows() const { return 0; }
  /// Fills titles and features of the entities that have events.
  virtual void ReadFeatures(EntityBuilder* users, EntityBuilder* items) = 0;
  /// For people: the form and the use of the columns, as far as the source has guessed them.
  virtual std::vector<std::string> notes() const { return {}; }

  /// Called with each shard just written. A simulation compares its labels with the truth here.
  virtual void OnShardWritten(Part, const ShardContent&, const EntityTable& /*users*/,
                              const EntityTable& /*items*/) {}
  /// Facts for the manifest, after the last shard.
  virtual std::map<std::string, double> Facts() const { return {}; }
};

}  // namespace hearth
