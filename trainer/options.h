#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/exact_sum.h"

namespace hearth {

/// Which recommender, and how wide. Config section `model`.
struct ModelOptions {
  enum class Type { kEmbeddingDot, kEmbeddingMlp };
  enum class Activation { kRelu, kGelu, kTanh, kIdentity };
  enum class Start { kRandom, kAls };

  Type type = Type::kEmbeddingMlp;
  int64_t dim = 32;                           ///< width of every embedding, >= 1
  std::vector<int64_t> layers = {64, 64};     ///< hidden widths of embedding_mlp
  Activation activation = Activation::kRelu;  ///< between the layers of embedding_mlp
  bool item_id = true;                        ///< embed the item's id beside its features
  /// Items with fewer training events share the `unknown` row instead of a row of their own.
  int64_t min_item_events = 3;
  /// Share of items whose id is hidden in a training step, so that features alone stay useful.
  double id_dropout = 0.1;  ///< [0, 1)
  double init_scale = 0.1;  ///< standard deviation of new embedding rows
  /// kAls: item rows start from a biased matrix factorisation of the training part.
  Start start = Start::kRandom;
  /// Side features to use, "user.age" or "item.genre"; empty: all there are.
  std::vector<std::string> features;
};

/// What adaptation is. Config section `meta`.
struct MetaOptions {
  enum class Method { kJoint, kMaml, kFomaml, kAnil };
  enum class Adapt { kDense, kHead };
  enum class LearnInnerLr { kNo, kPerParameter, kPerParameterAndStep };
  enum class Loss { kMse, kBce, kBpr };

  Method method = Method::kMaml;
  int64_t inner_steps = 3;  ///< gradient steps on the support set, >= 1 (joint: ignored)
  double inner_lr = 0.02;   ///< start value where it is learned, > 0
  LearnInnerLr learn_inner_lr = LearnInnerLr::kPerParameter;
  Adapt adapt = Adapt::kDense;  ///< all dense layers, or the last one (anil: always the last one)
  Loss loss = Loss::kMse;
};

/// Outer optimizers. Config section `optim`.
struct OptimizerOptions {
  enum class Type { kAdam, kSgd };
  enum class TableType { kAdam, kAdagrad };  ///< row-wise: one second-moment number per row
  enum class Schedule { kConstant, kCosine, kLinear };

  Type type = Type::kAdam;
  double lr = 1e-3;           ///< dense parameters, > 0
  double inner_lr_lr = 1e-2;  ///< step size of learned inner rates (they are stored as logarithms)
  double weight_decay = 0.0;  ///< decoupled, dense parameters
  Schedule schedule = Schedule::kConstant;
  int64_t warmup_steps = 0;
  double clip_norm = 10.0;  ///< of the whole meta-gradient, rows included; 0 = off
  TableType table_type = TableType::kAdam;
  double table_lr = 1e-3;  ///< embedding rows, > 0
  double table_l2 = 0.0;   ///< pull of touched rows to zero, added to their gradient
};

/// The loop. Config section `train`.
struct TrainOptions {
  enum class Device { kAuto, kCpu, kCuda };
  enum class Precision { kFloat32, kFloat64 };

  int64_t max_steps = 2000;      ///< outer steps, >= 1
  double max_wall_time_sec = 0;  ///< commit and stop after this time; 0 = no limit
  Device device = Device::kAuto;
  Precision precision = Precision::kFloat32;
  /// Stop after this many evaluations without improvement of the validation metric; 0 = never.
  int64_t patience = 0;
};

/// Evaluation during training and by `hearth eval`. Config section `eval`.
struct EvalOptions {
  int64_t every_steps = 200;    ///< outer steps between evaluations; 0 = only at the end
  std::string metric = "rmse";  ///< picks the best checkpoint; from the metric names
  int64_t top_k = 10;           ///< k of ndcg@k, p@k, r@k, hr@k
  double relevant_at = 4.0;     ///< a label >= this is relevant in ranking metrics
  int64_t max_tasks = 512;      ///< tasks per scenario in evaluations during training; 0 = all
  int64_t draws = 1;            ///< support/query draws per task in `hearth eval`
  std::vector<int64_t> shots = {1, 3, 5, 10, 20};  ///< support sizes of the k-shot curve
  int64_t bootstrap = 1000;                        ///< resamples of the 95 % interval
};

/// Config section `checkpoint`.
struct CheckpointOptions {
  int64_t every_steps = 500;  ///< 0 = only at the end
  int64_t keep = 2;           ///< newest ones kept, >= 1; the best one is kept beside them
  std::string resume =
      "auto";  ///< auto (newest valid one, else start), never, or a checkpoint's path
};

/// Config section `dist`.
struct DistOptions {
  ReduceMode reduce = ReduceMode::kExact;
  double timeout_sec = 600;  ///< deadline of one collective
};

}  // namespace hearth
