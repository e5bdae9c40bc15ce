#pragma once

#include <cstdint>
#include <string_view>

/// Names of docs/shard-format.md. Both the writers and the readers use them.
namespace hearth::shard_format {

inline constexpr int64_t kVersion = 1;

// Attributes of the root group.
inline constexpr char kKind[] = "kind";  // "shard" or "entities"
inline constexpr char kFormatVersion[] = "format_version";
inline constexpr char kTaskBy[] = "task_by";
inline constexpr char kPart[] = "part";
inline constexpr char kTaskCount[] = "task_count";
inline constexpr char kEventCount[] = "event_count";
inline constexpr char kEntityCount[] = "entity_count";
inline constexpr char kFeatureCount[] = "feature_count";
// Attributes of /features/<number>.
inline constexpr char kFeatureName[] = "name";
inline constexpr char kFeatureKind[] = "kind";
inline constexpr char kFeatureWidth[] = "width";

/// A column of a shard: its key in the manifest and its dataset in the file.
struct Column {
  const char* key;
  const char* dataset;
};
inline constexpr Column kTaskIds{"task_ids", "/tasks/id"};
inline constexpr Column kOffsets{"offsets", "/tasks/offsets"};
inline constexpr Column kItems{"items", "/events/item"};
inline constexpr Column kTimes{"times", "/events/time"};
inline constexpr Column kLabels{"labels", "/events/label"};
inline constexpr Column kRoles{"roles", "/events/role"};

}  // namespace hearth::shard_format
