#include "storage/file/file_image.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/hash.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

std::string NewPath() {
  const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string path = ::testing::TempDir() + "/hearth-" + std::to_string(::getpid()) + "-" +
                           info->test_suite_name() + "-" + info->name();
  fs::remove(path);
  return path;
}

std::string Noise(int64_t size_bytes, uint64_t seed) {
  std::string bytes(size_bytes, '\0');
  uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
  for (char& byte : bytes) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<char>(state >> 56);
  }
  return bytes;
}

/// Builds an image and its oracle: a plain string of the same bytes.
class ImageAndOracle {
 public:
  void Copy(int64_t offset, const std::string& bytes) {
    image.Copy(offset, bytes);
    Put(offset, bytes);
  }
  void Place(int64_t offset, const std::string& bytes) {
    image.Place(offset, bytes);
    Put(offset, bytes);
  }
  void SetSize(int64_t size_bytes) {
    image.set_size_bytes(size_bytes);
    expected.resize(size_bytes, '\0');
  }
  /// Writes the image and compares file, size and hash with the oracle.
  void Check() const {
    const std::string path = NewPath();
    FileDescriptor file = FileDescriptor::CreateNew(path, 0600);
    const WrittenFile written = image.WriteTo(file);
    file.Close();
    EXPECT_EQ(written.size_bytes, std::ssize(expected));
    EXPECT_EQ(written.sha256, Sha256Hex(expected));
    EXPECT_TRUE(ReadWholeFile(path, INT64_MAX) == expected);
    fs::remove(path);
  }

  FileImage image;
  std::string expected;

 private:
  void Put(int64_t offset, const std::string& bytes) {
    const size_t end = offset + bytes.size();
    if (expected.size() < end) expected.resize(end, '\0');
    expected.replace(offset, bytes.size(), bytes);
  }
};

TEST(FileImage, AnEmptyImageIsAnEmptyFile) {
  ImageAndOracle both;
  both.Check();
}

TEST(FileImage, CopiedBytesOverwriteEarlierOnesAcrossPages) {
  ImageAndOracle both;
  both.Copy(4000, Noise(300, 1));
  both.Copy(4090, Noise(20, 2));
  both.Copy(0, "head");
  std::string back(30, ' ');
  both.image.ReadCopied(4085, back);
  EXPECT_EQ(back, both.expected.substr(4085, 30));
  both.SetSize(20000);  // the rest is zeros
  both.Check();
  both.SetSize(4097);  // the bytes behind the end are gone
  both.Check();
}

TEST(FileImage, PlacedPiecesLieBetweenAndOverCopiedBytes) {
  const std::string first = Noise(5000, 1), second = Noise(1, 2), third = Noise(8192, 3);
  ImageAndOracle both;
  both.Copy(90, Noise(10000, 4));
  both.Place(100, first);
  both.Place(5100, second);
  both.Place(8192, third);
  both.SetSize(8192 + 8192);
  both.Check();
}

TEST(FileImage, LargeFilesOfAnySizeAreWrittenWhole) {
  constexpr int64_t kMiB = int64_t{1} << 20;
  // The sizes lie around a page and a block of one call (8 MiB), and one has an odd end.
  for (const int64_t size_bytes : {kMiB, 8 * kMiB, 8 * kMiB + 1, 9 * kMiB + 4095, 17 * kMiB - 7}) {
    const std::string piece = Noise(size_bytes - kMiB / 2 - 3, 5);
    ImageAndOracle both;
    both.Copy(3, Noise(777, 6));
    both.Place(kMiB / 2, piece);
    both.SetSize(size_bytes);
    both.Check();
  }
}

TEST(FileImage, LongRunsOfZerosTakeNoSpace) {
  const std::string path = NewPath();
  FileImage image;
  image.Copy(0, std::string("head"));
  image.set_size_bytes(int64_t{64} << 20);
  FileDescriptor file = FileDescriptor::CreateNew(path, 0600);
  image.WriteTo(file);
  EXPECT_EQ(file.SizeBytes(), int64_t{64} << 20);
  EXPECT_LT(file.Status().st_blocks * 512, 1 << 20);
  fs::remove(path);
}

TEST(FileImage, EveryArrangementOfPiecesGivesTheBytesOfAPlainBuffer) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    ImageAndOracle both;
    std::vector<std::string> pieces;
    pieces.reserve(8);  // placed pieces must not move
    uint64_t state = seed;
    const auto draw = [&state](uint64_t end) -> int64_t {
      state = state * 6364136223846793005u + 1442695040888963407u;
      return (state >> 33) % end;
    };
    int64_t offset = draw(9000);
    std::vector<std::pair<int64_t, size_t>> places;
    for (int piece = 0; piece < 8; ++piece) {
      if (draw(3) > 0) {
        pieces.push_back(Noise(1 + draw(9000), seed * 8 + piece));
        places.emplace_back(offset, pieces.size() - 1);
        offset += std::ssize(pieces.back());
      }
      offset += draw(2) * draw(9000);
    }
    for (int copy = 0; copy < 5; ++copy) both.Copy(draw(30000), Noise(1 + draw(5000), seed));
    for (const auto& [place, piece] : places) both.Place(place, pieces[piece]);
    both.SetSize(std::max<int64_t>(std::ssize(both.expected), 1 + draw(60000)));
    both.Check();
    if (::testing::Test::HasFailure()) FAIL() << "seed " << seed;
  }
}

}  // namespace
}  // namespace hearth
