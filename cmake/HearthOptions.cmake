# Defines the build options, the compiler flags and the compiler cache.

set(HEARTH_CUDA AUTO CACHE STRING "Build the CUDA flavour: AUTO (when a CUDA toolkit is found), ON or OFF")
set_property(CACHE HEARTH_CUDA PROPERTY STRINGS AUTO ON OFF)
option(HEARTH_LIBTORCH "Build trainer/ and launch/; OFF builds the LibTorch-free rooms alone (sanitizer builds)" ON)
option(HEARTH_TESTS "Build the tests" ON)
option(HEARTH_BENCH "Build the benchmark programs in bench/" OFF)
option(HEARTH_FUZZ "Build the fuzzers in tests/fuzz/ (clang only)" OFF)
option(HEARTH_PRECOMPILE "Precompile the headers of libraries that most files of a room include" ON)
set(HEARTH_SANITIZE "" CACHE STRING "Sanitizers for every target, for example address,undefined or thread")
set(HEARTH_COVERAGE "" CACHE STRING "Folders whose sources record what is executed, for example storage;launch/config")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CUDA_FLAGS_INIT "--expt-relaxed-constexpr")
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
# There is no NDEBUG: HEARTH_CHECK is always on. The instruction set is fixed, because results must not depend on the
# build host. It includes AVX2, because LibTorch's kernels are tuned for machines that have it.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -march=x86-64-v3 -g1")

if(HEARTH_SANITIZE)
  add_compile_options(-O1 -fsanitize=${HEARTH_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${HEARTH_SANITIZE})
endif()

find_program(CCACHE ccache)
if(CCACHE)
  # CCACHE_BASEDIR and CCACHE_NOHASHDIR let a clone in another folder use the cache. ccache asks for this sloppiness if
  # headers are precompiled.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${launcher})
endif()
