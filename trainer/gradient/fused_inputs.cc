#include "trainer/gradient/fused_inputs.h"

#include <numeric>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

#include "common/error.h"
#include "trainer/model/field_encoder.h"

namespace hearth {
namespace {

at::Tensor IdTensor(const std::vector<int64_t>& ids, at::Device device) {
  return at::tensor(at::ArrayRef<int64_t>(ids), at::TensorOptions().dtype(at::kLong)).to(device);
}

// For inputs that are vectors of fields side by side, times W_0. Every step is linear, so the
// gradients are written out by hand.
class FieldInputs : public HeadInputs {
 public:
  FieldInputs(const Learner& learner, const ChunkBatch& batch, std::vector<at::Tensor> rows,
              const at::Tensor& dense)
      : layout_(learner.layout()),
        theta_(ViewParameters(layout_, dense)),
        rows_(std::move(rows)),
        first_(learner.model().dense_head()->layers.front().weight()),
        tasks_(learner.model().encoders()->tasks, batch.tasks, theta_, rows_),
        items_(learner.model().encoders()->items, batch.items, theta_, rows_) {}

  void Forward(HeadChunk& head) override {
    const at::Tensor& weight = theta_[first_];
    tasks_.Forward(TaskRowsOf(weight), head.tasks, head.task_start);
    items_.Forward(ItemRowsOf(weight), head.items, head.item_start);
  }

  void Backward(const HeadChunkGradient& gradient, ChunkResult& result) override {
    for (const at::Tensor& rows : rows_) result.row_gradients.push_back(at::zeros_like(rows));
    const at::Tensor& weight = theta_[first_];
    const ParameterValues places = ViewParameters(layout_, result.dense_gradient);
    const at::Tensor& weight_gradient = places[first_];
    tasks_.Backward(TaskRowsOf(weight), gradient.tasks, gradient.task_start,
                    TaskRowsOf(weight_gradient), places, result.row_gradients);
    items_.Backward(ItemRowsOf(weight), gradient.items, gradient.item_start,
                    ItemRowsOf(weight_gradient), places, result.row_gradients);
  }

 private:
  // The inputs of the tasks, or of the items.
  class Side {
   public:
    Side(const FieldEncoder& encoder, const EntityBatch& batch, const ParameterValues& theta,
         const std::vector<at::Tensor>& rows)
        : encoder_(encoder),
          count_(batch.count),
          encoding_(batch, FieldCombination::kConcatenate),
          parts_(encoder.Parts(theta, rows)) {}

    int64_t width() const { return encoder_.width(); }

    // weight: the rows of W_0 of this side.
    void Forward(const at::Tensor& weight, at::Tensor& vectors, at::Tensor& start) const {
      if (parts_.empty()) {
        vectors = at::empty({count_, 0}, weight.options());
        start = at::zeros({count_, weight.size(1)}, weight.options());
        return;
      }
      vectors = encoding_.Apply(parts_);
      start = encoding_.ApplyTimes(parts_, weight);
    }

    // Adds to dense, the gradients of all parameters, and to rows, the gradients of the rows of all
    // tables.
    void Backward(const at::Tensor& weight, const at::Tensor& vectors, const at::Tensor& start,
                  const at::Tensor& weight_gradient, const ParameterValues& dense,
                  const std::vector<at::Tensor>& rows) const {
      if (parts_.empty()) return;
      std::vector<at::Tensor> gradients = encoder_.Parts(dense, rows);
      encoding_.AddAdjoint(vectors, gradients);
      encoding_.AddTimesAdjoint(parts_, weight, start, gradients, weight_gradient);
    }

   private:
    const FieldEncoder& encoder_;
    int64_t count_;
    FieldEncoding encoding_;
    std::vector<at::Tensor> parts_;
  };

  // The rows of W_0 that the task vectors, or the item vectors, are multiplied by.
  at::Tensor TaskRowsOf(const at::Tensor& weight) const {
    return weight.narrow(0, 0, tasks_.width());
  }
  at::Tensor ItemRowsOf(const at::Tensor& weight) const {
    return weight.narrow(0, tasks_.width(), items_.width());
  }

