#include "launch/config/yaml_reader.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "common/text.h"
#include "common/utf8.h"
#include "storage/file/file_descriptor.h"

namespace hearth {
namespace {

constexpr int64_t kMaxFileBytes = int64_t{1} << 20;
constexpr size_t kMaxDepth = 8;

/// A text, split into lines. It makes places that carry their line.
class LinedText {
 public:
  LinedText(std::string_view text, std::string source, std::string folder)
      : source_(std::move(source)), folder_(std::move(folder)) {
    for (std::string_view line : SplitText(text, "\n")) {
      if (line.ends_with('\r')) line.remove_suffix(1);
      lines_.push_back(line);
    }
  }

  /// `line` and `column` count from 1.
  Place At(int64_t line, int64_t column) const {
    std::string text;
    if (line >= 1 && line <= std::ssize(lines_)) text = lines_[line - 1];
    return {source_, line, column, text, folder_};
  }
  Place At(const YAML::Mark& mark) const {
    if (mark.is_null()) return Whole();
    return At(mark.line + 1, mark.column + 1);
  }
  Place Whole() const { return {source_, 0, 0, "", folder_}; }
  const std::vector<std::string_view>& lines() const { return lines_; }

 private:
  std::string source_, folder_;
  std::vector<std::string_view> lines_;
};

/// True if the quoted text at the start of `line` ends on the same line.
bool IsClosedQuote(std::string_view line) {
  if (line.empty()) return false;
  const char quote = line[0];
  for (size_t i = 1; i < line.size(); ++i) {
    const bool escape = quote == '"' ? line[i] == '\\' : line.substr(i, 2) == "''";
    if (escape) {
      ++i;
    } else if (line[i] == quote) {
      return true;
    }
  }
  return false;
}

/// Refuses bytes that yaml-cpp would accept or report badly.
void CheckBytes(std::string_view text, const LinedText& lined) {
  if (text.starts_with("\xEF\xBB\xBF")) {
    ThrowConfigError(lined.At(1, 1), "the file starts with a byte order mark",
                     "save it as UTF-8 without byte order mark");
  }
  int64_t number = 0;
  for (const std::string_view line : lined.lines()) {
    ++number;
    if (const size_t bad = FirstInvalidUtf8(line); bad != std::string_view::npos) {
      Place place = lined.At(number, bad + 1);
      place.text = place.text.substr(0, bad) + "?";
      ThrowConfigError(place,
                       fmt::format("byte 0x{:02x} is not UTF-8", static_cast<uint8_t>(line[bad])),
                       "save the file as UTF-8");
    }
    for (size_t column = 0; column < line.size(); ++column) {
      const auto c = static_cast<uint8_t>(line[column]);
      if (c == '\t' && line.substr(0, column).find('#') == std::string_view::npos) {
        ThrowConfigError(lined.At(number, column + 1), "tab character",
                         "indent and separate with spaces");
      }
      if ((c < 0x20 && c != '\t') || c == 0x7F) {
        Place place = lined.At(number, column + 1);
        place.text = place.text.substr(0, column) + "?";
        ThrowConfigError(place, fmt::format("control character 0x{:02x}", c), "remove it");
      }
    }
  }
}

/// Flattens yaml-cpp's events into settings.
class SettingCollector : public YAML::EventHandler {
 public:
  explicit SettingCollector(const LinedText* text) : text_(text) {}

  std::vector<Setting> Take() { return std::move(settings_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++document_count_ > 1) {
      ThrowConfigError(text_->At(mark), "a second document ('---') in the same file",
                       "split the file and give each part with -c");
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    RefuseAnchor(mark, anchor);
    OnValue({RawValue::Kind::kEmpty, "", false, {}, text_->At(mark)});
  }

  // No alias comes this far: its anchor was refused before, and the parser refuses an alias without
  // an anchor.
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    HEARTH_CHECK(false, "an alias in line {}", mark.line + 1);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    RefuseAnchor(mark, anchor);
    RefuseTag(mark, tag);
    const bool quoted = tag == "!";
    RequireOneLine(mark, quoted, value);
    if (AtKey()) return OnKey(mark, value);
    if (!quoted && (value == "null" || value == "Null" || value == "NULL" || value == "~")) {
      return OnValue({RawValue::Kind::kEmpty, "", false, {}, text_->At(mark)});
    }
    OnValue({RawValue::Kind::kScalar, value, quoted, {}, text_->At(mark)});
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    RefuseAnchor(mark, anchor);
    RefuseTag(mark, tag);
    if (in_list_) ThrowConfigError(text_->At(mark), "a list inside a list");
    RefuseAsKey(mark);
    if (levels_.empty()) RefuseTop(mark, "a list");
    in_list_ = true;
    list_ = {RawValue::Kind::kList, "", false, {}, text_->At(mark)};
  }

  void OnSequenceEnd() override {
    in_list_ = false;
    OnValue(std::move(list_));
  }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    RefuseAnchor(mark, anchor);
    RefuseTag(mark, tag);
    if (in_list_) ThrowConfigError(text_->At(mark), "a map inside a list (is a ']' missing?)");
    RefuseAsKey(mark);
    if (levels_.size() >= kMaxDepth) {
      ThrowConfigError(text_->At(mark), fmt::format("more than {} levels", kMaxDepth));
    }
    std::string prefix;
    if (!levels_.empty()) {
      prefix = levels_.back().key + ".";
      OnValue({RawValue::Kind::kSection, "", false, {}, text_->At(mark)});
    }
    levels_.push_back({prefix, "", {}, false});
  }

