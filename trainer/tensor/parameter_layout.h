#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

/// The ways to set the first values of a dense parameter.
enum class ParameterInit {
  kZero,
  kFanIn,     ///< uniform in +-1/sqrt(shape[0]): weights are [in, out]
  kConstant,  ///< ParameterSpec::init_value everywhere
};

/// One named dense parameter inside the flat buffer.
struct ParameterSpec {
  std::string name;            ///< "layer0.weight"; stable across versions, written to checkpoints
  std::vector<int64_t> shape;  ///< linear weights are [in, out]
  ParameterInit init = ParameterInit::kZero;
  double init_value = 0.0;
  bool linear = false;    ///< weight or bias of a TaskLinear; nothing else reads it
  bool own_rate = false;  ///< stepped with OptimizerOptions::inner_lr_lr instead of lr
  bool decays = true;     ///< takes part in weight decay
  int64_t offset = 0;     ///< first element in the flat buffer, a multiple of 64 bytes
  int64_t count = 0;      ///< number of elements
};

/// Names, shapes and places of all dense parameters of a model and its method. The values live in
/// one flat tensor [size()], so one all-reduce, one optimizer kernel and one checkpoint data set
/// cover all of them. Parameters are values, not module state: a model is a function of them.
class ParameterLayout {
 public:
  /// Returns the parameter's index. Names are unique.
  int64_t Add(ParameterSpec spec);

  const std::vector<ParameterSpec>& specs() const { return specs_; }
  const ParameterSpec& spec(int64_t index) const { return specs_[index]; }
  /// The index of the parameter with this name; -1 when no parameter has the name.
  int64_t Find(const std::string& name) const;
  int64_t parameter_count() const { return std::ssize(specs_); }
  /// Elements of the flat buffer, padding included.
  int64_t size() const { return size_; }
  /// Elements without padding: users call this the number of parameters.
  int64_t element_count() const;

 private:
  std::vector<ParameterSpec> specs_;
  int64_t size_ = 0;
};

}  // namespace hearth