  const ParameterLayout& layout_;
  ParameterValues theta_;
  std::vector<at::Tensor> rows_;  // [table]
  int64_t first_;                 // parameter index of W_0
  Side tasks_, items_;
};

// For any model, and for layers of the head that do not adapt: every row has its own inputs.
class GraphInputs : public HeadInputs {
 public:
  GraphInputs(const Learner& learner, int64_t below, const ChunkBatch& batch,
              std::vector<at::Tensor> rows, const at::Tensor& dense)
      : learner_(learner),
        below_(below),
        batch_(batch),
        theta_(MakeLeaves(learner.layout(), dense)),
        rows_(std::move(rows)) {
    for (at::Tensor& table_rows : rows_) table_rows.requires_grad_(true);
  }

  void Forward(HeadChunk& head) override {
    const DenseHead& dense = *learner_.model().dense_head();
    const EncodedEntities encoded = learner_.model().Encode(theta_, batch_, rows_);
    const at::Device device = encoded.items.device();
    const at::Tensor tasks = at::index_select(encoded.tasks, 0, TaskOfRow(head, device));
    const at::Tensor items = at::index_select(encoded.items, 0, IdTensor(head.item, device));
    HeadRows rows =
        learner_.model().MakeHeadRows({.context = tasks.unsqueeze(1), .items = items.unsqueeze(1)});
    at::Tensor x = rows.x.x;
    for (int64_t l = 0; l < below_; ++l) {
      x = Activate(dense.activation, dense.layers[l].Forward(theta_, x));
    }
    std::iota(head.item.begin(), head.item.end(), int64_t{0});
    x_ = x.squeeze(1);
    start_ = at::mm(x_, theta_[dense.layers[below_].weight()]);
    if (rows.shift.defined()) {
      const int64_t adapted = std::ssize(dense.layers) - below_;
      HEARTH_CHECK(adapted == 1, "a shift before {} layers", adapted);
      shift_ = rows.shift.squeeze(1);
    }
    head.items = x_.detach().contiguous();
    head.item_start = start_.detach();
    if (shift_.defined()) head.shift = shift_.detach().contiguous();
    head.tasks = at::empty({batch_.task_count, 0}, head.items.options());
    head.task_start = at::zeros({batch_.task_count, start_.size(1)}, head.items.options());
  }

  void Backward(const HeadChunkGradient& gradient, ChunkResult& result) override {
    std::vector<at::Tensor> roots = {start_}, weights = {gradient.item_start};
    const auto add_root = [&](const at::Tensor& root, const at::Tensor& weight) {
      if (!root.defined() || !root.requires_grad()) return;
      roots.push_back(root);
      weights.push_back(weight);
    };
    add_root(x_, gradient.items);
    add_root(shift_, gradient.shift);
    std::vector<at::Tensor> inputs = theta_.tensors();
    inputs.insert(inputs.end(), rows_.begin(), rows_.end());
    const std::vector<at::Tensor> gradients =
        torch::autograd::grad(roots, inputs, weights, /*retain_graph=*/false,
                              /*create_graph=*/false, /*allow_unused=*/true);
    const ParameterLayout& layout = learner_.layout();
    result.dense_gradient =
        FlattenGradients(layout, {gradients.begin(), gradients.begin() + layout.parameter_count()},
                         result.dense_gradient.options());
    result.row_gradients = ToRowGradients(gradients, rows_);
  }

 private:
  static at::Tensor TaskOfRow(const HeadChunk& head, at::Device device) {
    std::vector<int64_t> task_of_row;
    for (int64_t t = 0; t + 1 < std::ssize(head.begin); ++t) {
      task_of_row.resize(head.begin[t + 1], t);
    }
    return IdTensor(task_of_row, device);
  }

  const Learner& learner_;
  int64_t below_;
  const ChunkBatch& batch_;
  ParameterValues theta_;
  std::vector<at::Tensor> rows_;  // [table]
  at::Tensor x_, start_, shift_;  // inputs, x W_0 and shift of all rows, with their graph
};

}  // namespace

std::unique_ptr<HeadInputs> MakeHeadInputs(const Learner& learner, int64_t below,
                                           const ChunkBatch& batch, std::vector<at::Tensor> rows,
                                           const at::Tensor& dense) {
  const Model& model = learner.model();
  if (below == 0 && model.dense_head()->reads_vectors && model.encoders() != nullptr) {
    return std::make_unique<FieldInputs>(learner, batch, std::move(rows), dense);
  }
  return std::make_unique<GraphInputs>(learner, below, batch, std::move(rows), dense);
}

}  // namespace hearth
