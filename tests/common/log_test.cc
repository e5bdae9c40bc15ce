#include "common/log.h"

#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

// Sets up logging for one test and restores the logger of the process afterwards.
class Logging : public ::testing::Test {
 protected:
  Logging() : logger_before_(spdlog::default_logger()) {}
  ~Logging() override { spdlog::set_default_logger(logger_before_); }

  std::string LinesOf(LogOptions options, void (*speak)()) {
    const std::string path = ::testing::TempDir() + "hearth_log_test_" +
                             ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::ofstream(path, std::ios::trunc);
    options.file = path;
    options.stderr_enabled = false;
    SetUpLogging(options);
    speak();
    spdlog::default_logger()->flush();
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

 private:
  std::shared_ptr<spdlog::logger> logger_before_;
};

TEST_F(Logging, ALineHasTimeLevelAndMessage) {
  EXPECT_THAT(LinesOf({}, [] { spdlog::info("step {}", 3); }),
              MatchesRegex("[0-9]+:[0-9]+:[0-9]+ info step 3\n"));
}

TEST_F(Logging, RankZeroSpeaksForAllAndOtherRanksNameThemselves) {
  LogOptions options;
  options.world_size = 4;
  EXPECT_THAT(LinesOf(options, [] { spdlog::info("all ranks"); }), Not(HasSubstr("rank 0")));
  options.rank = 2;
  EXPECT_THAT(LinesOf(options, [] { spdlog::warn("alone"); }), HasSubstr("[rank 2] alone"));
}

TEST_F(Logging, LinesBelowTheLevelAreLeftOut) {
  LogOptions options;
  options.level = "warn";
  const std::string lines = LinesOf(options, [] {
    spdlog::info("quiet");
    spdlog::warn("loud");
  });
  EXPECT_THAT(lines, Not(HasSubstr("quiet")));
  EXPECT_THAT(lines, HasSubstr("loud"));
}

TEST_F(Logging, FilesAreAppendedToAndHaveNoColour) {
  LogOptions options;
  options.color = true;
  const std::string first = LinesOf(options, [] {
    spdlog::error("first");
    LogOptions again;
    again.file = ::testing::TempDir() + "hearth_log_test_" +
                 ::testing::UnitTest::GetInstance()->current_test_info()->name();
    again.stderr_enabled = false;
    SetUpLogging(again);
    spdlog::info("second");
  });
  EXPECT_THAT(first, HasSubstr("error first\n"));
  EXPECT_THAT(first, HasSubstr("info second\n"));
  EXPECT_THAT(first, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace hearth
