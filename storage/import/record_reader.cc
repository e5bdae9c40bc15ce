#include "storage/import/record_reader.h"

#include <utility>

#include <fmt/format.h>

#include "common/error.h"

namespace hearth {
namespace {

void SplitInto(std::string_view text, std::string_view separator,
               std::vector<std::string_view>* fields) {
  fields->clear();
  while (true) {
    const size_t end = text.find(separator);
    fields->push_back(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + separator.size());
  }
}

/// True if `text` ends inside a quoted field, that is, if it has an odd number of quotes.
bool EndsInQuotes(std::string_view text) {
  bool inside = false;
  for (const char c : text) inside ^= c == '"';
  return inside;
}

}  // namespace

RecordReader::RecordReader(const std::string& path, RecordFormat format, BadRows* bad_rows)
    : lines_(path), format_(std::move(format)), bad_rows_(bad_rows) {
  HEARTH_CHECK(!format_.separator.empty());
}

bool RecordReader::Next() {
  while (lines_.Next()) {
    first_line_ = lines_.line_number();
    const std::string_view line = lines_.line();
    if (lines_.fault() == LineReader::Fault::kTooLong) {
      bad_rows_->Reject(place(), "", line, "the line is longer than 1 MiB");
    } else if (lines_.fault() == LineReader::Fault::kNulByte) {
      bad_rows_->Reject(place(), "", line, "the line holds a NUL byte");
    } else if (line.empty()) {
      continue;
    } else if (format_.quotes && line.find('"') != std::string_view::npos) {
      if (ParseQuoted()) return true;
    } else {
      SplitInto(line, format_.separator, &fields_);
      return true;
    }
  }
  return false;
}

bool RecordReader::ParseQuoted() {
  record_ = lines_.line();
  while (EndsInQuotes(record_)) {
    if (record_.size() > LineReader::kMaxLineBytes || !lines_.Next()) {
      bad_rows_->Reject(place(), "", record_, "a quote is opened and never closed");
      return false;
    }
    record_ += '\n';
    record_ += lines_.line();
  }
  fields_.clear();
  unquoted_.clear();
  std::string_view rest = record_;
  while (true) {
    if (!rest.starts_with('"')) {
      const size_t end = rest.find(format_.separator);
      fields_.push_back(rest.substr(0, end));
      if (end == std::string_view::npos) return true;
      rest.remove_prefix(end + format_.separator.size());
      continue;
    }
    std::string& field = unquoted_.emplace_back();
    rest.remove_prefix(1);
    while (true) {
      const size_t quote = rest.find('"');
      if (quote == std::string_view::npos) {
        bad_rows_->Reject(place(), "", record_, "a quote is opened and never closed");
        return false;
      }
      field += rest.substr(0, quote);
      rest.remove_prefix(quote + 1);
      if (!rest.starts_with('"')) break;
      field += '"';
      rest.remove_prefix(1);
    }
    fields_.push_back(field);
    if (rest.empty()) return true;
    if (!rest.starts_with(format_.separator)) {
      bad_rows_->Reject(place(), "", rest, "text behind a closing quote");
      return false;
    }
    rest.remove_prefix(format_.separator.size());
  }
}

bool RecordReader::Require(size_t count) {
  if (fields_.size() >= count) return true;
  bad_rows_->Reject(place(), "", fields_[0],
                    fmt::format("{} fields separated by '{}', expected {}", fields_.size(),
                                format_.separator == "\t" ? "\\t" : format_.separator, count));
  return false;
}

}  // namespace hearth
