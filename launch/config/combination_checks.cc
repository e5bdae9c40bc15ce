#include "launch/config/combination_checks.h"

#include "launch/config/keys.h"

namespace hearth {
namespace {

/// True for the methods that read GradientDescentOptions.
bool TakesGradientSteps(MetaOptions::Method method) {
  switch (method) {
    case MetaOptions::Method::kMaml:
    case MetaOptions::Method::kFomaml:
    case MetaOptions::Method::kAnil:
      return true;
    case MetaOptions::Method::kJoint:
    case MetaOptions::Method::kRidge:
    case MetaOptions::Method::kPrototypes:
      return false;
  }
  HEARTH_CHECK(false, "method {}", static_cast<int>(method));
}

/// True for the methods that may have parameters with ParameterSpec::own_rate.
bool MayLearnRates(MetaOptions::Method method) {
  switch (method) {
    case MetaOptions::Method::kJoint:
      return false;
    case MetaOptions::Method::kMaml:
    case MetaOptions::Method::kFomaml:
    case MetaOptions::Method::kAnil:
    case MetaOptions::Method::kRidge:
    case MetaOptions::Method::kPrototypes:
      return true;
  }
  HEARTH_CHECK(false, "method {}", static_cast<int>(method));
}

class Checker {
 public:
  Checker(const LoadedConfig& loaded, Problems* problems)
      : config_(loaded.config), origins_(loaded.origins), problems_(problems) {}

  void CheckTasks() {
    const TaskOptions& tasks = config_.tasks;
    Require(tasks.support_min <= tasks.support, "tasks.support_min", "tasks.support",
            fmt::format("tasks.support_min ({}) must not exceed tasks.support ({})",
                        tasks.support_min, tasks.support));
    Require(tasks.min_events > tasks.support_min, "tasks.min_events", "tasks.support_min",
            fmt::format("tasks.min_events ({}) must exceed tasks.support_min ({}): a task needs a "
                        "query row beside its support rows",
                        tasks.min_events, tasks.support_min));
    Require(tasks.per_step % tasks.chunk == 0, "tasks.per_step", "tasks.chunk",
            fmt::format("tasks.per_step ({}) must be a multiple of tasks.chunk ({})",
                        tasks.per_step, tasks.chunk));
  }

  void CheckMeta() {
    using Method = MetaOptions::Method;
    const MetaOptions& meta = config_.meta;
    const GradientDescentOptions& descent = config_.descent;
    const std::string method = "meta.method " + FindKey("meta.method")->write(config_);
    const bool descends = TakesGradientSteps(meta.method);
    if (!descends) {
      const bool adapts = meta.method != Method::kJoint;
      RefuseKeysOf<GradientDescentOptions>(
          "meta.method", method + (adapts ? " takes no gradient steps" : " does not adapt"));
    }
    if (!MayLearnRates(meta.method)) {
      RefuseWithoutEffect("optim.inner_lr_lr", "meta.method", method + " learns no rates");
    }
    if (meta.method == Method::kAnil && descent.adapt != GradientDescentOptions::Adapt::kHead) {
      RefuseWithoutEffect("meta.adapt", "meta.method",
                          "meta.method anil always adapts the last layer");
    }
    Require(meta.method != Method::kRidge || meta.loss != MetaOptions::Loss::kBce, "meta.method",
            "meta.loss",
            "meta.method ridge solves least squares and needs meta.loss=mse, or bpr for positive "
            "events; for meta.loss=bce use meta.method=maml");
    Require(descent.learn_inner_lr != GradientDescentOptions::LearnInnerLr::kPerElement ||
                descent.fast_weights != GradientDescentOptions::FastWeights::kFactored,
            "meta.learn_inner_lr", "meta.fast_weights",
            "meta.fast_weights factored needs one inner rate per parameter, and "
            "meta.learn_inner_lr is per_element; use meta.fast_weights=auto");
    if (descends && descent.learn_inner_lr == GradientDescentOptions::LearnInnerLr::kNo) {
      RefuseWithoutEffect("optim.inner_lr_lr", "meta.learn_inner_lr", "meta.learn_inner_lr is no");
    }
  }

  void CheckLoss() {
    if (config_.tasks.negatives == 0) {
      RefuseWithoutEffect("tasks.negative_sampling", "tasks.negatives", "tasks.negatives is 0");
    }
    if (config_.meta.loss != MetaOptions::Loss::kBpr) return;
    Require(config_.tasks.negatives >= 1, "meta.loss", "tasks.negatives",
            "meta.loss bpr compares with negatives, and tasks.negatives is 0; set it to 1 or more");
    const std::string& metric = config_.eval.metric;
    Require(
        metric != "rmse" && metric != "mae", "eval.metric", "meta.loss",
        fmt::format("eval.metric {} measures predicted labels, and meta.loss bpr predicts none; "
                    "choose a ranking metric such as ndcg@10",
                    metric));
  }

