# hearth_add_room(NAME LINKS target...)
#   One static library per room from every .cc of its folder and sub-rooms (main.cc excepted).
function(hearth_add_room room)
  cmake_parse_arguments(arg "" "" "LINKS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${room}/*.cc)
  list(REMOVE_ITEM sources ${room}/main.cc)
  add_library(hearth_${room} STATIC ${sources})
  add_library(hearth::${room} ALIAS hearth_${room})
  target_include_directories(hearth_${room} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
  target_link_libraries(hearth_${room} PUBLIC ${arg_LINKS})
  hearth_warnings(hearth_${room})
endfunction()

function(hearth_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wconversion -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # GCC bug 105651: false alarms on "literal" + std::string at -O2.
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
  endif()
  if(HEARTH_SANITIZE)
    # GCC warns of uninitialised values inside the standard library in instrumented code.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
  endif()
endfunction()
