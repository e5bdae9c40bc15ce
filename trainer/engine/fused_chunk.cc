// Compiled with -O3 (CMakeLists.txt).
#include "trainer/engine/fused_chunk.h"

#include <algorithm>
#include <numeric>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

#include "trainer/kernel/host_kernels.h"

namespace hearth {
namespace {

// Memory that a thread keeps from chunk to chunk, so that a step allocates nothing.
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
  // Not cleared.
  Real* Take(int64_t count) {
    Real* piece = memory_.mutable_data_ptr<Real>() + used_;
    used_ += HeadShape::Padded(count);
    return piece;
  }

 private:
  at::Tensor memory_;  // tensors are aligned to 64 bytes
  int64_t capacity_ = 0, used_ = 0;
};

template <typename Real>
class HeadRun {
 public:
  HeadRun(const HeadShape& shape, const std::vector<Real>& tail, const std::vector<Real>& rates,
          double output_offset, const HeadChunk& chunk)
      : shape_(shape),
        parameters_{tail.data(), rates.data(), static_cast<Real>(output_offset)},
        chunk_(chunk),
        task_width_(chunk.tasks.size(1)),
        item_width_(chunk.items.size(1)) {
    TakeMemory();
    MakeSums();
  }

  HeadChunkGradient Run() {
    for (size_t t = 0; t < chunk_.support.size(); ++t) RunTask(t);
    return std::move(result_);
  }

 private:
  int64_t TaskCount() const { return std::ssize(chunk_.support); }
  int64_t RowCount(size_t t) const { return chunk_.begin[t + 1] - chunk_.begin[t]; }

  void TakeMemory() {
    int64_t support = 0, query = 0;
    for (size_t t = 0; t < chunk_.support.size(); ++t) {
      support = std::max(support, chunk_.support[t]);
      query = std::max(query, RowCount(t) - chunk_.support[t]);
    }
    const int64_t rows = support + query, width = shape_.out(0);
    const int64_t item_width = HeadShape::Padded(item_width_);
    const int64_t workspace = HeadWorkspaceSize<Real>(shape_, support, query);
    thread_local Arena<Real> arena;
    arena.Reset(workspace + 2 * rows * width + 2 * rows * (rows + item_width) + shape_.tail_size() +
                shape_.inner_steps * shape_.rate_count() + rows + 16 * HeadShape::kPad);
    workspace_ = arena.Take(workspace);
    start_ = arena.Take(rows * width);
    adjoint_ = arena.Take(rows * width);
    gram_ = arena.Take(rows * support);
    mixing_ = arena.Take(rows * rows);
    inputs_ = arena.Take(rows * item_width);
    back_ = arena.Take(rows * item_width);
    tail_ = arena.Take(shape_.tail_size());
    rates_ = arena.Take(shape_.inner_steps * shape_.rate_count());
    labels_ = arena.Take(rows);
  }

  void MakeSums() {
    result_.task_start = at::zeros_like(chunk_.task_start);
    result_.item_start = at::zeros_like(chunk_.item_start);
    result_.tasks = at::zeros_like(chunk_.tasks);
    result_.items = at::zeros_like(chunk_.items);
    result_.tail.assign(static_cast<size_t>(shape_.tail_size()), 0.0);
    result_.rates.assign(static_cast<size_t>(shape_.inner_steps * shape_.rate_count()), 0.0);
    if (chunk_.shift.defined()) result_.shift = at::empty_like(chunk_.shift);
  }

  void RunTask(size_t t) {
    const int64_t rows = RowCount(t), support = chunk_.support[t], query = rows - support;
    LoadRows(t);
    HeadTask<Real> task;
    task.support = support;
    task.query = query;
    task.start = start_;
    task.gram = gram_;
    task.labels = labels_;
    task.support_weight =
        static_cast<Real>(1.0 / (static_cast<double>(support) + chunk_.support_prior));
    task.query_weight = static_cast<Real>(1.0 / static_cast<double>(query));
    task.adjoint = adjoint_;
    task.mixing = mixing_;
    task.tail = tail_;
    task.rates = rates_;
    Real loss = 0;
    task.loss = &loss;
    RunHead(shape_, parameters_, task, workspace_);
    result_.losses.push_back(static_cast<double>(loss));
    for (size_t i = 0; i < result_.tail.size(); ++i)
      result_.tail[i] += static_cast<double>(tail_[i]);
    if (shape_.rate_gradient) {
      for (size_t i = 0; i < result_.rates.size(); ++i) {
        result_.rates[i] += static_cast<double>(rates_[i]);
      }
    }
    SendBack(t);
  }

  const int64_t* ItemsOf(size_t t) const { return chunk_.item.data() + chunk_.begin[t]; }

