#include "launch/report/rank_check.h"

#include <algorithm>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/thread_communicator.h"

namespace hearth {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string NewFolder(const std::string& name) {
  const std::string path = ::testing::TempDir() + "/hearth-rank-check-" + name;
  std::filesystem::create_directories(path);
  return path;
}

Finding FindingOf(const std::vector<Finding>& findings, const std::string& topic) {
  const auto found = std::ranges::find(findings, topic, &Finding::topic);
  return found == findings.end() ? Finding{} : *found;
}

TEST(CompareRanks, AgreesWhereRanksShareAHostAndAFolder) {
  RunOnThreads(3, [](Communicator& communicator) {
    const auto findings = CompareRanks(communicator, NewFolder("shared"));
    for (const char* topic : {"build", "mpi", "cpu", "gpus", "storage", "clocks"}) {
      EXPECT_THAT(FindingOf(findings, topic).hint, IsEmpty()) << topic;
      EXPECT_FALSE(FindingOf(findings, topic).text.empty()) << topic;
    }
    EXPECT_THAT(FindingOf(findings, "ranks").text, HasSubstr("3 on "));
  });
}

TEST(CompareRanks, NamesTheRanksThatSeeAnotherFolder) {
  RunOnThreads(4, [](Communicator& communicator) {
    const bool elsewhere = communicator.rank() == 1 || communicator.rank() == 3;
    const auto findings = CompareRanks(communicator, NewFolder(elsewhere ? "local" : "shared"));
    const Finding storage = FindingOf(findings, "storage");
    EXPECT_THAT(storage.text, HasSubstr("ranks 1, 3"));
    EXPECT_THAT(storage.hint, HasSubstr("run.dir"));
  });
}

TEST(CompareRanks, LeavesNoFileBehind) {
  const std::string folder = NewFolder("clean");
  RunOnThreads(2, [&](Communicator& communicator) { CompareRanks(communicator, folder); });
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

}  // namespace
}  // namespace hearth
