#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

namespace hearth {

/// Writes metrics.jsonl: one JSON object per line. Each line is appended and flushed, so that a
/// reader sees a finished line whole. Every object has "event", and most have "step". A resumed run
/// appends to the file and repeats the steps after the step of its "resume" line. Numbers that are
/// not finite become null.
class MetricsLog {
 public:
  /// Opens the file for appending. Throws StorageError, which names the path.
  explicit MetricsLog(const std::string& path);

  /// Writes one line. Throws StorageError if the whole line cannot be written.
  void Write(const nlohmann::ordered_json& object);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace hearth
