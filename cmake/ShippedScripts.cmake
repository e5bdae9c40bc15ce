# Puts launch/slurm/*.sbatch into the command, so that `hearth launch slurm` writes the shipped scripts no matter where
# it is installed. The next build takes up an edited script.

set(scripts ${PROJECT_SOURCE_DIR}/launch/slurm)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${scripts}/train.sbatch ${scripts}/train-srun.sbatch)
file(READ ${scripts}/train.sbatch mpirun_script)
file(READ ${scripts}/train-srun.sbatch srun_script)
configure_file(${CMAKE_CURRENT_LIST_DIR}/shipped_scripts.cc.in
  ${PROJECT_BINARY_DIR}/generated/launch/slurm/shipped_scripts.cc @ONLY)
target_sources(hearth_launch PRIVATE ${PROJECT_BINARY_DIR}/generated/launch/slurm/shipped_scripts.cc)
