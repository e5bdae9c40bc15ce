#pragma once

#include "trainer/gradient/head_gradient.h"

namespace hearth {

/// A chunk of tasks and its results in one memory: HeadChunk and HeadChunkGradient of the engine as
/// arrays, row-major and contiguous. Every result belongs to one row or to one task, so no two
/// tasks write to the same place; the caller adds the results up afterwards.
template <typename Real>
struct HeadChunkMemory {
  const Real* tasks;       ///< [tasks, task_width]
  const Real* items;       ///< [items, item_width]
  const Real* task_start;  ///< [tasks, width[1]]
  const Real* item_start;  ///< [items, width[1]]
  const Real* shift;       ///< [rows], or null
  const Real* labels;      ///< [rows]
  const int64_t* item;     ///< [rows]
  const int64_t* begin;    ///< [tasks + 1]
  const int64_t* support;  ///< [tasks]
  int64_t task_width, item_width;
  double support_prior;

  // Results, overwritten.
  Real* row_start;  ///< [rows, out(0)] gradient of the row's X W_0
  /// [rows, Padded(item_width)] gradient of the item vector, without the way through X W_0
  Real* row_item;
  Real* task_vector;     ///< [tasks, task_width] gradient of the task vector, without that way
  Real* task_start_sum;  ///< [tasks, width[1]] sum of row_start over the rows of the task
  Real* shared;          ///< [tasks, SharedSize] gradient of the parameters that all tasks share
  Real* loss;            ///< [tasks]

  /// Size of a row of `shared`: the tail, then the padded rates if HeadShape::rate_gradient.
  HEARTH_HOST_DEVICE static int64_t SharedSize(const HeadShape& shape) {
    if (!shape.rate_gradient) return shape.tail_size();
    return shape.tail_size() + HeadShape::Padded(shape.inner_steps * shape.rate_count());
  }
};

/// Computes one task of a chunk, from its rows to their gradients: HeadGradient, with the loading
/// of its inputs before and the gradients of the item and task vectors after.
template <typename Real, typename Math>
class HeadChunkTask {
 public:
  HEARTH_HOST_DEVICE HeadChunkTask(const HeadShape& shape, const HeadParameters<Real>& parameters,
                                   const HeadChunkMemory<Real>& chunk, const Math& math)
      : shape_(shape), parameters_(parameters), chunk_(chunk), math_(math) {}

  /// The number of scratch elements for a task of these many rows, without the tangent of its
  /// HeadWorkspace. It never falls with more rows.
  HEARTH_HOST_DEVICE static int64_t ScratchSize(const HeadShape& shape, int64_t item_width,
                                                int64_t support, int64_t query) {
    const int64_t rows = support + query;
    return HeadWorkspace<Real>::PassesSize(shape, support, query) + rows * shape.out(0) +
           rows * HeadShape::Padded(item_width) + HeadShape::Padded(rows * support) +
           HeadShape::Padded(rows * rows);
  }

  /// scratch: ScratchSize elements; tangent: HeadWorkspace::TangentSize elements; both aligned to
  /// 64 bytes.
  HEARTH_HOST_DEVICE void Run(int64_t task, Real* scratch, Real* tangent) {
    t_ = task;
    first_ = chunk_.begin[task];
    rows_ = chunk_.begin[task + 1] - first_;
    support_ = chunk_.support[task];
    DivideScratch(scratch);
    LoadStart();
    LoadGram();
    HeadGradient<Real, Math>(shape_, parameters_, math_).Run(MakeTask(), passes_, tangent);
    SumStart();
    MakeItemGradient();
    MakeTaskGradient();
  }

 private:
  HEARTH_HOST_DEVICE void DivideScratch(Real* scratch) {
    start_ = scratch;
    inputs_ = start_ + rows_ * shape_.out(0);
    gram_ = inputs_ + rows_ * item_row();
    coupling_ = gram_ + HeadShape::Padded(rows_ * support_);
    passes_ = coupling_ + HeadShape::Padded(rows_ * rows_);
  }

  HEARTH_HOST_DEVICE int64_t item_row() const { return HeadShape::Padded(chunk_.item_width); }
  HEARTH_HOST_DEVICE Real* row_start() const { return chunk_.row_start + first_ * shape_.out(0); }
  HEARTH_HOST_DEVICE Real* row_item() const { return chunk_.row_item + first_ * item_row(); }

