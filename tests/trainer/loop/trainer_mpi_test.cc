#include <gtest/gtest.h>

#include "cluster/self_communicator.h"
#include "tests/tools/mpi_world.h"
#include "tests/trainer/support/training.h"
#include "trainer/loop/trainer.h"

namespace hearth {
namespace {

TEST(TrainerUnderMpi, EndsInTheBitsOfOneProcess) {
  const std::unique_ptr<Communicator> world = testing::WorldSession().MakeCommunicator();
  const std::string folder =
      ::testing::TempDir() + "/hearth-trainer-mpi-" + std::to_string(world->world_size());
  if (world->is_root()) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder + "/together");
    std::filesystem::create_directories(folder + "/alone");
    SimulateSmallDataset(folder + "/data");
  }
  world->Barrier();
  const Dataset dataset({.path = folder + "/data"});
  TrainerOptions options = SmallRun(folder + "/together", 50);
  Train(options, dataset, *world);
  if (!world->is_root()) return;
  SelfCommunicator self;
  options.run_dir = folder + "/alone";
  Train(options, dataset, self);
  EXPECT_EQ(ModelHash(folder + "/together", 50), ModelHash(folder + "/alone", 50));
}

}  // namespace
}  // namespace hearth
