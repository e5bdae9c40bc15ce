# Defines an imported target for every library that hearth links. All are Debian 12 packages except LibTorch.
# launch/setup unpacks LibTorch from the PyPI wheel; HEARTH_LIBTORCH_DIR can name any other LibTorch 2.11.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(MPI REQUIRED COMPONENTS CXX)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
add_library(xxhash::xxhash ALIAS PkgConfig::xxhash)
find_path(UTFCPP_INCLUDE_DIR utf8cpp/utf8.h REQUIRED)  # its CMake files have other names in each version
add_library(utfcpp::utfcpp INTERFACE IMPORTED)
target_include_directories(utfcpp::utfcpp SYSTEM INTERFACE ${UTFCPP_INCLUDE_DIR})

find_package(LibArchive REQUIRED)
find_package(HDF5 1.10 REQUIRED COMPONENTS C)
add_library(hdf5::c INTERFACE IMPORTED)
target_include_directories(hdf5::c SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
target_link_libraries(hdf5::c INTERFACE ${HDF5_C_LIBRARIES})

# Arrow reads Parquet files. It is optional: launch/setup --parquet unpacks it from a wheel. A sanitizer would report the
# library's own memory, so these builds do without.
set(HEARTH_ARROW_DIR ${PROJECT_SOURCE_DIR}/.deps/arrow CACHE PATH "Arrow: the folder with include/ and lib/")
file(GLOB arrow_library ${HEARTH_ARROW_DIR}/lib/libarrow.so*)
file(GLOB parquet_library ${HEARTH_ARROW_DIR}/lib/libparquet.so*)
if(arrow_library AND parquet_library AND NOT HEARTH_SANITIZE)
  add_library(arrow::parquet INTERFACE IMPORTED)
  target_include_directories(arrow::parquet SYSTEM INTERFACE ${HEARTH_ARROW_DIR}/include)
  target_link_libraries(arrow::parquet INTERFACE ${parquet_library} ${arrow_library})
endif()

if(NOT HEARTH_LIBTORCH)
  return()
endif()

find_package(yaml-cpp REQUIRED)
if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()
find_package(CLI11 REQUIRED)

set(libtorch_dir ${PROJECT_SOURCE_DIR}/.deps/python/torch)
if(NOT EXISTS ${libtorch_dir}/lib/libtorch_cpu.so)
  # A site may provide a LibTorch in a folder on CMAKE_PREFIX_PATH, which modules set.
  find_library(site_torch torch_cpu)
  if(site_torch)
    cmake_path(GET site_torch PARENT_PATH libtorch_dir)
    cmake_path(GET libtorch_dir PARENT_PATH libtorch_dir)
  endif()
endif()
set(HEARTH_LIBTORCH_DIR ${libtorch_dir} CACHE PATH "LibTorch 2.11: the folder with include/ and lib/")
set(torch_lib ${HEARTH_LIBTORCH_DIR}/lib)
if(NOT EXISTS ${torch_lib}/libtorch_cpu.so)
  message(FATAL_ERROR "LibTorch is not at ${HEARTH_LIBTORCH_DIR}: run launch/setup, or set -DHEARTH_LIBTORCH_DIR=DIR")
endif()

set(HEARTH_WITH_CUDA OFF)
set(why_not "HEARTH_CUDA=OFF")
if(NOT HEARTH_CUDA STREQUAL "OFF")
  find_package(CUDAToolkit 13 QUIET)
  if(NOT CUDAToolkit_FOUND)
    set(why_not "no CUDA 13 toolkit was found: put nvcc on PATH or set CUDAToolkit_ROOT")
  elseif(NOT CUDAToolkit_NVCC_EXECUTABLE)
    set(why_not "the CUDA toolkit in ${CUDAToolkit_ROOT} has no nvcc")
  elseif(NOT EXISTS ${torch_lib}/libtorch_cuda.so)
    set(why_not "${torch_lib} has no libtorch_cuda.so: run launch/setup with the CUDA toolkit present")
  else()
    # Some toolkits contain NCCL. Otherwise it is a package (libnccl-dev) or a wheel next to LibTorch's wheel
    # (nvidia-nccl-cu13).
    set(nccl_wheel ${HEARTH_LIBTORCH_DIR}/../nvidia/nccl)
    find_path(NCCL_INCLUDE_DIR nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS} ${nccl_wheel}/include)
    find_library(NCCL_LIBRARY NAMES nccl libnccl.so.2 HINTS ${CUDAToolkit_LIBRARY_DIR} ${nccl_wheel}/lib)
    if(NCCL_INCLUDE_DIR AND NCCL_LIBRARY)
      set(HEARTH_WITH_CUDA ON)
    else()
      set(why_not "NCCL 2 (nccl.h and libnccl.so) was not found: install libnccl-dev, or set NCCL_INCLUDE_DIR and NCCL_LIBRARY")
    endif()
  endif()
  if(HEARTH_CUDA STREQUAL "ON" AND NOT HEARTH_WITH_CUDA)
    message(FATAL_ERROR "HEARTH_CUDA=ON, but ${why_not}")
  endif()
