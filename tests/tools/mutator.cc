#include "tests/tools/mutator.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>

// libhdf5 exports this function, but no public header declares it.
extern "C" uint32_t H5_checksum_lookup3(const void* data, size_t size, uint32_t initial);

namespace hearth::testing {
namespace {

uint64_t LittleEndian(const std::string& bytes, size_t position, size_t width) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data() + position, width);
  return value;
}

/// The checksum that follows bytes[begin, begin + size).
void Repair(std::string* bytes, size_t begin, size_t size) {
  if (begin + size + 4 > bytes->size() || begin + size < begin) return;
  const uint32_t checksum = H5_checksum_lookup3(bytes->data() + begin, size, 0);
  std::memcpy(bytes->data() + begin + size, &checksum, sizeof(checksum));
}

void RepairObjectHeader(std::string* bytes, size_t begin) {
  constexpr size_t kFlags = 5, kFixedBytes = 6;
  if (begin + kFixedBytes + 32 > bytes->size()) return;
  const auto flags = static_cast<uint8_t>((*bytes)[begin + kFlags]);
  size_t position = begin + kFixedBytes;
  if ((flags & 0x20) != 0) position += 16;  // times
  if ((flags & 0x10) != 0) position += 4;   // attribute storage
  const size_t width = size_t{1} << (flags & 3);
  const uint64_t messages_bytes = LittleEndian(*bytes, position, width);
  if (messages_bytes > bytes->size()) return;
  Repair(bytes, begin, position + width - begin + messages_bytes);
}

}  // namespace

int64_t MutationCount() {
  const char* const text = std::getenv("HEARTH_MUTATIONS");
  return text == nullptr ? 500 : std::atoll(text);
}

Mutator::Mutator(uint64_t seed, int64_t number, std::vector<std::string> dictionary)
    : stream_(seed, Purpose::kEpisode, static_cast<uint64_t>(number)),
      dictionary_(std::move(dictionary)) {}

std::string Mutator::Mutate(std::string bytes) {
  const std::string original = bytes;
  do {
    for (size_t edits = 1 + Below(4); edits > 0; --edits) Edit(&bytes);
  } while (bytes == original);
  return bytes;
}

void Mutator::Edit(std::string* bytes) {
  if (bytes->empty()) bytes->push_back('x');
  const size_t position = Below(bytes->size());
  const size_t length = 1 + Below(std::min<size_t>(bytes->size() - position, 64));
  const size_t other = Below(bytes->size());
  switch (Below(dictionary_.empty() ? 9 : 12)) {
    case 0:
    case 1:
      (*bytes)[position] = static_cast<char>((*bytes)[position] ^ (1 << Below(8)));
      return;
    case 2: {
      constexpr char kEdges[] = {'\0', '\x01', '\x7F', '\x80', '\xFF'};
      (*bytes)[position] = kEdges[Below(sizeof(kEdges))];
      return;
    }
    case 3: {
      constexpr uint64_t kEdges[] = {0,
                                     1,
                                     ~uint64_t{0},
                                     uint64_t{1} << 31,
                                     uint64_t{1} << 32,
                                     uint64_t{1} << 60,
                                     uint64_t{1} << 63,
                                     INT64_MAX};
      const uint64_t value = kEdges[Below(std::size(kEdges))];
      const size_t width = std::min(bytes->size() - position, size_t{1} << Below(4));
      std::memcpy(bytes->data() + position, &value, width);
      return;
    }
    case 4:
      bytes->resize(position);
      return;
    case 5:
      bytes->erase(position, length);
      return;
    case 6:
      bytes->insert(other, bytes->substr(position, length));
      return;
    case 7:
      for (size_t i = 0; i < length && other + i < bytes->size(); ++i) {
        std::swap((*bytes)[position + i], (*bytes)[other + i]);
      }
      return;
    case 8:
      std::fill_n(bytes->begin() + static_cast<std::ptrdiff_t>(position), length, '\0');
      return;
    case 9:
      bytes->replace(position, length, dictionary_[Below(dictionary_.size())]);
      return;
    default:
      bytes->insert(position, dictionary_[Below(dictionary_.size())]);
  }
}

std::vector<std::string> TextDictionary() {
  return {"{",
          "}",
          "[",
          "]",
          ":",
          ",",
          "\"",
          "'",
          "-",
          "0",
          "-1",
          "1e999",
          "1e-999",
          "null",
          "~",
          "true",
          "nan",
          ".nan",
          ".inf",
          "\\u0000",
          "\n",
          "\n  ",
          "\t",
          "\r\n",
          "#",
          "---\n",
          "...\n",
          "&a ",
          "*a",
          "<<: *a",
          "!!str ",
          "%YAML 1.2\n",
          "? ",
          "| ",
          "> ",
          "010",
          "0x10",
          "1_000",
          "yes",
          "/",
          "..",
          "../../etc/passwd",
          "9223372036854775807",
          "9223372036854775808",
          "18446744073709551616",
          "-9223372036854775809",
          "2251799813685248",
          "\xEF\xBB\xBF",
          "\xFF\xFE",
          "\x80",
          "\x1B[2J",
          std::string(1, '\0'),
          std::string(70, '['),
          std::string(70, '{')};
}

void RepairHdf5Checksums(std::string* bytes) {
  constexpr size_t kSuperblockBytes = 44;
  Repair(bytes, 0, kSuperblockBytes);
  for (size_t at = bytes->find("OHDR"); at != std::string::npos; at = bytes->find("OHDR", at + 4)) {
    RepairObjectHeader(bytes, at);
  }
}

}  // namespace hearth::testing
