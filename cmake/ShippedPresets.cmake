# Puts the presets of configs/ into the command, so that `hearth train` finds them no matter where it is installed. The
# next build takes up an edited preset.

set(presets ${PROJECT_SOURCE_DIR}/configs)
foreach(preset ratings clicks binary)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${presets}/${preset}.yaml)
  file(READ ${presets}/${preset}.yaml ${preset}_preset)
endforeach()
configure_file(${CMAKE_CURRENT_LIST_DIR}/shipped_presets.cc.in
  ${PROJECT_BINARY_DIR}/generated/launch/config/shipped_presets.cc @ONLY)
target_sources(hearth_launch PRIVATE ${PROJECT_BINARY_DIR}/generated/launch/config/shipped_presets.cc)
