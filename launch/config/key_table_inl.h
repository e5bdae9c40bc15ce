#pragma once

// This file defines the templates of key_table.h.

#include <algorithm>

#include "common/text.h"

namespace hearth {

template <typename Options>
template <typename T, typename Reader, typename Writer>
Key& SectionBuilder<Options>::Add(const char* name, std::string type, std::string legal,
                                  const char* help, T Options::*field, Reader reader,
                                  Writer writer) {
  Key key;
  key.name = section_ + "." + name;
  key.type = std::move(type);
  key.legal = std::move(legal);
  key.help = help;
  key.options = typeid(Options);
  key.read = [options = options_, field, reader](const RawValue& raw, Config& config) {
    config.*options.*field = reader(raw);
  };
  key.write = [options = options_, field, writer](const Config& config) {
    return writer(config.*options.*field);
  };
  keys_->push_back(std::move(key));
  return keys_->back();
}

template <typename Options>
template <typename T, typename Reader, typename Writer>
Key& SectionBuilder<Options>::List(const char* name, std::string type, std::string legal,
                                   const char* help, std::vector<T> Options::*field, Reader reader,
                                   Writer writer) {
  const auto read_list = [reader](const RawValue& raw) {
    std::vector<T> values;
    for (const RawValue& item : ReadList(raw)) values.push_back(reader(item));
    return values;
  };
  const auto write_list = [writer](const std::vector<T>& values) {
    std::vector<std::string> texts;
    for (const T& value : values) texts.push_back(writer(value));
    return "[" + Join(texts, ", ") + "]";
  };
  return Add(name, std::move(type), std::move(legal), help, field, read_list, write_list);
}

template <typename Options>
Key& SectionBuilder<Options>::WordOrPath(const char* name, std::string Options::*field,
                                         const std::vector<std::string>& words, const char* help) {
  return Add(
      name, "choice or path", Join(words, ", ") + ", or a path", help, field,
      [words](const RawValue& raw) {
        if (std::find(words.begin(), words.end(), raw.text) != words.end()) return raw.text;
        return ReadPath(raw);
      },
      WriteString);
}

template <typename Options>
template <typename Enum>
Key& SectionBuilder<Options>::Choice(const char* name, Enum Options::*field,
                                     const Names<Enum>& names, const char* help) {
  std::vector<std::string> texts;
  for (const auto& [text, value] : names) texts.push_back(text);
  return Add(
      name, "choice", Join(texts, ", "), help, field,
      [names, texts](const RawValue& raw) { return names[ReadName(raw, texts)].second; },
      [names](Enum value) {
        const auto found = std::find_if(names.begin(), names.end(), [value](const auto& entry) {
          return entry.second == value;
        });
        HEARTH_CHECK(found != names.end());
        return WriteString(found->first);
      });
}

}  // namespace hearth
