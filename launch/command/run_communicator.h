#pragma once

#include <c10/core/Device.h>

#include "cluster/communicator_choice.h"
#include "launch/command/job.h"
#include "trainer/loop/options.h"

namespace hearth {

/// The communicator that a run over all ranks uses, when this rank computes on `device`. Throws the
/// errors of MakeChosenCommunicator. Collective: all ranks must call.
ChosenCommunicator MakeRunCommunicator(const Job& job, const DistOptions& dist, c10::Device device);

}  // namespace hearth