  void CheckModel() {
    const ModelOptions& model = config_.model;
    if (model.type == ModelOptions::Type::kEmbeddingDot) {
      RefuseWithoutEffect("model.layers", "model.type",
                          "model.type embedding_dot has no dense layers");
      RefuseWithoutEffect("model.activation", "model.type",
                          "model.type embedding_dot has no dense layers");
    }
    if (!model.item_id) {
      RefuseWithoutEffect("model.id_dropout", "model.item_id", "model.item_id is false");
      RefuseWithoutEffect("model.min_item_events", "model.item_id", "model.item_id is false");
      Require(model.start == ModelOptions::Start::kRandom, "model.start", "model.item_id",
              "model.start als fills the rows of item ids, and model.item_id is false");
    }
  }

  void CheckTables() {
    const std::string reason = "tables.capacity is 0, so every id has a row";
    if (config_.tables.capacity == 0) {
      for (const char* key : {"tables.admit_after", "tables.evict_after", "tables.new_rows"}) {
        RefuseWithoutEffect(key, "tables.capacity", reason);
      }
    }
    Require(config_.tables.capacity == 0 || config_.model.start != ModelOptions::Start::kAls,
            "tables.capacity", "model.start",
            "model.start=als needs a row for every item, and tables.capacity limits them");
  }

  void CheckSchedule() {
    Require(config_.optim.warmup_steps < config_.train.max_steps, "optim.warmup_steps",
            "train.max_steps",
            fmt::format("optim.warmup_steps ({}) must be less than train.max_steps ({})",
                        config_.optim.warmup_steps, config_.train.max_steps));
    Require(config_.train.patience == 0 || config_.eval.every_steps > 0, "train.patience",
            "eval.every", "train.patience counts evaluations, and eval.every is 0");
  }

  void CheckDist() {
    Require(config_.dist.comm != CommunicatorKind::kNccl ||
                config_.train.device != TrainOptions::Device::kCpu,
            "dist.comm", "train.device",
            "dist.comm nccl connects GPUs, and train.device is cpu; use dist.comm=auto");
    Require(config_.dist.wire == Wire::kFull || config_.dist.reduce == ReduceMode::kFast,
            "dist.wire", "dist.reduce",
            "dist.wire=bfloat16 rounds rows on their way, so that the result depends on the number "
            "of ranks: it needs dist.reduce=fast");
    Require(config_.dist.local_steps == 1 || config_.tables.capacity == 0, "dist.local_steps",
            "tables.capacity",
            "with dist.local_steps every rank keeps whole tables, and tables.capacity limits them");
  }

  void CheckData() {
    const DatasetOptions& data = config_.data;
    Require(data.max_bad_shards == 0 || data.verify, "data.max_bad_shards", "data.verify",
            "data.max_bad_shards leaves out what data.verify finds, and that is false");
    Require(data.max_bad_shards == 0 || data.stage.empty(), "data.max_bad_shards", "data.stage",
            "data.stage copies whole data sets; with data.max_bad_shards leave it empty");
  }

  void CheckFolders() {
    const bool same = !config_.run.dir.empty() && config_.run.dir == config_.data.path;
    Require(!same, "run.dir", "data.path", "run.dir and data.path are the same folder");
  }

 private:
  /// The place of the key that was set last. The user looks there first.
  Place PlaceOf(const std::string& a, const std::string& b) const {
    const auto origin_a = origins_.find(a), origin_b = origins_.find(b);
    HEARTH_CHECK(origin_a != origins_.end() || origin_b != origins_.end(),
                 "the defaults of {} and {} contradict each other", a, b);
    if (origin_a == origins_.end()) return origin_b->second.place;
    if (origin_b == origins_.end()) return origin_a->second.place;
    if (origin_b->second.layer > origin_a->second.layer) return origin_b->second.place;
    return origin_a->second.place;
  }

  void Require(bool holds, const std::string& a, const std::string& b, const std::string& message) {
    if (!holds) problems_->Add(PlaceOf(a, b), message);
  }

  /// Refuses `key`, which has no effect because of `cause`. A key that is not set is no problem,
  /// nor is a `cause` from a later layer.
  void RefuseWithoutEffect(const std::string& key, const std::string& cause,
                           const std::string& reason) {
    const auto set = origins_.find(key), by = origins_.find(cause);
    if (set == origins_.end()) return;
    // A resolved configuration ('config show', a run's config.yaml) names all keys, even those
    // without effect.
    if (origins_.size() == AllKeys().size()) return;
    if (by != origins_.end() && by->second.layer > set->second.layer) return;
    problems_->Add(set->second.place, fmt::format("{} has no effect: {}", key, reason),
                   "remove one of the two");
  }

  /// Refuses all keys of an options struct, for a `cause` that leaves the whole struct unread.
  template <typename Options>
  void RefuseKeysOf(const std::string& cause, const std::string& reason) {
    for (const Key& key : AllKeys()) {
      if (key.options == typeid(Options)) RefuseWithoutEffect(key.name, cause, reason);
    }
  }

  const Config& config_;
  const std::map<std::string, Origin>& origins_;
  Problems* problems_;
};

}  // namespace

void CheckCombinations(const LoadedConfig& loaded, Problems* problems) {
  Checker checker(loaded, problems);
  checker.CheckTasks();
  checker.CheckMeta();
  checker.CheckLoss();
  checker.CheckModel();
  checker.CheckTables();
  checker.CheckSchedule();
  checker.CheckDist();
  checker.CheckData();
  checker.CheckFolders();
}

}  // namespace hearth
