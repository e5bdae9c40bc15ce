#pragma once

#include "cluster/mpi_session.h"

namespace hearth::testing {

/// The session that mpi_main.cc has started around the tests.
const MpiSession& WorldSession();

}  // namespace hearth::testing
