#include "storage/import/json_lists.h"

#include <fstream>
#include <unordered_set>

#include <nlohmann/json.hpp>

#include "common/error.h"

namespace hearth {
namespace {

class ListHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit ListHandler(const std::string& path) : path_(path) {}

  std::vector<JsonList> Take() { return std::move(lists_); }

  bool null() override { return Refuse("null"); }
  bool boolean(bool) override { return Refuse("a boolean"); }
  bool number_integer(number_integer_t value) override { return Add(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return Add(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& text) override { return Add(text); }
  bool string(string_t& value) override { return Add(value); }
  bool binary(binary_t&) override { return Refuse("binary data"); }
  bool start_object(std::size_t) override { return depth_++ == 0 || Refuse("a nested object"); }
  bool end_object() override { return true; }
  bool end_array() override {
    in_list_ = false;
    return true;
  }

  bool start_array(std::size_t) override {
    if (depth_ == 0 || in_list_) return Refuse("a list");
    in_list_ = true;
    return true;
  }

  bool key(string_t& value) override {
    if (!ids_.insert(value).second) throw DataError("{}: id '{}' occurs twice", path_, value);
    lists_.push_back({value, {}});
    return true;
  }

  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& error) override {
    throw DataError("{} is not valid JSON: {}", path_, error.what());
  }

 private:
  bool Add(std::string value) {
    if (!in_list_) return Refuse("'" + value + "'");
    lists_.back().values.push_back(std::move(value));
    return true;
  }

  bool Refuse(const std::string& found) const {
    std::string place = "at the start";
    if (!lists_.empty()) place = "at id '" + lists_.back().id + "'";
    throw DataError("{}: found {} {}; an object of lists {{\"id\": [value, ...]}} is expected",
                    path_, found, place);
  }

  const std::string& path_;
  std::vector<JsonList> lists_;
  std::unordered_set<std::string> ids_;
  int depth_ = 0;
  bool in_list_ = false;
};

}  // namespace

std::vector<JsonList> ReadJsonLists(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw DataError("cannot read {}", path);
  ListHandler handler(path);
  nlohmann::json::sax_parse(stream, &handler);
  return handler.Take();
}

}  // namespace hearth
