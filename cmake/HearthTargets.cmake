# hearth_add_room(NAME LINKS target... [PRECOMPILE header...])
#   One static library per room from every .cc of its folder and sub-rooms (main.cc excepted), in the
#   CUDA flavour also from every .cu.
function(hearth_add_room room)
  cmake_parse_arguments(arg "" "" "LINKS;PRECOMPILE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${room}/*.cc)
  list(REMOVE_ITEM sources ${room}/main.cc)
  if(HEARTH_WITH_CUDA)
    file(GLOB_RECURSE kernels CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${room}/*.cu)
    list(APPEND sources ${kernels})
  endif()
  add_library(hearth_${room} STATIC ${sources})
  add_library(hearth::${room} ALIAS hearth_${room})
  target_include_directories(hearth_${room} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
  target_link_libraries(hearth_${room} PUBLIC ${arg_LINKS})
  hearth_warnings(hearth_${room})
  hearth_precompile(hearth_${room} ${arg_PRECOMPILE})
  hearth_record_coverage(hearth_${room} ${sources})
endfunction()

# hearth_precompile(TARGET header...)
#   Headers of libraries, never our own, so that a change of ours compiles no more than what includes it. A file still
#   includes what it uses: -DHEARTH_PRECOMPILE=OFF builds without.
function(hearth_precompile target)
  if(NOT HEARTH_PRECOMPILE OR NOT ARGN)
    return()
  endif()
  list(TRANSFORM ARGN REPLACE "(.+)" "<\\1>" OUTPUT_VARIABLE headers)
  target_precompile_headers(${target} PRIVATE ${headers})
endfunction()

# All other objects stay those of a release build, which a compiler cache knows.
function(hearth_record_coverage target)
  foreach(folder ${HEARTH_COVERAGE})
    foreach(source ${ARGN})
      if(source MATCHES "^${folder}/")
        set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS --coverage -O0)
        set_property(SOURCE ${source} PROPERTY SKIP_PRECOMPILE_HEADERS ON)  # which were compiled without
        target_link_options(${target} PUBLIC --coverage)
      endif()
    endforeach()
  endforeach()
endfunction()

function(hearth_warnings target)
  set(warnings -Wall -Wextra -Wshadow -Wconversion -Werror)
  list(JOIN warnings "," warnings_through_nvcc)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:C,CXX>:${warnings}>
    $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=${warnings_through_nvcc} -Werror=all-warnings>)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # GCC bug 105651: false alarms on "literal" + std::string at -O2.
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
  endif()
  if(HEARTH_SANITIZE)
    # GCC warns of uninitialised values inside the standard library in instrumented code.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
  endif()
endfunction()
