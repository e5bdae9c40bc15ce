#include "storage/checkpoint/strict_json.h"

#include <utility>
#include <vector>

#include "common/error.h"

namespace hearth {

using nlohmann::json;

json ParseStrictJson(std::string_view text, int max_depth, const std::string& where) {
  std::vector<std::set<std::string>> open_objects;
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth >= max_depth &&
        (event == json::parse_event_t::object_start || event == json::parse_event_t::array_start)) {
      throw DataError("{}: more than {} levels of JSON", where, max_depth);
    }
    if (event == json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == json::parse_event_t::object_end) open_objects.pop_back();
    if (event == json::parse_event_t::key &&
        !open_objects.back().insert(parsed.get<std::string>()).second) {
      throw DataError("{}: duplicate key '{}'", where, parsed.get<std::string>());
    }
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), check);
  } catch (const json::exception& error) {
    throw DataError("{}: not valid JSON: {}", where, error.what());
  }
}

StrictObject::StrictObject(const json& object, std::string where)
    : object_(object), where_(std::move(where)) {
  if (!object_.is_object()) throw DataError("{}: must be a JSON object", where_);
}

void StrictObject::Refuse(const std::string& key, std::string_view what) const {
  const std::string value =
      object_.contains(key)
          ? object_.at(key).dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 80)
          : "missing";
  throw DataError("{}: '{}' {}, found {}", where_, key, what, value);
}

const json& StrictObject::Get(const std::string& key) {
  const auto found = object_.find(key);
  if (found == object_.end()) Refuse(key, "is required");
  read_.insert(key);
  return *found;
}

int64_t StrictObject::Int(const std::string& key, int64_t min, int64_t max) {
  const json& value = Get(key);
  const bool fits =
      value.is_number_unsigned() ? value.get<uint64_t>() <= INT64_MAX : value.is_number_integer();
  if (!fits || value.get<int64_t>() < min || value.get<int64_t>() > max) {
    Refuse(key, fmt::format("must be an integer in {}..{}", min, max));
  }
  return value.get<int64_t>();
}

double StrictObject::Number(const std::string& key) {
  const json& value = Get(key);
  if (!value.is_number()) Refuse(key, "must be a number");
  return value.get<double>();
}

const std::string& StrictObject::String(const std::string& key) {
  const json& value = Get(key);
  if (!value.is_string()) Refuse(key, "must be a string");
  return value.get_ref<const std::string&>();
}

const std::string& StrictObject::Sha256(const std::string& key) {
  const std::string& value = String(key);
  if (!IsSha256(value)) Refuse(key, "must be a SHA-256 (64 lower-case hex digits)");
  return value;
}

const json& StrictObject::Array(const std::string& key) {
  const json& value = Get(key);
  if (!value.is_array()) Refuse(key, "must be an array");
  return value;
}

const json& StrictObject::Object(const std::string& key) {
  const json& value = Get(key);
  if (!value.is_object()) Refuse(key, "must be an object");
  return value;
}

bool StrictObject::IsNull(const std::string& key) { return Get(key).is_null(); }

void StrictObject::Finish() const {
  for (const auto& [key, value] : object_.items()) {
    if (!read_.contains(key)) Refuse(key, "is not a known field");
  }
}

bool IsSha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace hearth
