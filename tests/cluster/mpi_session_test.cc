#include "cluster/mpi_session.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"

namespace hearth {
namespace {

// Starts every test as a plain process outside of any launcher.
class LaunchedByMpi : public ::testing::Test {
 protected:
  LaunchedByMpi() { Clear(); }
  ~LaunchedByMpi() override { Clear(); }

  static void Set(const char* name, const char* value) { setenv(name, value, 1); }

  static std::string Message() {
    try {
      MpiSession::LaunchedByMpi();
    } catch (const UsageError& error) {
      return error.what();
    }
    return "not refused";
  }

 private:
  static void Clear() {
    for (const char* name : {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "PMIX_RANK",
                             "PMI_RANK", "PMI_SIZE", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"}) {
      unsetenv(name);
    }
  }
};

TEST_F(LaunchedByMpi, IsFalseForAPlainStart) { EXPECT_FALSE(MpiSession::LaunchedByMpi()); }

TEST_F(LaunchedByMpi, KnowsMpirun) {
  Set("OMPI_COMM_WORLD_SIZE", "1");
  EXPECT_TRUE(MpiSession::LaunchedByMpi());
}

TEST_F(LaunchedByMpi, KnowsMpirunWhoseDaemonsSrunStarted) {
  Set("OMPI_COMM_WORLD_SIZE", "8");
  Set("SLURM_STEP_NUM_TASKS", "2");
  EXPECT_TRUE(MpiSession::LaunchedByMpi());
}

TEST_F(LaunchedByMpi, KnowsSrunWithPmix) {
  Set("SLURM_STEP_NUM_TASKS", "2");
  Set("PMIX_RANK", "0");
  EXPECT_TRUE(MpiSession::LaunchedByMpi());
}

TEST_F(LaunchedByMpi, IsFalseInASlurmStepOfOneTask) {
  Set("SLURM_STEP_NUM_TASKS", "1");
  EXPECT_FALSE(MpiSession::LaunchedByMpi());
  Set("PMI_RANK", "0");  // srun --mpi=pmi2
  Set("PMI_SIZE", "1");
  EXPECT_FALSE(MpiSession::LaunchedByMpi());
}

TEST_F(LaunchedByMpi, RefusesAStepOfSeveralTasksWithoutPmix) {
  Set("SLURM_STEP_NUM_TASKS", "4");
  const auto refused = ::testing::AllOf(
      ::testing::HasSubstr("srun started 4 processes without PMIx"),
      ::testing::HasSubstr("built with Open MPI"), ::testing::HasSubstr("srun --mpi=pmix"));
  EXPECT_THAT(Message(), refused);
  Set("PMI_RANK", "3");  // srun --mpi=pmi2
  Set("PMI_SIZE", "4");
  EXPECT_THAT(Message(), refused);
}

TEST_F(LaunchedByMpi, RefusesTheLauncherOfAnotherLibrary) {
  Set("PMI_RANK", "1");
  Set("PMI_SIZE", "2");
  EXPECT_THAT(
      Message(),
      ::testing::AllOf(::testing::HasSubstr("mpirun started 2 processes for another MPI library"),
                       ::testing::HasSubstr("built with Open MPI"),
                       ::testing::HasSubstr("the mpirun of that library")));
}

TEST_F(LaunchedByMpi, OneOfTheCopiesHasRankZeroByTheLauncher) {
  EXPECT_EQ(MpiSession::RankByLauncher(), 0);
  Set("SLURM_PROCID", "5");
  EXPECT_EQ(MpiSession::RankByLauncher(), 5);
  Set("PMI_RANK", "4");
  EXPECT_EQ(MpiSession::RankByLauncher(), 4);
  Set("OMPI_COMM_WORLD_RANK", "3");
  EXPECT_EQ(MpiSession::RankByLauncher(), 3);
}

}  // namespace
}  // namespace hearth
