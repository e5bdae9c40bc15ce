#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace hearth {

/// Parses JSON that must be exactly one value: refuses syntax errors, duplicate keys, more than
/// `max_depth` levels and text after the value. Throws DataError naming `where`.
nlohmann::json ParseStrictJson(std::string_view text, int max_depth, const std::string& where);

/// Reads the fields of a JSON object one by one; every field must be asked for.
/// Each getter throws DataError naming `where` and the field if it is missing or of another type.
class StrictObject {
 public:
  StrictObject(const nlohmann::json& object, std::string where);

  int64_t Int(const std::string& key, int64_t min, int64_t max);
  double Number(const std::string& key);
  const std::string& String(const std::string& key);
  /// 64 lower-case hex digits.
  const std::string& Sha256(const std::string& key);
  const nlohmann::json& Array(const std::string& key);
  const nlohmann::json& Object(const std::string& key);
  bool IsNull(const std::string& key);

  /// Throws unless every field was read.
  void Finish() const;
  [[noreturn]] void Refuse(const std::string& key, std::string_view what) const;

 private:
  const nlohmann::json& Get(const std::string& key);

  const nlohmann::json& object_;
  std::string where_;
  std::set<std::string> read_;
};

/// Whether a text is 64 lower-case hex digits.
bool IsSha256(std::string_view text);

}  // namespace hearth
