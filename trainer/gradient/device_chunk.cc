// One of the few sources whose object differs between the CPU and the CUDA flavour
// (docs/architecture.md).
#include "trainer/gradient/device_chunk.h"

#include "common/error.h"

#ifdef HEARTH_WITH_CUDA
#include <algorithm>
#include <cstring>
#include <numeric>
#include <span>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "trainer/gradient/head_gradient_cuda.h"
#include "trainer/tensor/cuda_error.h"
#endif

namespace hearth {

#ifdef HEARTH_WITH_CUDA

namespace {

// Collects lists of numbers and copies them to the device in one transfer.
template <typename T>
class Upload {
 public:
  // Returns a handle for operator[].
  template <typename From>
  size_t Add(const std::vector<From>& list) {
    begins_.push_back(values_.size());
    for (const From value : list) values_.push_back(static_cast<T>(value));
    return begins_.size() - 1;
  }
  void Send(c10::Device device) {
    const auto type = c10::CppTypeToScalarType<T>::value;
    const at::Tensor host = at::empty({std::ssize(values_)}, at::TensorOptions().dtype(type));
    std::copy(values_.begin(), values_.end(), host.template mutable_data_ptr<T>());
    on_device_ = host.to(device);
  }
  const T* operator[](size_t list) const {
    return on_device_.template const_data_ptr<T>() + begins_[list];
  }

 private:
  std::vector<T> values_;
  std::vector<size_t> begins_;
  at::Tensor on_device_;
};

// The rows of each item, in ascending order: places[begins[i]] to places[begins[i + 1] - 1].
struct RowsOfItems {
  std::vector<int64_t> begins, places;

  RowsOfItems(const std::vector<int64_t>& item, int64_t item_count)
      : begins(item_count + 1, 0), places(item.size()) {
    for (const int64_t i : item) ++begins[i + 1];
    std::partial_sum(begins.begin(), begins.end(), begins.begin());
    std::vector<int64_t> next = begins;
    for (int64_t row = 0; row < std::ssize(item); ++row) places[next[item[row]]++] = row;
  }
};

template <typename T>
std::vector<T> ToHost(const at::Tensor& tensor) {
  const at::Tensor host = tensor.to(at::kCPU);
  const T* values = host.template const_data_ptr<T>();
  return {values, values + host.numel()};
}

template <typename Real>
class DeviceRun {
 public:
  DeviceRun(const HeadShape& shape, const std::vector<Real>& tail, const std::vector<Real>& rates,
            double output_offset, const HeadChunk& chunk)
      : shape_(shape),
        chunk_(chunk),
        stream_(c10::cuda::getCurrentCUDAStream(chunk.items.device().index()).stream()),
        rows_of_items_(chunk.item, chunk.items.size(0)),
        tail_(reals_.Add(tail)),
        rates_(reals_.Add(rates)),
        labels_(reals_.Add(chunk.labels)),
        item_(integers_.Add(chunk.item)),
        begin_(integers_.Add(chunk.begin)),
        support_(integers_.Add(chunk.support)),
        order_(integers_.Add(LongestFirst())),
        item_begins_(integers_.Add(rows_of_items_.begins)),
        item_rows_(integers_.Add(rows_of_items_.places)) {
    reals_.Send(chunk.items.device());
    integers_.Send(chunk.items.device());
    parameters_ = {reals_[tail_], reals_[rates_], static_cast<Real>(output_offset)};
    TakeMemory();
  }

  HeadChunkGradient Run() {
    RunTasks();
    result_.item_start = SumByItem(row_start_, shape_.width[1]);
    result_.items = SumByItem(row_item_, chunk_.items.size(1));
    if (chunk_.shift.defined()) result_.shift = row_start_.select(1, 0).contiguous();
    SumShared();
    for (const Real loss : ToHost<Real>(loss_)) result_.losses.push_back(loss);
    return std::move(result_);
  }

 private:
  int64_t TaskCount() const { return std::ssize(chunk_.support); }
  int64_t RowCount() const { return chunk_.begin.back(); }

  std::vector<size_t> LongestFirst() const {
    std::vector<size_t> order(chunk_.support.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return chunk_.row_count(a) > chunk_.row_count(b); });
    return order;
  }

  at::Tensor Empty(at::IntArrayRef shape) const { return at::empty(shape, chunk_.items.options()); }

  void TakeMemory() {
    const int64_t shared = HeadChunkMemory<Real>::SharedSize(shape_);
    result_.tasks = at::empty_like(chunk_.tasks);
    result_.task_start = at::empty_like(chunk_.task_start);
    row_start_ = Empty({RowCount(), shape_.out(0)});
    row_item_ = Empty({RowCount(), HeadShape::Padded(chunk_.items.size(1))});
    shared_ = Empty({TaskCount(), shared});
    loss_ = Empty({TaskCount()});
  }

