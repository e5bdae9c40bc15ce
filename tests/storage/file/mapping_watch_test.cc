#include "storage/file/mapping_watch.h"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "storage/file/mapped_file.h"

namespace hearth {
namespace {

constexpr int kStorageFailed = 74;

class MappingWatchTest : public ::testing::Test {
 protected:
  MappingWatchTest() {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    std::ofstream(path_) << std::string(kSize, 'x');
  }
  ~MappingWatchTest() override { std::filesystem::remove(path_); }

  MappedFile Map() const { return MappedFile(FileDescriptor::OpenForReading(path_)); }
  void Cut() const { std::filesystem::resize_file(path_, 10); }

  static constexpr size_t kSize = 20'000;
  const std::string path_ = ::testing::TempDir() + "/mapping-" + std::to_string(::getpid()) + ".h5";
};

char Read(const MappedFile& file, size_t offset) {
  return *static_cast<const volatile char*>(file.data() + offset);
}

TEST_F(MappingWatchTest, AFileThatWasCutEndsTheProcessWithItsName) {
  EXPECT_EXIT(
      {
        const MappedFile file = Map();
        Cut();
        Read(file, kSize - 1);
      },
      ::testing::ExitedWithCode(kStorageFailed), "cannot read '.*mapping-[0-9]+.h5' any more");
}

TEST_F(MappingWatchTest, FollowsAMappingThatIsMoved) {
  EXPECT_EXIT(
      {
        MappedFile first = Map();
        MappedFile second = std::move(first);
        MappedFile third = Map();
        third = std::move(second);
        Cut();
        Read(third, kSize - 1);
      },
      ::testing::ExitedWithCode(kStorageFailed), "any more");
}

TEST_F(MappingWatchTest, OneOfManyMappingsIsNamed) {
  EXPECT_EXIT(
      {
        std::vector<MappedFile> files;
        for (int i = 0; i < 50; ++i) {
          const std::string path = path_ + "." + std::to_string(i);
          std::filesystem::copy_file(path_, path,
                                     std::filesystem::copy_options::overwrite_existing);
          files.emplace_back(FileDescriptor::OpenForReading(path));
        }
        files.erase(files.begin() + 10, files.begin() + 20);
        std::filesystem::resize_file(path_ + ".37", 0);
        for (int i = 0; i < 50; ++i) {
          if (i != 37) std::filesystem::remove(path_ + "." + std::to_string(i));
        }
        for (const MappedFile& file : files) Read(file, kSize - 1);
      },
      ::testing::ExitedWithCode(kStorageFailed), "h5\\.37' any more");
  std::filesystem::remove(path_ + ".37");
}

TEST_F(MappingWatchTest, OtherBusErrorsGoWhereTheyWentBefore) {
  EXPECT_EXIT(
      {
        std::signal(SIGBUS, [](int) { ::_exit(5); });
        const MappedFile watched = Map();
        ::raise(SIGBUS);
      },
      ::testing::ExitedWithCode(5), "");
}

TEST_F(MappingWatchTest, AMappingThatEndedIsNotBlamed) {
  EXPECT_EXIT(
      {
        std::signal(SIGBUS, SIG_DFL);
        { const MappedFile ended = Map(); }
        const FileDescriptor file = FileDescriptor::OpenForReading(path_);
        void* const data = ::mmap(nullptr, kSize, PROT_READ, MAP_SHARED, file.get(), 0);
        Cut();
        static_cast<void>(*(static_cast<const volatile char*>(data) + kSize - 1));
      },
      ::testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace hearth
