// Starts MPI around the tests of a *_mpi_test.cc binary. Every rank runs every test; rank 0 reports
// and writes the XML, the others print failures only.
#include <cstdio>
#include <exception>
#include <memory>

#include <gtest/gtest.h>

#include "cluster/mpi_session.h"
#include "tests/tools/mpi_world.h"

namespace {

const hearth::MpiSession* world_session = nullptr;

class FailurePrinter : public ::testing::EmptyTestEventListener {
 public:
  explicit FailurePrinter(int rank) : rank_(rank) {}

  void OnTestPartResult(const ::testing::TestPartResult& result) override {
    if (!result.failed()) return;
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    std::fprintf(stderr, "rank %d: %s.%s: %s:%d\n%s\n", rank_,
                 test == nullptr ? "" : test->test_suite_name(),
                 test == nullptr ? "" : test->name(),
                 result.file_name() == nullptr ? "" : result.file_name(), result.line_number(),
                 result.message());
  }

 private:
  int rank_;
};

int RunTests(int rank) {
  if (rank != 0) {
    ::testing::GTEST_FLAG(output) = "";
    auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(std::make_unique<FailurePrinter>(rank).release());  // owned by gtest
  }
  return RUN_ALL_TESTS();
}

}  // namespace

const hearth::MpiSession& hearth::testing::WorldSession() { return *world_session; }

int main(int argc, char** argv) {
  hearth::MpiSession session(&argc, &argv);
  world_session = &session;
  ::testing::InitGoogleTest(&argc, argv);
  try {
    return RunTests(session.world_rank());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rank %d: %s\n", session.world_rank(), error.what());
    hearth::MpiSession::Abort(1);
  }
}
