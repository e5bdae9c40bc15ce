#pragma once

#include <string>
#include <string_view>

#include <archive.h>
#include <archive_entry.h>

namespace hearth::import_testing {

/// The text as UTF-16, two bytes for each ASCII character.
inline std::string Utf16(std::string_view ascii, bool big_endian) {
  std::string text;
  for (const char c : ascii) text += big_endian ? std::string{'\0', c} : std::string{c, '\0'};
  return text;
}

/// The text, compressed by libarchive.
inline std::string Compressed(std::string_view text, int (*add_filter)(archive*)) {
  std::string to(2 * text.size() + 4096, '\0');
  size_t used = 0;
  archive* writer = archive_write_new();
  archive_write_set_format_raw(writer);
  add_filter(writer);
  archive_write_open_memory(writer, to.data(), to.size(), &used);
  archive_entry* entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_write_header(writer, entry);
  archive_write_data(writer, text.data(), text.size());
  archive_entry_free(entry);
  archive_write_free(writer);
  to.resize(used);
  return to;
}

}  // namespace hearth::import_testing
