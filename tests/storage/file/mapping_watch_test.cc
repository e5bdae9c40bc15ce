#include "storage/file/mapping_watch.h"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>
#include <unistd.h>

#include "storage/file/fault_report.h"
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

// Death tests run in a new process. Names of files it leaves must not contain a process number.
class FaultReportTest : public MappingWatchTest {
 protected:
  FaultReportTest() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    report_ = ::testing::TempDir() + "/" + test->name() + ".json";
    odd_path_ = ::testing::TempDir() + "/" + test->name() + " \"odd\"\n\\.h5";
  }
  ~FaultReportTest() override { std::filesystem::remove(odd_path_); }

  void SetReport() const {
    SetFaultReport({"[rank 3 on node7] ", report_, "{\"message\": \"", "\"}"});
  }
  void EndByACutFile() const {
    std::filesystem::copy_file(path_, odd_path_, std::filesystem::copy_options::overwrite_existing);
    const MappedFile file(FileDescriptor::OpenForReading(odd_path_));
    std::filesystem::resize_file(odd_path_, 10);
    Read(file, kSize - 1);
  }
  std::string TakeReport() const {
    std::ifstream file(report_);
    std::string text(std::istreambuf_iterator<char>(file), {});
    std::filesystem::remove(report_);
    return text;
  }

  std::string report_, odd_path_;
};

TEST_F(FaultReportTest, HoldsTheMessageAsJson) {
  EXPECT_EXIT((SetReport(), EndByACutFile()), ::testing::ExitedWithCode(kStorageFailed),
              "^\\[rank 3 on node7\\] hearth: error: cannot read");
  const auto json = nlohmann::json::parse(TakeReport());
  EXPECT_TRUE(json["message"].get<std::string>().starts_with("hearth: error: cannot read '" +
                                                             odd_path_ + "' any more"));
}

TEST_F(FaultReportTest, LeavesTheFileOfAnEarlierOne) {
  std::ofstream(report_) << "of an earlier rank";
  EXPECT_EXIT((SetReport(), EndByACutFile()), ::testing::ExitedWithCode(kStorageFailed),
              "any more");
  EXPECT_EQ(TakeReport(), "of an earlier rank");
}

TEST_F(FaultReportTest, LeavesNoFileOnceItIsCleared) {
  EXPECT_EXIT((SetReport(), ClearFaultReport(), EndByACutFile()),
              ::testing::ExitedWithCode(kStorageFailed), "^hearth: error: cannot read");
  EXPECT_FALSE(std::filesystem::exists(report_));
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
