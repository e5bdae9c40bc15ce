#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

namespace hearth {

/// metrics.jsonl: one JSON object per line, appended and flushed, so that a reader never sees half
/// a line of a finished write. Every object has "event" and, where it makes sense, "step". A
/// resumed run appends; lines of steps after the step of its "resume" line are repeated by it.
/// Numbers that are not finite are written as null.
class MetricsLog {
 public:
  /// Opens for appending. Throws StorageError naming the path.
  explicit MetricsLog(const std::string& path);

  /// Throws StorageError when the line cannot be written whole.
  void Write(const nlohmann::ordered_json& object);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace hearth