  void OnMapEnd() override { levels_.pop_back(); }

 private:
  struct Level {
    std::string prefix;  ///< "meta." inside section meta
    std::string key;     ///< dotted path of the key being read
    Place key_place;
    bool has_key = false;  ///< the key is read and its value comes next
  };

  bool AtKey() const { return !in_list_ && !levels_.empty() && !levels_.back().has_key; }

  void OnKey(const YAML::Mark& mark, const std::string& name) {
    if (name == "<<") {
      ThrowConfigError(text_->At(mark), "merge key: '<<' is not allowed here",
                       "write the settings out, or give several files with -c");
    }
    if (name.empty()) ThrowConfigError(text_->At(mark), "empty key");
    Level& level = levels_.back();
    level.key = level.prefix + name;
    level.key_place = text_->At(mark);
    level.has_key = true;
    const auto [first, added] = seen_.emplace(level.key, mark.line + 1);
    if (!added) {
      ThrowConfigError(level.key_place, fmt::format("duplicate key '{}'", level.key),
                       fmt::format("it is already set in line {}; keep one", first->second));
    }
  }

  void OnValue(RawValue value) {
    if (in_list_) {
      if (value.kind == RawValue::Kind::kEmpty) {
        ThrowConfigError(value.place, "empty list element");
      }
      list_.items.push_back(std::move(value));
      return;
    }
    if (levels_.empty()) {
      if (value.kind == RawValue::Kind::kEmpty) return;  // an empty file, or comments alone
      RefuseTop(value.place, "a single value");
    }
    Level& level = levels_.back();
    if (!level.has_key) ThrowConfigError(value.place, "empty key");
    level.has_key = false;
    settings_.push_back({level.key, level.key_place, std::move(value)});
  }

  void RefuseAnchor(const YAML::Mark& mark, YAML::anchor_t anchor) const {
    if (anchor != 0) {
      ThrowConfigError(text_->At(mark), "anchor: anchors and aliases are not allowed here",
                       "write the value out");
    }
  }
  void RefuseTag(const YAML::Mark& mark, const std::string& tag) const {
    if (!tag.empty() && tag != "?" && tag != "!") {
      ThrowConfigError(text_->At(mark), fmt::format("tag '{}' is not allowed here", tag),
                       "remove it");
    }
  }
  /// Refuses a value over several lines. yaml-cpp closes a forgotten quote at the end of the file
  /// and joins lines of text; both would turn a slip into a value.
  void RequireOneLine(const YAML::Mark& mark, bool quoted, const std::string& value) const {
    const Place place = text_->At(mark);
    const std::string_view rest = std::string_view(place.text).substr(place.column - 1);
    if (!quoted) {
      if (!rest.starts_with(value)) {
        ThrowConfigError(place, "a value over several lines",
                         "write it on one line; is a ':' or an indentation missing below it?");
      }
      return;
    }
    if (rest.starts_with('|') || rest.starts_with('>')) {
      ThrowConfigError(place, "a block of text is not allowed here", "write the value on one line");
    }
    if (!IsClosedQuote(rest)) {
      ThrowConfigError(place, "the quote is not closed on this line", "add the closing quote");
    }
  }

  void RefuseAsKey(const YAML::Mark& mark) const {
    if (AtKey()) ThrowConfigError(text_->At(mark), "a key must be a plain name");
  }
  [[noreturn]] void RefuseTop(const YAML::Mark& mark, const char* what) const {
    RefuseTop(text_->At(mark), what);
  }
  [[noreturn]] void RefuseTop(const Place& place, const char* what) const {
    ThrowConfigError(place, fmt::format("expected sections with keys, found {}", what),
                     "write 'section:' and indented 'key: value' lines; "
                     "'hearth config show' prints a complete example");
  }

  const LinedText* text_;
  int document_count_ = 0;
  std::vector<Level> levels_;
  bool in_list_ = false;
  RawValue list_;
  std::map<std::string, int> seen_;  ///< dotted path -> line
  std::vector<Setting> settings_;
};

}  // namespace

std::vector<Setting> ParseConfigText(std::string_view text, const std::string& source,
                                     const std::string& folder) {
  const LinedText lined(text, source, folder);
  CheckBytes(text, lined);
  std::istringstream stream{std::string(text)};
  SettingCollector collector(&lined);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(collector)) {
    }
  } catch (const YAML::Exception& error) {
    ThrowConfigError(lined.At(error.mark), "not valid YAML: " + error.msg,
                     "check the indentation, and the ':' and quotes of this and the line above");
  }
  return collector.Take();
}

std::vector<Setting> ReadConfigFile(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    throw ConfigError("{}: no such configuration file; ready ones are in configs/", path);
  }
  constexpr std::string_view kAction = "open the configuration file";
  if (status.type() == fs::file_type::none) ThrowFileError(kAction, path, error.value());
  if (status.type() != fs::file_type::regular) {
    throw ConfigError("{}: not a regular file, so not a configuration", path);
  }
  if (const int64_t size_bytes = fs::file_size(path); size_bytes > kMaxFileBytes) {
    throw ConfigError(
        "{}: {} is more than the 1 MiB a configuration may have; is it the right file?", path,
        FormatBytes(size_bytes));
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream) ThrowFileError(kAction, path, errno);
  std::string text(kMaxFileBytes, '\0');
  stream.read(text.data(), std::ssize(text));
  text.resize(stream.gcount());
  const fs::path folder = fs::absolute(path).parent_path();
  return ParseConfigText(text, path, folder.string());
}

}  // namespace hearth