  HEARTH_HOST_DEVICE HeadTask<Real> MakeTask() const {
    HeadTask<Real> task;
    task.support = support_;
    task.query = rows_ - support_;
    task.start = start_;
    task.gram = gram_;
    task.labels = chunk_.labels + first_;
    task.support_weight =
        static_cast<Real>(1.0 / (static_cast<double>(support_) + chunk_.support_prior));
    task.query_weight = static_cast<Real>(1.0 / static_cast<double>(task.query));
    task.adjoint = row_start();
    task.coupling = coupling_;
    task.tail = chunk_.shared + t_ * HeadChunkMemory<Real>::SharedSize(shape_);
    task.rates = task.tail + shape_.tail_size();
    task.loss = chunk_.loss + t_;
    return task;
  }

  // Fills to [rows, Padded(width)] with f(row, column), and the padding with zeros.
  template <typename F>
  HEARTH_HOST_DEVICE void LoadRows(Real* to, int64_t width, F f) {
    const int64_t padded = HeadShape::Padded(width), left = padded - width;
    math_.EachRow(rows_, width, [=](int64_t r, int64_t j) { to[r * padded + j] = f(r, j); });
    if (left == 0) return;
    Real* padding = to + width;
    math_.EachRow(rows_, left, [=](int64_t r, int64_t j) { padding[r * padded + j] = Real(0); });
  }

  // Makes X W_0 of the rows, and adds the shift.
  HEARTH_HOST_DEVICE void LoadStart() {
    const int64_t width = shape_.width[1], padded = shape_.out(0);
    const Real *of_task = chunk_.task_start + t_ * width, *of_items = chunk_.item_start;
    const int64_t* item = chunk_.item + first_;
    LoadRows(start_, width,
             [=](int64_t r, int64_t j) { return of_task[j] + of_items[item[r] * width + j]; });
    if (chunk_.shift == nullptr) return;
    const Real* shift = chunk_.shift + first_;
    Real* start = start_;
    math_.Each(rows_, [=](int64_t r) { start[r * padded] += shift[r]; });
  }

  // All rows of a task share its task vector, so the vector adds one number to every product.
  HEARTH_HOST_DEVICE void LoadGram() {
    const int64_t width = chunk_.item_width;
    const Real* items = chunk_.items;
    const int64_t* item = chunk_.item + first_;
    LoadRows(inputs_, width, [=](int64_t r, int64_t j) { return items[item[r] * width + j]; });
    const Real* own = chunk_.tasks + t_ * chunk_.task_width;
    const Real square = math_.Sum(chunk_.task_width, [=](int64_t j) { return own[j] * own[j]; });
    math_.Fill(gram_, square, rows_ * support_);
    math_.GemmTransposed(gram_, support_, rows_, support_, item_row(), inputs_, inputs_, Real(1));
  }

  HEARTH_HOST_DEVICE void SumStart() {
    const int64_t width = shape_.width[1];
    Real* sum = chunk_.task_start_sum + t_ * width;
    math_.Fill(sum, Real(0), width);
    math_.AddColumnSums(sum, row_start(), shape_.out(0), rows_, width, Real(1));
  }

  // Makes C X, leaving out the blocks of C that are zero (HeadTask::coupling).
  HEARTH_HOST_DEVICE void MakeItemGradient() {
    const int64_t query = rows_ - support_, width = item_row();
    math_.Fill(row_item(), Real(0), rows_ * width);
    if (shape_.inner_steps == 0) return;
    math_.Gemm(row_item() + support_ * width, query, width, support_, coupling_ + support_ * rows_,
               rows_, 1, inputs_, Real(1));
    if (!shape_.second_order) return;
    math_.Gemm(row_item(), support_, width, query, coupling_ + support_, rows_, 1,
               inputs_ + support_ * width, Real(1));
    if (shape_.inner_steps == 1) return;
    math_.Gemm(row_item(), support_, width, support_, coupling_, rows_, 1, inputs_, Real(1));
  }

  HEARTH_HOST_DEVICE void MakeTaskGradient() {
    const Real* coupling = coupling_;
    const Real sum = math_.Sum(rows_ * rows_, [=](int64_t i) { return coupling[i]; });
    const Real* own = chunk_.tasks + t_ * chunk_.task_width;
    Real* to = chunk_.task_vector + t_ * chunk_.task_width;
    math_.Each(chunk_.task_width, [=](int64_t j) { to[j] = sum * own[j]; });
  }

  HeadShape shape_;
  HeadParameters<Real> parameters_;
  HeadChunkMemory<Real> chunk_;
  Math math_;
  int64_t t_ = 0, first_ = 0, rows_ = 0, support_ = 0;
  Real *start_ = nullptr, *inputs_ = nullptr, *gram_ = nullptr, *coupling_ = nullptr,
       *passes_ = nullptr;
};

}  // namespace hearth
