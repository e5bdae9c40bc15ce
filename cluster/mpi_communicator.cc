#include "cluster/mpi_communicator.h"

#include <algorithm>
#include <exception>
#include <numeric>
#include <string>

#include <mpi.h>

#include "cluster/mpi_error.h"
#include "cluster/poll_wait.h"
#include "common/error.h"
#include "common/to_underlying.h"

namespace hearth {
namespace {

MPI_Datatype DatatypeOf(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return MPI_FLOAT;
    case ElementType::kFloat64:
      return MPI_DOUBLE;
    case ElementType::kInt32:
      return MPI_INT32_T;
    case ElementType::kInt64:
      return MPI_INT64_T;
    case ElementType::kUint8:
      return MPI_UINT8_T;
  }
  HEARTH_CHECK(false, "element type {}", ToUnderlying(type));
}

MPI_Op OperationOf(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
      return MPI_SUM;
    case ReduceOp::kMin:
      return MPI_MIN;
    case ReduceOp::kMax:
      return MPI_MAX;
  }
  HEARTH_CHECK(false, "reduce operation {}", ToUnderlying(op));
}

// Converts a size to an MPI count. No other code does.
int MpiCount(int64_t count) {
  HEARTH_CHECK(count >= 0 && count <= INT32_MAX, "{} elements in one message", count);
  return static_cast<int>(count);
}

class MpiCommunicator : public Communicator {
 public:
  explicit MpiCommunicator(const MpiCommunicatorOptions& options) : options_(options) {
    CheckMpi(MPI_Comm_dup(MPI_COMM_WORLD, &comm_), "communicator set-up");
    CheckMpi(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "communicator set-up");
    CheckMpi(MPI_Comm_rank(comm_, &rank_), "communicator set-up");
    CheckMpi(MPI_Comm_size(comm_, &world_size_), "communicator set-up");
  }

  // Freeing is collective, so a communicator that failed is not freed.
  ~MpiCommunicator() override {
    if (!broken_ && std::uncaught_exceptions() == 0) MPI_Comm_free(&comm_);
  }

  int rank() const override { return rank_; }
  int world_size() const override { return world_size_; }
  std::string name() const override { return "mpi"; }

  void Barrier() override {
    std::vector<MPI_Request> requests(1);
    Check(MPI_Ibarrier(comm_, requests.data()), "Barrier");
    Wait(requests, "Barrier");
  }

 protected:
  void AllReduceElements(void* data, int64_t count, ElementType type, ReduceOp op) override {
    if (world_size_ == 1) return;
    const int64_t element_bytes = SizeBytesOf(type);
    const int64_t block = options_.bucket_bytes / element_bytes;
    for (int64_t begin = 0; begin < count; begin += block) {
      auto* block_data = static_cast<uint8_t*>(data) + begin * element_bytes;
      const int64_t size = std::min(block, count - begin);
      if (size * element_bytes >= options_.part_bytes * world_size_) {
        AllReduceBySlices(block_data, size, type, op);
      } else {
        std::vector<MPI_Request> requests(1);
        Check(MPI_Iallreduce(MPI_IN_PLACE, block_data, MpiCount(size), DatatypeOf(type),
                             OperationOf(op), comm_, requests.data()),
              "AllReduce");
        Wait(requests, "AllReduce");
      }
    }
  }

  void BroadcastBytes(std::span<uint8_t> data, int root) override {
    HEARTH_CHECK(root >= 0 && root < world_size_, "root {} of {} ranks", root, world_size_);
    if (world_size_ == 1) return;
    std::vector<MPI_Request> requests(1);
    for (int64_t begin = 0; begin < std::ssize(data); begin += options_.message_bytes) {
      const int64_t size = std::min(options_.message_bytes, std::ssize(data) - begin);
      Check(MPI_Ibcast(data.data() + begin, MpiCount(size), MPI_BYTE, root, comm_, requests.data()),
            "Broadcast");
      Wait(requests, "Broadcast");
    }
  }

  std::vector<int64_t> AllGatherBytes(std::span<const uint8_t> data,
                                      const Allocate& allocate) override {
    const int64_t own_size = std::ssize(data);
    std::vector<int64_t> sizes(world_size_);
    std::vector<MPI_Request> requests(1);
    Check(MPI_Iallgather(&own_size, 1, MPI_INT64_T, sizes.data(), 1, MPI_INT64_T, comm_,
                         requests.data()),
          "AllGather");
    Wait(requests, "AllGather");
    const std::vector<std::span<const uint8_t>> sends(world_size_, data);
    Exchange(sends, sizes, allocate, "AllGather");
    return sizes;
  }

