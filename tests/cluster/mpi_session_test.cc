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
  LaunchedByMpi() {
    for (const char* name :
         {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "SLURM_STEP_NUM_TASKS"}) {
      unsetenv(name);
    }
  }
  ~LaunchedByMpi() override { unsetenv("SLURM_STEP_NUM_TASKS"), unsetenv(set_); }

  void Set(const char* name, const char* value) { setenv(set_ = name, value, 1); }

 private:
  const char* set_ = "SLURM_STEP_NUM_TASKS";
};

TEST_F(LaunchedByMpi, IsFalseForAPlainStart) { EXPECT_FALSE(MpiSession::LaunchedByMpi()); }

TEST_F(LaunchedByMpi, KnowsMpirun) {
  Set("OMPI_COMM_WORLD_SIZE", "1");
  EXPECT_TRUE(MpiSession::LaunchedByMpi());
}

TEST_F(LaunchedByMpi, KnowsSrunWithPmix) {
  setenv("SLURM_STEP_NUM_TASKS", "2", 1);
  Set("PMIX_RANK", "0");
  EXPECT_TRUE(MpiSession::LaunchedByMpi());
}

TEST_F(LaunchedByMpi, IsFalseInASlurmStepOfOneTask) {
  Set("SLURM_STEP_NUM_TASKS", "1");
  EXPECT_FALSE(MpiSession::LaunchedByMpi());
}

TEST_F(LaunchedByMpi, RefusesAStepOfSeveralTasksWithoutPmix) {
  Set("SLURM_STEP_NUM_TASKS", "4");
  try {
    MpiSession::LaunchedByMpi();
    ADD_FAILURE() << "not refused";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), ::testing::AllOf(::testing::HasSubstr("4 tasks"),
                                               ::testing::HasSubstr("srun --mpi=pmix")));
  }
}

}  // namespace
}  // namespace hearth
