#include "trainer/adapt/inner_state.h"

#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/functions/utils.h>

#include "common/error.h"

namespace hearth {
namespace {

using torch::autograd::variable_list;

std::vector<at::Tensor*> TensorsOf(InnerState& state) {
  std::vector<at::Tensor*> all = state.values.Tensors();
  for (HeadRows* rows : {&state.rows, &state.negatives}) {
    all.insert(all.end(), {&rows->x.x, &rows->shift});
  }
  all.insert(all.end(), {&state.vectors.tasks, &state.vectors.items});
  for (std::vector<FastField>* side : {&state.fast.tasks, &state.fast.items}) {
    for (FastField& field : *side) all.push_back(&field.change);
  }
  return all;
}

// The tensors of a state, each once.
variable_list DistinctTensors(InnerState& state) {
  variable_list found;
  std::unordered_set<const at::TensorImpl*> seen;
  for (const at::Tensor* tensor : TensorsOf(state)) {
    if (!tensor->defined()) continue;
    if (seen.insert(tensor->unsafeGetTensorImpl()).second) found.push_back(*tensor);
  }
  return found;
}

// The tensors of a state, place by place, that are not among `known`. A tensor that stands in
// several places is listed for each place: a step must make the same list with and without a graph.
std::vector<at::Tensor*> NewTensors(InnerState& state, const variable_list& known) {
  std::unordered_set<const at::TensorImpl*> old;
  for (const at::Tensor& tensor : known) old.insert(tensor.unsafeGetTensorImpl());
  std::vector<at::Tensor*> made;
  for (at::Tensor* tensor : TensorsOf(state)) {
    if (tensor->defined() && !old.contains(tensor->unsafeGetTensorImpl())) made.push_back(tensor);
  }
  return made;
}

// Puts to[i] in every place of from[i].
void Replace(InnerState& state, const variable_list& from, const variable_list& to) {
  std::unordered_map<const at::TensorImpl*, at::Tensor> replacements;
  for (size_t i = 0; i < from.size(); ++i) {
    replacements.emplace(from[i].unsafeGetTensorImpl(), to[i]);
  }
  for (at::Tensor* tensor : TensorsOf(state)) {
    const auto it = replacements.find(tensor->unsafeGetTensorImpl());
    if (it != replacements.end()) *tensor = it->second;
  }
}

variable_list Detached(const variable_list& tensors) {
  variable_list detached;
  for (const at::Tensor& tensor : tensors) detached.push_back(tensor.detach());
  return detached;
}

class StepBackward : public torch::autograd::Node {
 public:
  // before: the state without a graph; its tensors are `leaves`. wanted: the leaves that need
  // gradients.
  StepBackward(InnerStep step, InnerState before, variable_list leaves, std::vector<bool> wanted)
      : step_(std::move(step)),
        before_(std::move(before)),
        leaves_(std::move(leaves)),
        wanted_(std::move(wanted)) {}

  variable_list apply(variable_list&& gradients) override {
    const at::AutoGradMode with_graph(true);
    const variable_list leaves = Detached(leaves_);
    InnerState state = before_;
    Replace(state, leaves_, leaves);
    variable_list inputs;
    for (size_t i = 0; i < leaves.size(); ++i) {
      if (wanted_[i]) inputs.push_back(leaves[i].requires_grad_(true));
    }
    step_(state, /*differentiable=*/true);
    const std::vector<at::Tensor*> made = NewTensors(state, leaves);
    HEARTH_CHECK(made.size() == gradients.size());
    variable_list outputs, given;
    for (size_t i = 0; i < made.size(); ++i) {
      if (!gradients[i].defined() || !made[i]->requires_grad()) continue;
      outputs.push_back(*made[i]);
      given.push_back(gradients[i]);
    }
    const variable_list found = torch::autograd::grad(outputs, inputs, given, false, false,
                                                      /*allow_unused=*/true);
    variable_list all(leaves.size());
    size_t next = 0;
    for (size_t i = 0; i < leaves.size(); ++i) {
      if (wanted_[i]) all[i] = found[next++];
    }
    return all;
  }

  void release_variables() override {
    before_ = {};
    leaves_.clear();
  }

 private:
  InnerStep step_;
  InnerState before_;
  variable_list leaves_;
  std::vector<bool> wanted_;
};

}  // namespace

void StepRecomputed(const InnerStep& step, InnerState& state) {
  const variable_list originals = DistinctTensors(state);
  const variable_list leaves = Detached(originals);
  std::vector<bool> wanted;
  for (const at::Tensor& tensor : originals) wanted.push_back(tensor.requires_grad());
  InnerState before = state;
  Replace(before, originals, leaves);
  state = before;
  step(state, /*differentiable=*/false);
  const std::vector<at::Tensor*> made = NewTensors(state, leaves);
  variable_list outputs;
  for (at::Tensor* tensor : made) outputs.push_back(tensor->detach());
  const std::shared_ptr<StepBackward> node(
      new StepBackward(step, std::move(before), leaves, std::move(wanted)),
      torch::autograd::deleteNode);
  node->set_next_edges(torch::autograd::collect_next_edges(originals));
  torch::autograd::set_history(outputs, node);
  for (size_t i = 0; i < made.size(); ++i) *made[i] = outputs[i];
  Replace(state, leaves, originals);
}

}  // namespace hearth
