#include "common/hash.h"

#include <cstdint>
#include <fstream>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"

namespace hearth {
namespace {

// Vectors of FIPS 180-2 and its empty message.
constexpr char kSha256OfNothing[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr char kSha256OfAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kSha256OfMillionA[] =
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

TEST(Sha256, GivesTheKnownAnswers) {
  EXPECT_EQ(Sha256Hex(""), kSha256OfNothing);
  EXPECT_EQ(Sha256Hex("abc"), kSha256OfAbc);
  EXPECT_EQ(Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Sha256Hex(std::string(1000000, 'a')), kSha256OfMillionA);
}

TEST(Sha256, PiecesGiveTheHashOfTheWhole) {
  std::string whole;
  for (int i = 0; i < 1000; ++i) whole += static_cast<char>(i * 7);
  for (const size_t piece : {size_t{1}, size_t{63}, size_t{64}, size_t{65}, size_t{999}}) {
    Sha256 hash;
    for (size_t begin = 0; begin < whole.size(); begin += piece) {
      hash.Update(whole.substr(begin, piece));
    }
    hash.Update(nullptr, 0);
    EXPECT_EQ(hash.HexDigest(), Sha256Hex(whole)) << "pieces of " << piece;
  }
}

TEST(Sha256, AMovedStreamGoesOn) {
  Sha256 hash;
  hash.Update("a");
  Sha256 moved = std::move(hash);
  moved.Update("bc");
  EXPECT_EQ(moved.HexDigest(), kSha256OfAbc);
}

TEST(Sha256, CountsBytesOfZero) {
  EXPECT_NE(Sha256Hex(std::string(1, '\0')), Sha256Hex(""));
  EXPECT_NE(Sha256Hex(std::string(2, '\0')), Sha256Hex(std::string(1, '\0')));
}

TEST(Sha256OfFile, IsTheHashOfItsBytes) {
  const std::string path = ::testing::TempDir() + "hearth_hash_test.bin";
  std::ofstream(path, std::ios::binary) << std::string(1000000, 'a');
  EXPECT_EQ(Sha256OfFile(path), kSha256OfMillionA);
  std::ofstream(path, std::ios::binary | std::ios::trunc);
  EXPECT_EQ(Sha256OfFile(path), kSha256OfNothing);

  // More than one buffer of a megabyte, and not a whole number of them.
  const std::string large = std::string(3 << 20, 'x') + "end";
  std::ofstream(path, std::ios::binary) << large;
  EXPECT_EQ(Sha256OfFile(path), Sha256Hex(large));
}

TEST(Sha256OfFile, NamesTheFileItCannotRead) {
  const std::string path = ::testing::TempDir() + "hearth_hash_test_no_such_file";
  try {
    Sha256OfFile(path);
    FAIL() << "no error for a missing file";
  } catch (const StorageError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr(path));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("No such file"));
  }
}

TEST(Sha256OfFile, RefusesAFolder) {
  EXPECT_THROW(Sha256OfFile(::testing::TempDir()), StorageError);
}

// Known answer of XXH3_64bits for the empty input, seed 0.
TEST(Xxh3, GivesTheKnownAnswer) { EXPECT_EQ(Xxh3("", 0), 0x2d06800538d394c2u); }

TEST(Xxh3, DependsOnEveryByteAndOnTheSeed) {
  std::string bytes(200, 'h');
  const uint64_t before = Xxh3(bytes.data(), bytes.size());
  EXPECT_EQ(Xxh3(bytes.data(), bytes.size()), before);
  EXPECT_NE(Xxh3(bytes.data(), bytes.size(), 1), before);
  EXPECT_NE(Xxh3(bytes.data(), bytes.size() - 1), before);
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(bytes[i] ^ 1);
    EXPECT_NE(Xxh3(bytes.data(), bytes.size()), before) << "byte " << i;
    bytes[i] = 'h';
  }
}

TEST(HexOf, HasSixteenLowerCaseDigits) {
  EXPECT_EQ(HexOf(0), "0000000000000000");
  EXPECT_EQ(HexOf(0x2d06800538d394c2u), "2d06800538d394c2");
  EXPECT_EQ(HexOf(~uint64_t{0}), "ffffffffffffffff");
}

}  // namespace
}  // namespace hearth
