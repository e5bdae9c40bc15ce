#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace hearth {

/// Streaming SHA-256 (OpenSSL). Not thread safe; one object per stream.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(const void* data, size_t size_bytes);
  void Update(std::string_view text) { Update(text.data(), text.size()); }
  /// The digest as 64 lower-case hex digits. Ends the stream: no Update may follow.
  std::string HexDigest();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string Sha256Hex(std::string_view bytes);
/// SHA-256 of a whole file. Throws StorageError naming the file if it cannot be read.
std::string Sha256OfFile(const std::string& path);

/// XXH3, 64 bits: column checksums and hash maps, not security.
uint64_t Xxh3(const void* data, size_t size_bytes, uint64_t seed = 0);
/// 16 lower-case hex digits, as written in manifests.
std::string HexOf(uint64_t hash);

}  // namespace hearth
