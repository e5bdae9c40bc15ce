#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace hearth {

/// Computes a SHA-256 in pieces (OpenSSL). Not thread safe; one object serves one stream.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(const void* data, size_t size_bytes);
  void Update(std::string_view text) { Update(text.data(), text.size()); }
  /// Returns the digest as 64 lower-case hex digits and ends the stream: no Update may follow.
  std::string HexDigest();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string Sha256Hex(std::string_view bytes);
/// Hashes a whole file. Throws StorageError naming the file if the file cannot be read.
std::string Sha256OfFile(const std::string& path);

/// XXH3 with 64 bits serves column checksums and hash maps. It is not secure.
uint64_t Xxh3(const void* data, size_t size_bytes, uint64_t seed = 0);
/// Returns 16 lower-case hex digits, the form used in manifests.
std::string HexOf(uint64_t hash);

}  // namespace hearth
