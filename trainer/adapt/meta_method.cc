#include "trainer/adapt/meta_method.h"

#include "trainer/adapt/gradient_descent.h"

namespace hearth {
namespace {

// Joint training: the base model is the answer.
class NoAdaptation : public MetaMethod {
 public:
  AdaptedTasks Adapt(const ParameterValues& theta, const EncodedChunk&, const ChunkBatch&,
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

RowInputs MakeAdaptedInputs(const Recommender& model, const AdaptedTasks& adapted,
                            const EncodedChunk& encoded, const ChunkBatch& batch,
                            const RowBatch& rows) {
  if (adapted.rows.items.empty()) return MakeRowInputs(model, encoded.tasks, encoded.items, rows);
  const MetVectors vectors = MeetVectors(encoded.tasks, encoded.items, rows);
  return InputsOf(model, Adapted(model, vectors, MeetSupport(batch, rows), adapted.rows),
                  rows.entity.size(1));
}

std::unique_ptr<MetaMethod> MakeMethod(const MetaOptions& options, Recommender& model) {
  if (options.method == MetaOptions::Method::kJoint) return std::make_unique<NoAdaptation>();
  return std::make_unique<GradientDescent>(options, model);
}

}  // namespace hearth
