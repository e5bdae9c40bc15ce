# cmake -DGIT= -DSOURCE= -DINPUT= -DOUTPUT= -P WriteCommit.cmake
# Fills @HEARTH_COMMIT@ with the short hash of the commit, and "+" if tracked files differ from the commit. Outside a
# git checkout it is "unknown".
set(HEARTH_COMMIT "unknown")
if(GIT)
  execute_process(COMMAND ${GIT} -C ${SOURCE} describe --always --dirty=+ --abbrev=12 --exclude=*
    OUTPUT_VARIABLE answer OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    set(HEARTH_COMMIT ${answer})
  endif()
endif()
configure_file(${INPUT} ${OUTPUT} @ONLY)  # does not touch a file that stays equal
