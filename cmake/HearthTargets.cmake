# hearth_add_room(NAME LINKS target... [PRECOMPILE header...])
#   Makes one static library for a room from every .cc of its folder and sub-rooms, except main.cc. The CUDA flavour
#   also compiles every .cu.
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
#   Precompiles headers of libraries, but never our own headers: a change of our header must compile only the files that
#   include it. A file still includes all headers that it uses, so -DHEARTH_PRECOMPILE=OFF builds, too.
function(hearth_precompile target)
  if(NOT HEARTH_PRECOMPILE OR NOT ARGN)
    return()
  endif()
  list(TRANSFORM ARGN REPLACE "(.+)" "<\\1>" OUTPUT_VARIABLE headers)
  target_precompile_headers(${target} PRIVATE ${headers})
endfunction()

# hearth_record_coverage(TARGET source...)
#   Instruments the sources in the folders HEARTH_COVERAGE. All other objects stay equal to the objects of a release
#   build, so they come from the compiler cache.
function(hearth_record_coverage target)
  foreach(folder ${HEARTH_COVERAGE})
    foreach(source ${ARGN})
      if(source MATCHES "^${folder}/")
        set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS --coverage -O0)
        set_property(SOURCE ${source} PROPERTY SKIP_PRECOMPILE_HEADERS ON)  # they were compiled with other flags
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
    # Instrumented code makes GCC warn of uninitialised values inside the standard library.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
  endif()
endfunction()
