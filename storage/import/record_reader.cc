#include "storage/import/record_reader.h"

#include <algorithm>
#include <iterator>
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

size_t FieldCount(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> fields;
  SplitInto(text, separator, &fields);
  return fields.size();
}

}  // namespace

RecordReader::RecordReader(const std::string& path, RecordFormat format, BadRows* bad_rows)
    : lines_(path), format_(std::move(format)), bad_rows_(bad_rows) {
  HEARTH_CHECK(!format_.separator.empty());
}

bool RecordReader::TakeLine() {
  if (!ahead_.empty()) {
    held_ = std::move(ahead_.front());
    ahead_.pop_front();
    line_ = {held_.text, held_.number, held_.fault};
  } else {
    if (!lines_.Next()) return false;
    line_ = {lines_.line(), lines_.line_number(), lines_.fault()};
  }
  if (is_peeking_) peeked_.push_back({std::string(line_.text), line_.number, line_.fault});
  return true;
}

std::vector<std::vector<std::string>> RecordReader::Peek(size_t count) {
  is_peeking_ = true;
  peeked_.clear();
  std::vector<std::vector<std::string>> records;
  while (records.size() < count && Next()) records.emplace_back(fields_.begin(), fields_.end());
  is_peeking_ = false;
  // Lines that a rejected record gave back stand in both; each is read again once.
  std::erase_if(ahead_, [&](const Line& line) {
    return !peeked_.empty() && line.number <= peeked_.back().number;
  });
  std::vector<Line> lines;
  for (Line& line : peeked_) {
    if (lines.empty() || line.number > lines.back().number) lines.push_back(std::move(line));
  }
  ahead_.insert(ahead_.begin(), std::make_move_iterator(lines.begin()),
                std::make_move_iterator(lines.end()));
  return records;
}

bool RecordReader::Next() {
  while (TakeLine()) {
    first_line_ = line_.number;
    if (line_.fault == LineReader::Fault::kTooLong) {
      Reject(line_.text, "the line is longer than 1 MiB");
    } else if (line_.fault == LineReader::Fault::kNulByte) {
      Reject(line_.text, "the line holds a NUL byte");
    } else if (line_.fault == LineReader::Fault::kNotUtf8) {
      Reject(line_.text, "the line is not UTF-8");
    } else if (line_.text.empty()) {
      continue;
    } else if (format_.quotes && line_.text.find('"') != std::string_view::npos) {
      if (ParseQuoted()) return true;
    } else {
      SplitInto(line_.text, format_.separator, &fields_);
      return true;
    }
  }
  return false;
}

bool RecordReader::ParseQuoted() {
  record_.reserve(2 * LineReader::kMaxLineBytes + 2);  // never moves: fields_ points into it
  record_ = line_.text;
  joined_.clear();
  fields_.clear();
  unquoted_.clear();
  size_t at = 0;  // the begin of the next field
  const std::string special{'"', format_.escape == 0 ? '"' : format_.escape};
  while (true) {
    std::string_view rest = std::string_view(record_).substr(at);
    if (!rest.starts_with('"')) {
      const size_t end = rest.find(format_.separator);
      fields_.push_back(rest.substr(0, end));
      if (end == std::string_view::npos) break;
      at += end + format_.separator.size();
      continue;
    }
    std::string& field = unquoted_.emplace_back();
    ++at;
    while (true) {
      rest = std::string_view(record_).substr(at);
      const size_t end = rest.find_first_of(special);
      field += rest.substr(0, end);
      if (end == std::string_view::npos) {
        at = record_.size();
        if (!AppendLine()) return RejectFirstLine("a quote is opened and never closed");
        continue;
      }
      const bool is_doubled = rest[end] == '"' && rest.substr(end + 1).starts_with('"');
      const bool is_escaped = rest[end] != '"' && end + 1 < rest.size();
      if (is_doubled || is_escaped) field += rest[end + 1];
      at += end + (is_doubled || is_escaped ? 2 : 1);
      if (rest[end] == '"' && !is_doubled) break;
      if (rest[end] != '"' && !is_escaped) field += rest[end];
    }
    fields_.push_back(field);
    rest = std::string_view(record_).substr(at);
    if (rest.empty()) break;
    if (!rest.starts_with(format_.separator)) {
      const bool was_escaped = at >= 2 && record_[at - 2] == '\\';
      return RejectFirstLine(was_escaped
                                 ? "text behind a closing quote (give --escape '\\' if a backslash "
                                   "stands before quotes inside a field)"
                                 : "text behind a closing quote");
    }
    at += format_.separator.size();
  }
  if (!JoinsRows()) {
    if (is_peeking_) return true;
    joined_line_count_ +=
        std::ranges::count_if(joined_, [](const Line& line) { return !line.text.empty(); });
    return true;
  }
  return RejectFirstLine(
      fmt::format("a quote joins the lines up to {}, and each looks like a row of its own",
                  joined_.back().number));
}

bool RecordReader::AppendLine() {
  if (record_.size() > LineReader::kMaxLineBytes || !TakeLine()) return false;
  joined_.push_back({std::string(line_.text), line_.number, line_.fault});
  if (line_.fault != LineReader::Fault::kNone) return false;
  record_ += '\n';
  record_ += line_.text;
  return true;
}

bool RecordReader::JoinsRows() const {
  if (joined_.empty()) return false;
  const std::string_view first = std::string_view(record_).substr(0, record_.find('\n'));
  return FieldCount(first, format_.separator) == fields_.size() &&
         FieldCount(joined_.back().text, format_.separator) == fields_.size();
}

// Rejects the first line of a record and gives the other lines back.
bool RecordReader::RejectFirstLine(std::string_view why) {
  ahead_.insert(ahead_.begin(), std::make_move_iterator(joined_.begin()),
                std::make_move_iterator(joined_.end()));
  joined_.clear();
  Reject(std::string_view(record_).substr(0, record_.find('\n')), why);
  return false;
}

void RecordReader::Reject(std::string_view value, std::string_view why) {
  if (!is_peeking_) bad_rows_->Reject(place(), "", value, why);
}

bool RecordReader::Require(size_t least, size_t most) {
  const size_t size = fields_.size();
  if (size >= least && (size <= most || (size - 1 == most && fields_.back().empty()))) return true;
  Reject(fields_[0], fmt::format("{} fields separated by '{}', expected {}", size,
                                 format_.separator == "\t" ? "\\t" : format_.separator,
                                 size < least ? least : most));
  return false;
}

}  // namespace hearth