  std::vector<int64_t> AllToAllBytes(std::span<const uint8_t> send,
                                     std::span<const int64_t> send_sizes_bytes,
                                     const Allocate& allocate) override {
    HEARTH_CHECK(std::ssize(send_sizes_bytes) == world_size_);
    HEARTH_CHECK(std::reduce(send_sizes_bytes.begin(), send_sizes_bytes.end()) == std::ssize(send));
    std::vector<int64_t> sizes(world_size_);
    std::vector<MPI_Request> requests(1);
    Check(MPI_Ialltoall(send_sizes_bytes.data(), 1, MPI_INT64_T, sizes.data(), 1, MPI_INT64_T,
                        comm_, requests.data()),
          "AllToAll");
    Wait(requests, "AllToAll");
    std::vector<std::span<const uint8_t>> sends;
    for (const int64_t size : send_sizes_bytes) {
      sends.push_back(send.first(size));
      send = send.subspan(size);
    }
    Exchange(sends, sizes, allocate, "AllToAll");
    return sizes;
  }

 private:
  // Each rank reduces one slice, in rank order, and sends it to the others. No algorithm sends
  // less. MPI_Iallreduce of Open MPI 4.1 sends as much, but takes up to three times as long.
  void AllReduceBySlices(uint8_t* data, int64_t count, ElementType type, ReduceOp op) {
    const int64_t element_bytes = SizeBytesOf(type);
    std::vector<std::span<const uint8_t>> slices;
    std::vector<int64_t> slice_sizes;
    for (int64_t rank = 0; rank < world_size_; ++rank) {
      const int64_t begin = count * rank / world_size_, end = count * (rank + 1) / world_size_;
      slice_sizes.push_back((end - begin) * element_bytes);
      slices.emplace_back(data + begin * element_bytes, slice_sizes.back());
    }
    const int64_t own_size = slice_sizes[rank_];
    std::vector<uint8_t> own;  // [rank] that rank's values of this rank's slice
    const auto allocate_own = [&](int64_t size) {
      own.resize(size);
      return own.data();
    };
    Exchange(slices, std::vector<int64_t>(world_size_, own_size), allocate_own, "AllReduce");
    for (int64_t rank = 1; rank < world_size_; ++rank) {
      Check(MPI_Reduce_local(own.data() + rank * own_size, own.data(),
                             MpiCount(own_size / element_bytes), DatatypeOf(type), OperationOf(op)),
            "AllReduce");
    }
    const std::span<const uint8_t> reduced = std::span(own).first(own_size);
    Exchange(
        std::vector(world_size_, reduced), slice_sizes, [&](int64_t) { return data; }, "AllReduce");
  }

  // Sends sends[r] to rank r and receives receive_sizes[r] bytes from it, back to back in rank
  // order. The messages are point to point, because the collectives of MPI cannot place data beyond
  // 2^31 elements.
  void Exchange(const std::vector<std::span<const uint8_t>>& sends,
                const std::vector<int64_t>& receive_sizes, const Allocate& allocate,
                const char* operation) {
    uint8_t* out = allocate(std::reduce(receive_sizes.begin(), receive_sizes.end()));
    std::vector<MPI_Request> requests;
    for (int peer = 0; peer < world_size_; ++peer) {
      const int64_t size = receive_sizes[peer];
      if (peer == rank_) {
        std::copy_n(sends[peer].data(), size, out);
      } else {
        ForEachMessage(size, [&](int64_t begin, int count) {
          Check(MPI_Irecv(out + begin, count, MPI_BYTE, peer, 0, comm_, &requests.emplace_back()),
                operation);
        });
      }
      out += size;
    }
    for (int step = 1; step < world_size_; ++step) {
      const int peer = (rank_ + step) % world_size_;  // each rank begins with another peer
      const std::span<const uint8_t> send = sends[peer];
      ForEachMessage(std::ssize(send), [&](int64_t begin, int count) {
        Check(MPI_Isend(send.data() + begin, count, MPI_BYTE, peer, 0, comm_,
                        &requests.emplace_back()),
              operation);
      });
    }
    Wait(requests, operation);
  }

  template <typename Function>
  void ForEachMessage(int64_t size, const Function& function) const {
    for (int64_t begin = 0; begin < size; begin += options_.message_bytes) {
      function(begin, MpiCount(std::min(options_.message_bytes, size - begin)));
    }
  }

  void Wait(std::vector<MPI_Request>& requests, const char* operation) {
    PollWait wait(options_.base.deadline_sec);
    while (true) {
      int done = 0;
      Check(
          MPI_Testall(MpiCount(std::ssize(requests)), requests.data(), &done, MPI_STATUSES_IGNORE),
          operation);
      if (done != 0) return;
      if (!wait.Continue()) {
        broken_ = true;
        throw CommError("{}: rank {} of {} waited {} s for the others", operation, rank_,
                        world_size_, options_.base.deadline_sec);
      }
    }
  }

  void Check(int code, const char* operation) {
    if (code != MPI_SUCCESS) broken_ = true;
    CheckMpi(code, operation);
  }

  const MpiCommunicatorOptions options_;
  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0;
  int world_size_ = 1;
  bool broken_ = false;
};

}  // namespace

std::unique_ptr<Communicator> MakeMpiCommunicator(const MpiCommunicatorOptions& options) {
  return std::make_unique<MpiCommunicator>(options);
}

}  // namespace hearth