  HeadChunkMemory<Real> Memory() {
    const auto read = [](const at::Tensor& tensor) -> const Real* {
      if (!tensor.defined()) return nullptr;
      HEARTH_CHECK(tensor.is_contiguous());
      return tensor.const_data_ptr<Real>();
    };
    const auto write = [](at::Tensor& tensor) { return tensor.mutable_data_ptr<Real>(); };
    return {.tasks = read(chunk_.tasks),
            .items = read(chunk_.items),
            .task_start = read(chunk_.task_start),
            .item_start = read(chunk_.item_start),
            .shift = read(chunk_.shift),
            .labels = reals_[labels_],
            .item = integers_[item_],
            .begin = integers_[begin_],
            .support = integers_[support_],
            .task_width = chunk_.tasks.size(1),
            .item_width = chunk_.items.size(1),
            .support_prior = chunk_.support_prior,
            .row_start = write(row_start_),
            .row_item = write(row_item_),
            .task_vector = write(result_.tasks),
            .task_start_sum = write(result_.task_start),
            .shared = write(shared_),
            .loss = write(loss_)};
  }

  void RunTasks() {
    const auto [support, query] = chunk_.MostRows();
    HeadPlan plan;
    RequireNoCudaError(
        PlanHeadTasks<Real>(shape_, chunk_.items.size(1), TaskCount(), support, query, &plan));
    at::Tensor scratch = Empty({plan.blocks, plan.scratch_size});
    at::Tensor next = at::zeros({1}, chunk_.items.options().dtype(at::kInt));
    RequireNoCudaError(LaunchHeadTasks(plan, shape_, parameters_, Memory(), TaskCount(),
                                       integers_[order_], scratch.mutable_data_ptr<Real>(),
                                       next.mutable_data_ptr<int>(), stream_));
  }

  at::Tensor SumByItem(const at::Tensor& rows, int64_t width) const {
    at::Tensor sums = Empty({chunk_.items.size(0), width});
    RequireNoCudaError(LaunchSumGroups(
        rows.const_data_ptr<Real>(), rows.size(1), width, integers_[item_begins_],
        integers_[item_rows_], chunk_.items.size(0), sums.mutable_data_ptr<Real>(), stream_));
    return sums;
  }

  void SumShared() {
    const at::Tensor sums = at::empty({shared_.size(1)}, chunk_.items.options().dtype(at::kDouble));
    RequireNoCudaError(LaunchSumRows(shared_.const_data_ptr<Real>(), TaskCount(), shared_.size(1),
                                     sums.mutable_data_ptr<double>(), stream_));
    const std::vector<double> on_host = ToHost<double>(sums);
    const auto rates = on_host.begin() + shape_.tail_size();
    const int64_t rate_count = shape_.inner_steps * shape_.rate_count();
    result_.tail.assign(on_host.begin(), rates);
    if (shape_.rate_gradient) {
      result_.rates.assign(rates, rates + rate_count);
    } else {
      result_.rates.assign(rate_count, 0.0);
    }
  }

  const HeadShape& shape_;
  const HeadChunk& chunk_;
  cudaStream_t stream_;
  RowsOfItems rows_of_items_;
  Upload<Real> reals_;
  Upload<int64_t> integers_;
  size_t tail_, rates_, labels_, item_, begin_, support_, order_, item_begins_, item_rows_;
  HeadParameters<Real> parameters_{};
  at::Tensor row_start_, row_item_, shared_, loss_;
  HeadChunkGradient result_;
};

}  // namespace

template <typename Real>
HeadChunkGradient DifferentiateHeadOnDevice(const HeadShape& shape, const std::vector<Real>& tail,
                                            const std::vector<Real>& rates, double output_offset,
                                            const HeadChunk& chunk) {
  const c10::cuda::CUDAGuard guard(chunk.items.device());
  return DeviceRun<Real>(shape, tail, rates, output_offset, chunk).Run();
}

#else

template <typename Real>
HeadChunkGradient DifferentiateHeadOnDevice(const HeadShape&, const std::vector<Real>&,
                                            const std::vector<Real>&, double, const HeadChunk&) {
  HEARTH_CHECK(false, "a chunk on a CUDA device in the CPU flavour");
}

#endif

template HeadChunkGradient DifferentiateHeadOnDevice(const HeadShape&, const std::vector<float>&,
                                                     const std::vector<float>&, double,
                                                     const HeadChunk&);
template HeadChunkGradient DifferentiateHeadOnDevice(const HeadShape&, const std::vector<double>&,
                                                     const std::vector<double>&, double,
                                                     const HeadChunk&);

}  // namespace hearth