  // The task's rows: labels, X W_0 (with the shift), the items' vectors and the Gram matrix.
  void LoadRows(size_t t) {
    const int64_t rows = RowCount(t), support = chunk_.support[t];
    const int64_t width = shape_.width[1], padded = shape_.out(0);
    const Real* of_task = Row(chunk_.task_start, static_cast<int64_t>(t));
    for (int64_t r = 0; r < rows; ++r) {
      labels_[r] = static_cast<Real>(chunk_.labels[static_cast<size_t>(chunk_.begin[t] + r)]);
      const Real* of_item = Row(chunk_.item_start, ItemsOf(t)[r]);
      Real* start = start_ + r * padded;
      for (int64_t j = 0; j < width; ++j) start[j] = of_task[j] + of_item[j];
      std::fill(start + width, start + padded, Real(0));
      if (chunk_.shift.defined()) start[0] += Row(chunk_.shift, chunk_.begin[t] + r)[0];
    }
    LoadGram(t, rows, support);
  }

  // All rows of a task share its own vector, which adds one number to every product.
  void LoadGram(size_t t, int64_t rows, int64_t support) {
    const int64_t padded = HeadShape::Padded(item_width_);
    for (int64_t r = 0; r < rows; ++r) {
      Real* input = inputs_ + r * padded;
      std::copy_n(Row(chunk_.items, ItemsOf(t)[r]), item_width_, input);
      std::fill(input + item_width_, input + padded, Real(0));
    }
    const Real* own = Row(chunk_.tasks, static_cast<int64_t>(t));
    const Real square = std::inner_product(own, own + task_width_, own, Real(0));
    std::fill_n(gram_, rows * support, square);
    AddSmallProductTransposed(gram_, rows, support, padded, inputs_, inputs_);
  }

  // Adds the task's part of the gradients by its inputs.
  void SendBack(size_t t) {
    const int64_t rows = RowCount(t), support = chunk_.support[t];
    const int64_t width = shape_.width[1], padded = shape_.out(0);
    const int64_t item_padded = HeadShape::Padded(item_width_);
    MixInputs(rows, support, item_padded);
    Real* to_task = Row(result_.task_start, static_cast<int64_t>(t));
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t item = ItemsOf(t)[r];
      AddRow(adjoint_ + r * padded, width, to_task);
      AddRow(adjoint_ + r * padded, width, Row(result_.item_start, item));
      AddRow(back_ + r * item_padded, item_width_, Row(result_.items, item));
      if (result_.shift.defined())
        Row(result_.shift, chunk_.begin[t] + r)[0] = adjoint_[r * padded];
    }
    const Real sum = SumOf(mixing_, rows * rows);
    const Real* own = Row(chunk_.tasks, static_cast<int64_t>(t));
    Real* to_own = Row(result_.tasks, static_cast<int64_t>(t));
    for (int64_t j = 0; j < task_width_; ++j) to_own[j] = sum * own[j];
  }

  // back = C X, leaving out the blocks of C that are zero (HeadTask::mixing).
  void MixInputs(int64_t rows, int64_t support, int64_t width) {
    const int64_t query = rows - support;
    std::fill_n(back_, rows * width, Real(0));
    if (shape_.inner_steps == 0) return;
    AddSmallProduct(back_ + support * width, query, width, support, mixing_ + support * rows, rows,
                    inputs_);
    if (!shape_.second_order) return;
    AddSmallProduct(back_, support, width, query, mixing_ + support, rows,
                    inputs_ + support * width);
    if (shape_.inner_steps == 1) return;
    AddSmallProduct(back_, support, width, support, mixing_, rows, inputs_);
  }

  // In several partial sums, which the compiler can keep in one register.
  static Real SumOf(const Real* values, int64_t count) {
    constexpr int64_t kWays = 8;
    Real ways[kWays] = {};
    for (int64_t i = 0; i < count; ++i) ways[i % kWays] += values[i];
    Real sum = 0;
    for (const Real way : ways) sum += way;
    return sum;
  }

  // Row of a contiguous matrix.
  static Real* Row(at::Tensor& matrix, int64_t row) {
    return matrix.template mutable_data_ptr<Real>() + row * matrix.stride(0);
  }
  static const Real* Row(const at::Tensor& matrix, int64_t row) {
    return matrix.template const_data_ptr<Real>() + row * matrix.stride(0);
  }
  static void AddRow(const Real* from, int64_t count, Real* to) {
    for (int64_t j = 0; j < count; ++j) to[j] += from[j];
  }

  const HeadShape& shape_;
  HeadParameters<Real> parameters_;
  const HeadChunk& chunk_;
  int64_t task_width_, item_width_;
  // Of one task.
  Real *workspace_, *start_, *adjoint_, *gram_, *mixing_, *inputs_, *back_, *tail_, *rates_,
      *labels_;
  HeadChunkGradient result_;
};

}  // namespace

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
