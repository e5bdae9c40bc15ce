// Starts MPI around the tests of a *_mpi_test.cc binary; only rank 0 writes the XML report.
#include <gtest/gtest.h>

#include "cluster/mpi_session.h"

int main(int argc, char** argv) {
  hearth::MpiSession session(&argc, &argv);
  ::testing::InitGoogleTest(&argc, argv);
  if (session.world_rank() != 0) ::testing::GTEST_FLAG(output) = "";
  return RUN_ALL_TESTS();
}
