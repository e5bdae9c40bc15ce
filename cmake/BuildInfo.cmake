# Writes common/build_info.h, which describes the build. Every build looks up the commit and writes it into one small
# source file. The file changes only if the commit does, so a new commit recompiles this file alone, and links again.

find_package(Git QUIET)
pkg_check_modules(ompi QUIET ompi)
if(ompi_FOUND)
  set(mpi_text "Open MPI ${ompi_VERSION}")
else()
  set(mpi_text "MPI ${MPI_CXX_VERSION}")
endif()
set(flavour "CPU")
if(HEARTH_WITH_CUDA)
  set(flavour "CUDA ${CUDAToolkit_VERSION_MAJOR}.${CUDAToolkit_VERSION_MINOR}")
endif()

set(generated ${PROJECT_BINARY_DIR}/generated/common)
configure_file(${CMAKE_CURRENT_LIST_DIR}/build_info.h.in ${generated}/build_info.h)
set(HEARTH_COMMIT "@HEARTH_COMMIT@")  # WriteCommit.cmake fills it at build time
configure_file(${CMAKE_CURRENT_LIST_DIR}/build_info.cc.in ${generated}/build_info.cc.in @ONLY)
add_custom_target(hearth_commit
  COMMAND ${CMAKE_COMMAND} -DGIT=${GIT_EXECUTABLE} -DSOURCE=${PROJECT_SOURCE_DIR}
          -DINPUT=${generated}/build_info.cc.in -DOUTPUT=${generated}/build_info.cc
          -P ${CMAKE_CURRENT_LIST_DIR}/WriteCommit.cmake
  BYPRODUCTS ${generated}/build_info.cc
  COMMENT "Looking up the commit"
  VERBATIM)

add_library(hearth_build_info STATIC ${generated}/build_info.cc)
add_dependencies(hearth_build_info hearth_commit)
target_include_directories(hearth_build_info PUBLIC ${PROJECT_BINARY_DIR}/generated)
hearth_warnings(hearth_build_info)
if(TARGET hearth_launch)
  target_link_libraries(hearth_launch PUBLIC hearth_build_info)
endif()
