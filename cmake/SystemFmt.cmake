# LibTorch's include folder contains a newer fmt. Its headers would hide the fmt that spdlog and hearth are linked with.
# So a folder with nothing but the system's fmt comes first.
if(TARGET libtorch::libtorch)
  get_target_property(fmt_include fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
  if(NOT fmt_include)
    set(fmt_include /usr/include)
  endif()
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/system_fmt)
  file(CREATE_LINK ${fmt_include}/fmt ${PROJECT_BINARY_DIR}/system_fmt/fmt SYMBOLIC)
  target_include_directories(libtorch::libtorch SYSTEM BEFORE INTERFACE
    ${PROJECT_BINARY_DIR}/system_fmt)
endif()
