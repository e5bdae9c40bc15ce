// Compiled with -O3 (CMakeLists.txt).
#include "trainer/gradient/fused_chunk.h"

#include <algorithm>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

#include "trainer/gradient/head_chunk.h"
#include "trainer/gradient/host_math.h"

namespace hearth {
namespace {

// Memory that a thread keeps from chunk to chunk, so a step allocates nothing.
template <typename Real>
class Arena {
 public:
  void Reset(int64_t capacity) {
    if (capacity > capacity_) {
      capacity_ = capacity + capacity / 4;
      memory_ = at::empty({capacity_}, at::TensorOptions().dtype(at::CppTypeToScalarType<Real>()));
    }
    used_ = 0;
  }
  // The elements are not cleared.
  Real* Take(int64_t count) {
    Real* piece = memory_.mutable_data_ptr<Real>() + used_;
    used_ += HeadShape::Padded(count);
    return piece;
  }

 private:
  at::Tensor memory_;  // tensors are aligned to 64 bytes
  int64_t capacity_ = 0, used_ = 0;
};

// Runs one task after another, each as a chunk of one task. The next task overwrites the results,
// so they are added up while they are still in the cache.
template <typename Real>
class HeadRun {
 public:
  HeadRun(const HeadShape& shape, const std::vector<Real>& tail, const std::vector<Real>& rates,
          double output_offset, const HeadChunk& chunk)
      : shape_(shape),
        parameters_{tail.data(), rates.data(), static_cast<Real>(output_offset)},
        chunk_(chunk),
        item_width_(chunk.items.size(1)) {
    TakeMemory();
    MakeSums();
  }

  HeadChunkGradient Run() {
    for (int64_t t = 0; t < std::ssize(chunk_.support); ++t) {
      RunTask(t);
      AddResults(t);
    }
    return std::move(result_);
  }

 private:
  using Task = HeadChunkTask<Real, HostMath<Real>>;
  using Memory = HeadChunkMemory<Real>;

  void TakeMemory() {
    const auto [support, query] = chunk_.MostRows();
    const int64_t row_start = (support + query) * shape_.out(0);
    const int64_t row_item = (support + query) * HeadShape::Padded(item_width_);
    const int64_t shared = Memory::SharedSize(shape_);
    const int64_t scratch = Task::ScratchSize(shape_, item_width_, support, query);
    const int64_t tangent = HeadWorkspace<Real>::TangentSize(shape_, support, query);
    const int64_t labels = HeadShape::Padded(support + query);
    thread_local Arena<Real> arena;
    arena.Reset(row_start + row_item + shared + scratch + tangent + labels);
    row_start_ = arena.Take(row_start);
    row_item_ = arena.Take(row_item);
    shared_ = arena.Take(shared);
    scratch_ = arena.Take(scratch);
    tangent_ = arena.Take(tangent);
    labels_ = arena.Take(labels);
  }

  void MakeSums() {
    result_.task_start = at::empty_like(chunk_.task_start);
    result_.item_start = at::zeros_like(chunk_.item_start);
    result_.tasks = at::empty_like(chunk_.tasks);
    result_.items = at::zeros_like(chunk_.items);
    result_.tail.assign(shape_.tail_size(), 0.0);
    result_.rates.assign(shape_.inner_steps * shape_.rate_count(), 0.0);
    if (chunk_.shift.defined()) result_.shift = at::empty_like(chunk_.shift);
  }

  void RunTask(int64_t t) {
    const int64_t begin[] = {0, chunk_.row_count(t)};
    const double* labels = chunk_.labels.data() + chunk_.begin[t];
    std::copy_n(labels, begin[1], labels_);
    Task(shape_, parameters_, MemoryOf(t, begin), {}).Run(0, scratch_, tangent_);
  }

  Memory MemoryOf(int64_t task, const int64_t* begin) {
    return {.tasks = Row(chunk_.tasks, task),
            .items = Row(chunk_.items, 0),
            .task_start = Row(chunk_.task_start, task),
            .item_start = Row(chunk_.item_start, 0),
            .shift = chunk_.shift.defined() ? Row(chunk_.shift, chunk_.begin[task]) : nullptr,
            .labels = labels_,
            .item = chunk_.item.data() + chunk_.begin[task],
            .begin = begin,
            .support = chunk_.support.data() + task,
            .task_width = chunk_.tasks.size(1),
            .item_width = item_width_,
            .support_prior = chunk_.support_prior,
            .row_start = row_start_,
            .row_item = row_item_,
            .task_vector = Row(result_.tasks, task),
            .task_start_sum = Row(result_.task_start, task),
            .shared = shared_,
            .loss = &loss_};
  }

  void AddResults(int64_t t) {
    const int64_t width = shape_.width[1], item_row = HeadShape::Padded(item_width_);
    for (int64_t r = 0; r < chunk_.row_count(t); ++r) {
      const int64_t row = chunk_.begin[t] + r, item = chunk_.item[row];
      const Real* start = row_start_ + r * shape_.out(0);
      Add(start, width, Row(result_.item_start, item));
      Add(row_item_ + r * item_row, item_width_, Row(result_.items, item));
      if (result_.shift.defined()) Row(result_.shift, row)[0] = start[0];
    }
    Add(shared_, shape_.tail_size(), result_.tail.data());
    if (shape_.rate_gradient) {
      Add(shared_ + shape_.tail_size(), std::ssize(result_.rates), result_.rates.data());
    }
    result_.losses.push_back(loss_);
  }

  // Start of a row of a contiguous matrix.
  static Real* Row(at::Tensor& matrix, int64_t row) {
    return matrix.template mutable_data_ptr<Real>() + row * matrix.stride(0);
  }
  static const Real* Row(const at::Tensor& matrix, int64_t row) {
    return matrix.template const_data_ptr<Real>() + row * matrix.stride(0);
  }
  template <typename Sum>
  static void Add(const Real* from, int64_t count, Sum* to) {
    for (int64_t j = 0; j < count; ++j) to[j] += from[j];
  }

  const HeadShape& shape_;
  HeadParameters<Real> parameters_;
  const HeadChunk& chunk_;
  int64_t item_width_;
  // Memory for the inputs and results of one task.
  Real *row_start_, *row_item_, *shared_, *scratch_, *tangent_, *labels_;
  Real loss_ = 0;
  HeadChunkGradient result_;
};

}  // namespace

std::pair<int64_t, int64_t> HeadChunk::MostRows() const {
  std::pair<int64_t, int64_t> most = {0, 0};
  for (size_t t = 0; t < support.size(); ++t) {
    most.first = std::max(most.first, support[t]);
    most.second = std::max(most.second, row_count(t) - support[t]);
  }
  return most;
}

template <typename Real>
HeadChunkGradient DifferentiateHead(const HeadShape& shape, const std::vector<Real>& tail,
                                    const std::vector<Real>& rates, double output_offset,
                                    const HeadChunk& chunk) {
  return HeadRun<Real>(shape, tail, rates, output_offset, chunk).Run();
}

template HeadChunkGradient DifferentiateHead(const HeadShape&, const std::vector<float>&,
                                             const std::vector<float>&, double, const HeadChunk&);
template HeadChunkGradient DifferentiateHead(const HeadShape&, const std::vector<double>&,
                                             const std::vector<double>&, double, const HeadChunk&);

}  // namespace hearth
