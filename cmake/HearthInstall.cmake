# `cmake --install BUILD --prefix DIR` installs the program together with its LibTorch into a folder. The folder can be
# moved, or copied to other machines. It does not contain system libraries (Open MPI, HDF5, ...): each site has its own.
include(GNUInstallDirs)
set(programs hearth)
if(TARGET hearth-parquet)
  list(APPEND programs hearth-parquet)
endif()
set_target_properties(${programs} PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}/hearth")
install(TARGETS ${programs}
  RUNTIME_DEPENDENCIES
    PRE_EXCLUDE_REGEXES "^libc\\.so" "^ld-linux"
    POST_EXCLUDE_REGEXES "^/lib" "^/usr/lib" "^/usr/local/cuda"
    DIRECTORIES ${torch_lib} ${HEARTH_ARROW_DIR}/lib
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/hearth)
install(DIRECTORY configs launch/slurm DESTINATION ${CMAKE_INSTALL_DATADIR}/hearth)
install(FILES README.md LICENSE CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
