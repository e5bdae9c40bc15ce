#include "launch/command/run_communicator.h"

namespace hearth {

ChosenCommunicator MakeRunCommunicator(const Job& job, const DistOptions& dist,
                                       c10::Device device) {
  CommunicatorRequest request = {.wanted = dist.comm,
                                 .options = {.deadline_sec = dist.timeout_sec}};
  if (device.is_cuda()) request.cuda_device = device.index();
  return MakeChosenCommunicator(job.MakeCommunicator(request.options), request);
}

}  // namespace hearth
