# Every library hearth links, as imported targets. Debian 12 packages except LibTorch, which is the
# PyPI wheel unpacked by launch/setup (or any LibTorch 2.11 given as HEARTH_LIBTORCH_DIR).

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(MPI REQUIRED COMPONENTS CXX)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
add_library(xxhash::xxhash ALIAS PkgConfig::xxhash)

find_package(HDF5 1.10 REQUIRED COMPONENTS C)
add_library(hdf5::c INTERFACE IMPORTED)
target_include_directories(hdf5::c SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
target_link_libraries(hdf5::c INTERFACE ${HDF5_C_LIBRARIES})

if(NOT HEARTH_LIBTORCH)
  return()
endif()

find_package(yaml-cpp REQUIRED)
if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()
find_package(CLI11 REQUIRED)

set(HEARTH_LIBTORCH_DIR ${PROJECT_SOURCE_DIR}/.deps/python/torch CACHE PATH "LibTorch 2.11: the folder with include/ and lib/")
if(NOT EXISTS ${HEARTH_LIBTORCH_DIR}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "LibTorch is not at ${HEARTH_LIBTORCH_DIR}: run launch/setup, or set -DHEARTH_LIBTORCH_DIR=DIR")
endif()

set(HEARTH_WITH_CUDA OFF)
if(NOT HEARTH_CUDA STREQUAL "OFF")
  find_package(CUDAToolkit 13 QUIET)
  if(CUDAToolkit_FOUND)
    set(HEARTH_WITH_CUDA ON)
  elseif(HEARTH_CUDA STREQUAL "ON")
    message(FATAL_ERROR "HEARTH_CUDA=ON needs a CUDA 13 toolkit (nvcc on PATH); none was found")
  endif()
endif()
message(STATUS "hearth: ${CMAKE_BUILD_TYPE} build, CUDA ${HEARTH_WITH_CUDA}, LibTorch at ${HEARTH_LIBTORCH_DIR}")

# find_package(Torch) of the wheel is a fatal error without a CUDA toolkit, so both flavours use these
# targets: the CPU one names libtorch_cpu and libc10 alone and starts faster.
add_library(libtorch::libtorch INTERFACE IMPORTED)
target_include_directories(libtorch::libtorch SYSTEM INTERFACE
  ${HEARTH_LIBTORCH_DIR}/include ${HEARTH_LIBTORCH_DIR}/include/torch/csrc/api/include)
target_compile_definitions(libtorch::libtorch INTERFACE _GLIBCXX_USE_CXX11_ABI=1)
# The wheel's libraries find their CUDA companions through their own run path.
target_link_options(libtorch::libtorch INTERFACE -Wl,-rpath,${HEARTH_LIBTORCH_DIR}/lib
  -Wl,--allow-shlib-undefined)
target_link_libraries(libtorch::libtorch INTERFACE
  ${HEARTH_LIBTORCH_DIR}/lib/libtorch_cpu.so ${HEARTH_LIBTORCH_DIR}/lib/libc10.so)
if(HEARTH_WITH_CUDA)
  target_compile_definitions(libtorch::libtorch INTERFACE HEARTH_WITH_CUDA=1)
  target_include_directories(libtorch::libtorch SYSTEM INTERFACE ${CUDAToolkit_INCLUDE_DIRS})
  # Registered through static initialisers: nothing names their symbols, so the linker must keep them.
  target_link_libraries(libtorch::libtorch INTERFACE -Wl,--no-as-needed
    ${HEARTH_LIBTORCH_DIR}/lib/libtorch_cuda.so ${HEARTH_LIBTORCH_DIR}/lib/libc10_cuda.so -Wl,--as-needed)
endif()