endif()
if(HEARTH_WITH_CUDA)
  # Architecture 90 is H100 and H200. hearth must use the CUDA runtime that LibTorch has loaded, so it links the shared
  # one.
  set(CMAKE_CUDA_ARCHITECTURES 90 CACHE STRING "GPU architectures hearth's own kernels are built for")
  set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE} CACHE FILEPATH "nvcc")
  set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)
  enable_language(CUDA)
  # CMake 3.25 does not know that nvcc 13 takes the standard of the other sources.
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
  add_library(nccl::nccl UNKNOWN IMPORTED)
  set_target_properties(nccl::nccl PROPERTIES IMPORTED_LOCATION ${NCCL_LIBRARY})
  message(STATUS "hearth: ${CMAKE_BUILD_TYPE}, CUDA ${CUDAToolkit_VERSION}, NCCL at ${NCCL_LIBRARY}, LibTorch at ${HEARTH_LIBTORCH_DIR}")
else()
  message(STATUS "hearth: ${CMAKE_BUILD_TYPE}, CPU (${why_not}), LibTorch at ${HEARTH_LIBTORCH_DIR}")
endif()

# find_package(Torch) of the wheel is a fatal error if there is no CUDA toolkit, so both flavours use this target. The
# CPU flavour links libtorch_cpu and libc10 alone, and starts faster.
add_library(libtorch::libtorch INTERFACE IMPORTED)
target_include_directories(libtorch::libtorch SYSTEM INTERFACE
  ${HEARTH_LIBTORCH_DIR}/include ${HEARTH_LIBTORCH_DIR}/include/torch/csrc/api/include)
# Otherwise <ATen/TensorOperators.h> would declare all operators, which takes 5 s for each file.
target_compile_definitions(libtorch::libtorch INTERFACE AT_PER_OPERATOR_HEADERS)
# The wheel's libraries find their CUDA libraries through their own run path. The linker does not follow this path when
# it looks for undefined symbols.
target_link_options(libtorch::libtorch INTERFACE -Wl,--allow-shlib-undefined)
target_link_libraries(libtorch::libtorch INTERFACE ${torch_lib}/libtorch_cpu.so ${torch_lib}/libc10.so)
if(HEARTH_WITH_CUDA)
  # Old-style tags write DT_RPATH. The loader searches it also for the libraries that libtorch_cuda.so needs, so it
  # finds a toolkit outside its default folders.
  target_link_options(libtorch::libtorch INTERFACE -Wl,--disable-new-dtags -Wl,-rpath,${CUDAToolkit_LIBRARY_DIR})
  # Kernels register through static initialisers. No code names their symbols, so the linker must be told to keep the
  # library.
  target_link_libraries(libtorch::libtorch INTERFACE
    -Wl,--no-as-needed ${torch_lib}/libtorch_cuda.so ${torch_lib}/libc10_cuda.so -Wl,--as-needed)
endif()
