#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace hearth {

/// Parses a JSON text from a stranger: one value, no key twice in an object, at most `max_depth`
/// levels. Throws DataError; its message begins with `where`.
nlohmann::json ParseJson(std::string_view text, int max_depth, const std::string& where);

/// Takes the fields of a JSON object one by one. A missing field and a field of another type or
/// range throw DataError. Finish() throws DataError when a field was never taken. The messages
/// begin with `where`. The JSON object must outlive this object.
class JsonFields {
 public:
  JsonFields(const nlohmann::json& object, std::string where);

  bool Bool(const std::string& key);
  int64_t Int(const std::string& key, int64_t min, int64_t max);
  double Number(const std::string& key);
  const std::string& Text(const std::string& key);
  /// Exactly `digit_count` lower-case hex digits.
  const std::string& Hex(const std::string& key, size_t digit_count);
  const nlohmann::json& Array(const std::string& key);
  const nlohmann::json& Object(const std::string& key);

  void Finish() const;

 private:
  const nlohmann::json& Get(const std::string& key);
  [[noreturn]] void Refuse(const std::string& key, std::string_view expected) const;

  const nlohmann::json& object_;
  std::string where_;
  std::set<std::string> taken_;
};

}  // namespace hearth
