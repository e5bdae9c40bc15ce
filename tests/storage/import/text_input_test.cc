#include "storage/import/text_input.h"

#include <array>
#include <thread>

#include <archive.h>
#include <sys/stat.h>

#include "tests/storage/import/encoding_testing.h"
#include "tests/storage/import/import_testing.h"

namespace hearth {
namespace {

using import_testing::Compressed;
using import_testing::MessageOf;
using import_testing::ScratchFolder;
using import_testing::Utf16;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string TextOf(const std::string& path) {
  TextInput input(path);
  std::string text;
  for (std::string_view block = input.Next(); !block.empty(); block = input.Next()) text += block;
  return text;
}

// More text than one block of a reader.
std::string LongText() {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "user" + std::to_string(i * 7919 % 100'003) + ",item\n";
  return text;
}

TEST(TextInput, ReadsPlainFilesAndDropsAByteOrderMark) {
  const ScratchFolder folder;
  EXPECT_EQ(TextOf(folder.Write("a", LongText())), LongText());
  EXPECT_EQ(TextOf(folder.Write("b", "\xEF\xBB\xBFuser")), "user");
  EXPECT_EQ(TextOf(folder.Write("c", "\xEF\xBB\xBF")), "");
  EXPECT_EQ(TextOf(folder.Write("d", "")), "");
  EXPECT_EQ(TextOf(folder.Write("e", "x")), "x");
}

TEST(TextInput, UnpacksWhatIsCompressedWhateverItsName) {
  const ScratchFolder folder;
  for (const auto add_filter :
       {archive_write_add_filter_gzip, archive_write_add_filter_zstd, archive_write_add_filter_xz,
        archive_write_add_filter_bzip2, archive_write_add_filter_lz4}) {
    const std::string packed = Compressed(LongText(), add_filter);
    ASSERT_NE(packed, LongText());
    EXPECT_EQ(TextOf(folder.Write("log.csv", packed)), LongText());
  }
  const std::string two = Compressed("one\n", archive_write_add_filter_gzip) +
                          Compressed("two\n", archive_write_add_filter_gzip);
  EXPECT_EQ(TextOf(folder.Write("two.gz", two)), "one\ntwo\n");
}

TEST(TextInput, RefusesCompressedDataThatAreCutShort) {
  const ScratchFolder folder;
  const std::string packed = Compressed(LongText(), archive_write_add_filter_gzip);
  for (const size_t size : {packed.size() - 1, packed.size() / 2, size_t{30}}) {
    const std::string path = folder.Write("log.gz", packed.substr(0, size));
    EXPECT_THAT(MessageOf<DataError>([&] { TextOf(path); }),
                AllOf(HasSubstr("log.gz"), HasSubstr("cannot be unpacked")))
        << size << " of " << packed.size() << " bytes";
  }
}

TEST(TextInput, ConvertsUtf16WithAndWithoutAMark) {
  const ScratchFolder folder;
  const std::string text = "user,item,rating\nu1,i1,5\nu2,i2,4\n";
  for (const bool big_endian : {false, true}) {
    const std::string mark = big_endian ? "\xFE\xFF" : "\xFF\xFE";
    EXPECT_EQ(TextOf(folder.Write("a", mark + Utf16(text, big_endian))), text);
    EXPECT_EQ(TextOf(folder.Write("b", Utf16(text, big_endian))), text);
    EXPECT_EQ(TextOf(folder.Write("c", mark + Utf16(LongText(), big_endian))), LongText());
  }
  const std::string euro_and_clapper("\xFF\xFE\xAC\x20\x3C\xD8\xAC\xDF", 8);
  EXPECT_EQ(TextOf(folder.Write("d", euro_and_clapper)), "\xE2\x82\xAC\xF0\x9F\x8E\xAC");
  EXPECT_EQ(TextOf(folder.Write("e", euro_and_clapper.substr(0, 6))), "\xE2\x82\xAC\xEF\xBF\xBD");
}

TEST(TextInput, NamesFilesOfOtherKinds) {
  const ScratchFolder folder;
  const std::pair<std::string, const char*> kinds[] = {{"PK\x03\x04zip", "zip"},
                                                       {"PAR1....", "Parquet"},
                                                       {"\x89HDF\r\n\x1A\n", "HDF5"},
                                                       {"SQLite format 3", "SQLite"},
                                                       {"%PDF-1.7", "PDF"}};
  for (const auto& [content, name] : kinds) {
    const std::string path = folder.Write("log.csv", content);
    EXPECT_THAT(MessageOf<DataError>([&] { TextOf(path); }),
                AllOf(HasSubstr("log.csv is a"), HasSubstr(name)));
  }
}

TEST(TextInput, ReadsAPipeOnce) {
  const ScratchFolder folder;
  const std::string pipe = folder / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_TRUE(IsReadOnce(pipe));
  EXPECT_TRUE(IsReadOnce("-"));
  EXPECT_FALSE(IsReadOnce(folder.Write("file", "x")));
  EXPECT_FALSE(IsReadOnce(folder.path()));
  std::thread writer([&] { std::ofstream(pipe) << LongText(); });
  EXPECT_EQ(TextOf(pipe), LongText());
  writer.join();
}

TEST(TextInput, RefusesFoldersAndMissingFiles) {
  const ScratchFolder folder;
  EXPECT_THAT(MessageOf<DataError>([&] { TextInput(folder.path()); }), HasSubstr("is a folder"));
  EXPECT_THAT(MessageOf<DataError>([&] { TextInput(folder / "none"); }), HasSubstr("none"));
}

}  // namespace
}  // namespace hearth
