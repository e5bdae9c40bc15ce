#include "launch/command/private_files.h"

#include <sys/resource.h>
#include <sys/stat.h>

namespace hearth {

void KeepFilesPrivate() {
  umask(077);
  // A limit of 1 byte is too little for a core file, and it is the one limit that also stops a core
  // dump handed to a program (core(5)). PR_SET_DUMPABLE would keep MPI from copying between ranks
  // of a host.
  const rlimit none{1, 1};
  setrlimit(RLIMIT_CORE, &none);
}

}  // namespace hearth
