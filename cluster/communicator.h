#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hearth {

/// How values of several ranks become one.
enum class ReduceOp { kSum, kMin, kMax };

/// A set of ranks that talk. All operations are collective: all ranks must call them, in the same
/// order, with the same element counts (unless said otherwise). Counts are elements, never bytes.
/// At one rank every operation is the identity, so callers never branch on world size.
/// Not thread safe: one communicator per thread of communication.
///
/// Failure: a peer that is lost or does not arrive before the deadline raises CommError naming the
/// operation, this rank and the waiting time. Afterwards the communicator must not be used.
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int world_size() const = 0;
  bool is_root() const { return rank() == 0; }
  /// "self", "thread", "mpi": printed at start.
  virtual std::string name() const = 0;

  /// In place, element-wise over all ranks; every rank gets the same bits.
  virtual void AllReduce(std::span<float> data, ReduceOp op) = 0;
  virtual void AllReduce(std::span<double> data, ReduceOp op) = 0;
  virtual void AllReduce(std::span<int32_t> data, ReduceOp op) = 0;
  virtual void AllReduce(std::span<int64_t> data, ReduceOp op) = 0;
  virtual void AllReduce(std::span<uint8_t> data, ReduceOp op) = 0;

  /// Copies root's data to every rank.
  void Broadcast(std::span<float> data, int root);
  void Broadcast(std::span<double> data, int root);
  void Broadcast(std::span<int32_t> data, int root);
  void Broadcast(std::span<int64_t> data, int root);
  void Broadcast(std::span<uint8_t> data, int root);

  /// Concatenates every rank's data in rank order; counts may differ and may be 0.
  /// `counts`, if not null, receives the element count of each rank.
  template <typename T>
  std::vector<T> AllGather(std::span<const T> data, std::vector<int64_t>* counts = nullptr);

  /// Rank r gets send_counts[r] elements, taken in order from `send`. Returns what this rank got,
  /// in rank order; `receive_counts`, if not null, receives the count from each rank.
  template <typename T>
  std::vector<T> AllToAll(std::span<const T> send, std::span<const int64_t> send_counts,
                          std::vector<int64_t>* receive_counts = nullptr);

  virtual void Barrier() = 0;

 protected:
  // The byte-level operations that an implementation provides; sizes in bytes.
  virtual void BroadcastBytes(std::span<uint8_t> data, int root) = 0;
  virtual std::vector<uint8_t> AllGatherBytes(std::span<const uint8_t> data,
                                              std::vector<int64_t>* sizes_bytes) = 0;
  virtual std::vector<uint8_t> AllToAllBytes(std::span<const uint8_t> send,
                                             std::span<const int64_t> send_sizes_bytes,
                                             std::vector<int64_t>* receive_sizes_bytes) = 0;
  friend class CountingCommunicator;
};

/// Text of every rank, in rank order. Collective.
std::vector<std::string> AllGatherText(Communicator& communicator, const std::string& text);

}  // namespace hearth
