#include "trainer/method/meta_method.h"

#include "trainer/method/gradient_descent.h"

namespace hearth {
namespace {

// Joint training: the base model is the answer.
class NoAdaptation : public MetaMethod {
 public:
  AdaptedTasks Adapt(const ParameterValues& theta, const EncodedChunk&, const RowBatch&,
                     bool) const override {
    return {.values = theta};
  }
  const std::vector<int64_t>& adapted() const override { return adapted_; }

 private:
  std::vector<int64_t> adapted_;
};

}  // namespace

EncodedChunk Encode(const Recommender& model, const ParameterValues& values,
                    const ChunkBatch& batch, const std::vector<at::Tensor>& rows) {
  return {.tasks = model.EncodeTasks(values, batch, rows),
          .items = model.EncodeItems(values, batch, rows)};
}

int64_t FindLogInnerRates(const ParameterLayout& layout) {
  for (int64_t p = 0; p < layout.parameter_count(); ++p) {
    if (layout.spec(p).name == kLogInnerRates) return p;
  }
  return -1;
}

std::unique_ptr<MetaMethod> MakeMethod(const MetaOptions& options, Recommender& model) {
  if (options.method == MetaOptions::Method::kJoint) return std::make_unique<NoAdaptation>();
  return std::make_unique<GradientDescent>(options, model);
}

}  // namespace hearth
