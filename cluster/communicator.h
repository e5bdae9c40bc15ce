#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace hearth {

/// Combines the values of several ranks into one.
enum class ReduceOp { kSum, kMin, kMax };
std::string_view NameOf(ReduceOp op);  // "sum", "min", "max"

/// The element types of AllReduce.
enum class ElementType { kFloat32, kFloat64, kInt32, kInt64, kUint8 };
std::string_view NameOf(ElementType type);  // "float32", ...
int64_t SizeBytesOf(ElementType type);

struct CommunicatorOptions {
  /// The longest wait of one operation for its peers, in seconds, > 0. A longer wait fails the job.
  double deadline_sec = 600;
};

/// A set of ranks that exchange data. All operations are collective: all ranks must call them, in
/// the same order, with the same element counts (unless said otherwise). Counts are elements, never
/// bytes. A single rank gets the identity from every operation, so callers never branch on world
/// size. Not thread safe: each communicating thread needs a communicator of its own.
///
/// Failure: a peer that is lost or misses the deadline causes a CommError naming the operation,
/// this rank and the waiting time. Afterwards the communicator must not be used.
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int world_size() const = 0;
  bool is_root() const { return rank() == 0; }
  /// Returns "self", "thread", "mpi" or "nccl"; the program prints it at start.
  virtual std::string name() const = 0;

  /// Reduces in place and element-wise over all ranks; every rank gets the same bits.
  /// Implementations add floats in different orders: chunk_sums.h gives sums that do not depend on
  /// the order. Floats given to min and max must not be NaN.
  void AllReduce(std::span<float> data, ReduceOp op);
  void AllReduce(std::span<double> data, ReduceOp op);
  void AllReduce(std::span<int32_t> data, ReduceOp op);
  void AllReduce(std::span<int64_t> data, ReduceOp op);
  void AllReduce(std::span<uint8_t> data, ReduceOp op);

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

  /// Sends send_counts[r] elements, taken in order from `send`, to rank r. Returns the elements
  /// this rank received, in rank order; `receive_counts`, if not null, receives the count from each
  /// rank.
  template <typename T>
  std::vector<T> AllToAll(std::span<const T> send, std::span<const int64_t> send_counts,
                          std::vector<int64_t>* receive_counts = nullptr);

  virtual void Barrier() = 0;

 protected:
  /// An implementation calls this once with the size of its result; it returns the memory for it.
  using Allocate = std::function<uint8_t*(int64_t size_bytes)>;

  // Implementations provide these functions. Vectors of sizes have one element per rank.
  virtual void AllReduceElements(void* data, int64_t count, ElementType type, ReduceOp op) = 0;
  virtual void BroadcastBytes(std::span<uint8_t> data, int root) = 0;
  virtual std::vector<int64_t> AllGatherBytes(std::span<const uint8_t> data,
                                              const Allocate& allocate) = 0;
  virtual std::vector<int64_t> AllToAllBytes(std::span<const uint8_t> send,
                                             std::span<const int64_t> send_sizes_bytes,
                                             const Allocate& allocate) = 0;
  friend class CountingCommunicator;

 private:
  template <typename T>
  static std::span<const uint8_t> BytesOf(std::span<const T> data) {
    static_assert(std::is_trivially_copyable_v<T>);
    return {reinterpret_cast<const uint8_t*>(data.data()), data.size_bytes()};
  }
  template <typename T>
  static Allocate AllocateIn(std::vector<T>* result) {
    return [result](int64_t size_bytes) {
      result->resize(size_bytes / sizeof(T));
      return reinterpret_cast<uint8_t*>(result->data());
    };
  }
  static void DivideBy(int64_t size, std::vector<int64_t>* values);
};

/// Returns the texts of all ranks, in rank order. Collective: all ranks must call.
std::vector<std::string> AllGatherText(Communicator& communicator, const std::string& text);

/// Returns the text of the root on every rank. Collective: all ranks must call.
std::string BroadcastText(Communicator& communicator, std::string text, int root = 0);

template <typename T>
std::vector<T> Communicator::AllGather(std::span<const T> data, std::vector<int64_t>* counts) {
  std::vector<T> result;
  std::vector<int64_t> sizes = AllGatherBytes(BytesOf(data), AllocateIn(&result));
  DivideBy(sizeof(T), &sizes);
  if (counts != nullptr) *counts = std::move(sizes);
  return result;
}

template <typename T>
std::vector<T> Communicator::AllToAll(std::span<const T> send, std::span<const int64_t> send_counts,
                                      std::vector<int64_t>* receive_counts) {
  std::vector<int64_t> send_sizes(send_counts.begin(), send_counts.end());
  for (int64_t& size : send_sizes) size *= sizeof(T);
  std::vector<T> result;
  std::vector<int64_t> sizes = AllToAllBytes(BytesOf(send), send_sizes, AllocateIn(&result));
  DivideBy(sizeof(T), &sizes);
  if (receive_counts != nullptr) *receive_counts = std::move(sizes);
  return result;
}

}  // namespace hearth
