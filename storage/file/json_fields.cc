#include "storage/file/json_fields.h"

#include <utility>
#include <vector>

#include "common/error.h"

namespace hearth {

using nlohmann::json;

json ParseJson(std::string_view text, int max_depth, const std::string& where) {
  using Event = json::parse_event_t;
  std::vector<std::set<std::string>> keys_of_open_objects;
  const auto check = [&](int depth, Event event, json& parsed) {
    if ((event == Event::object_start || event == Event::array_start) && depth >= max_depth) {
      throw DataError("{}: nested deeper than {} levels", where, max_depth);
    }
    if (event == Event::object_start) keys_of_open_objects.emplace_back();
    if (event == Event::object_end) keys_of_open_objects.pop_back();
    if (event == Event::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys_of_open_objects.back().insert(key).second) {
        throw DataError("{}: key '{}' is there twice", where, key);
      }
    }
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), check);
  } catch (const json::exception& error) {
    throw DataError("{}: no valid JSON: {}", where, error.what());
  }
}

JsonFields::JsonFields(const json& object, std::string where)
    : object_(object), where_(std::move(where)) {
  if (!object.is_object()) throw DataError("{}: expected a JSON object", where_);
}

const json& JsonFields::Get(const std::string& key) {
  const auto field = object_.find(key);
  if (field == object_.end()) throw DataError("{}: '{}' is missing", where_, key);
  taken_.insert(key);
  return *field;
}

void JsonFields::Refuse(const std::string& key, std::string_view expected) const {
  constexpr size_t kShownBytes = 80;
  const std::string value = object_.at(key).dump(-1, ' ', true, json::error_handler_t::replace);
  throw DataError("{}: '{}' is {}, expected {}", where_, key, value.substr(0, kShownBytes),
                  expected);
}

bool JsonFields::Bool(const std::string& key) {
  const json& value = Get(key);
  if (!value.is_boolean()) Refuse(key, "true or false");
  return value.get<bool>();
}

int64_t JsonFields::Int(const std::string& key, int64_t min, int64_t max) {
  const json& value = Get(key);
  const bool is_int64 =
      value.is_number_unsigned() ? value.get<uint64_t>() <= INT64_MAX : value.is_number_integer();
  if (!is_int64 || value.get<int64_t>() < min || value.get<int64_t>() > max) {
    Refuse(key, fmt::format("an integer in {}..{}", min, max));
  }
  return value.get<int64_t>();
}

double JsonFields::Number(const std::string& key) {
  const json& value = Get(key);
  if (!value.is_number()) Refuse(key, "a number");
  return value.get<double>();
}

const std::string& JsonFields::Text(const std::string& key) {
  const json& value = Get(key);
  if (!value.is_string()) Refuse(key, "a string");
  return value.get_ref<const std::string&>();
}

const std::string& JsonFields::Hex(const std::string& key, size_t digit_count) {
  const json& value = Get(key);
  const bool is_hex = value.is_string() &&
                      value.get_ref<const std::string&>().size() == digit_count &&
                      value.get_ref<const std::string&>().find_first_not_of("0123456789abcdef") ==
                          std::string::npos;
  if (!is_hex) Refuse(key, fmt::format("{} lower-case hex digits", digit_count));
  return value.get_ref<const std::string&>();
}

const json& JsonFields::Array(const std::string& key) {
  const json& value = Get(key);
  if (!value.is_array()) Refuse(key, "an array");
  return value;
}

const json& JsonFields::Object(const std::string& key) {
  const json& value = Get(key);
  if (!value.is_object()) Refuse(key, "an object");
  return value;
}

void JsonFields::Finish() const {
  for (const auto& field : object_.items()) {
    if (!taken_.contains(field.key())) Refuse(field.key(), "no such field in this format");
  }
}

}  // namespace hearth
