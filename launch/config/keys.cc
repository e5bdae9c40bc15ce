#include "launch/config/keys.h"

#include <array>

#include "storage/checkpoint/manifest.h"

namespace hearth {
namespace {

struct SectionInfo {
  std::string_view name, help;
};
constexpr std::array<SectionInfo, 12> kSections = {{
    {"run", "the folder, the name and the seed of a run"},
    {"data", "the data set, and how a run reads it"},
    {"tasks", "the size of an episode, and the number of tasks in an outer step"},
    {"model", "the recommender whose parameters are learned"},
    {"tables", "embedding tables that admit and evict ids while training"},
    {"meta", "the meta-learning method, and the adaptation to a task"},
    {"optim", "the outer optimizers"},
    {"train", "the length, device, precision and engine of training"},
    {"eval", "the metrics, times and size of evaluations"},
    {"checkpoint", "saving the state of a run, and going on from a saved state"},
    {"dist", "how ranks work together"},
    {"log", "how often a run reports its progress"},
}};

void AddRun(std::vector<Key>* keys) {
  SectionBuilder run(keys, "run", &Config::run);
  run.Path("dir", &RunOptions::dir,
           "run folder: configuration, metrics, log and checkpoints go there")
      .MayChangeOnResume();
  run.String("name", &RunOptions::name, "display name; empty: the folder name of run.dir")
      .MayChangeOnResume();
  run.Int("seed", &RunOptions::seed, AtLeast(0), "seed of every random draw");
}

void AddData(std::vector<Key>* keys) {
  SectionBuilder data(keys, "data", &Config::data);
  data.Path("path", &DatasetOptions::path,
            "folder made by 'hearth data convert' or 'hearth data synth'")
      .MayChangeOnResume();  // a resume compares the manifest's hash instead
  data.Choice("read", &DatasetOptions::read,
              Names<ReadMode>{{"mmap", ReadMode::kMmap}, {"pread", ReadMode::kPread}},
              "map shards into memory, or read them (network file systems)")
      .MayChangeOnResume();
  data.Bool("verify", &DatasetOptions::verify,
            "check the SHA-256 of files before they are read; each host "
            "remembers the files it has checked")
      .MayChangeOnResume();
  data.Path("stage", &DatasetOptions::stage,
            "folder on a disk of each host; a run first copies the data set "
            "there; empty: no copy")
      .MayChangeOnResume();
  data.Int("max_bad_shards", &DatasetOptions::max_bad_shards, AtLeast(0),
           "most missing or damaged shards that training leaves out with a "
           "warning; 0: one such shard ends the run")
      .MayChangeOnResume();  // a resume compares the left-out shards instead
}

void AddTasks(std::vector<Key>* keys) {
  SectionBuilder tasks(keys, "tasks", &Config::tasks);
  tasks.Int("support", &TaskOptions::support, AtLeast(1), "most support rows per task");
  tasks.Int("support_min", &TaskOptions::support_min, AtLeast(1), "fewest support rows per task");
  tasks.Choice("support_draw", &TaskOptions::support_draw,
               Names<SupportDraw>{{"max", SupportDraw::kMax},
                                  {"uniform", SupportDraw::kUniform},
                                  {"log_uniform", SupportDraw::kLogUniform}},
               "support size of a training episode: always tasks.support, or "
               "drawn from support_min..support");
  tasks.Int("query", &TaskOptions::query, AtLeast(1), "most query rows per task");
  tasks.Int("min_events", &TaskOptions::min_events, AtLeast(2),
            "tasks with fewer events are left out");
  tasks.Choice("order", &TaskOptions::order,
               Names<EpisodeOrder>{{"time", EpisodeOrder::kTime},
                                   {"random", EpisodeOrder::kRandom},
                                   {"given", EpisodeOrder::kGiven}},
               "time: support rows are earlier than query rows; random: both are "
               "drawn at random; given: the data marks them");
  tasks.Int("per_step", &TaskOptions::per_step, AtLeast(1),
            "tasks per outer step over all ranks; a multiple of tasks.chunk");
  tasks.Int("chunk", &TaskOptions::chunk, AtLeast(1),
            "tasks per chunk; a rank computes whole chunks");
  tasks.Int(
      "negatives", &TaskOptions::negatives, AtLeast(0),
      "sampled items without an event, per support and query row; bpr compares rows with them, "
      "for mse and bce they are further rows of label 0; 0: none");
  tasks.Choice("negative_sampling", &TaskOptions::negative_sampling,
               Names<NegativeSampling>{{"uniform", NegativeSampling::kUniform},
                                       {"popularity", NegativeSampling::kPopularity}},
               "how negatives are drawn");
  tasks.Int("shard_window", &TaskOptions::shard_window, AtLeast(1),
            "number of shards that tasks are drawn from at the same time");
}

void AddModel(std::vector<Key>* keys) {
  using Type = ModelOptions::Type;
  using Activation = ModelOptions::Activation;
  using Start = ModelOptions::Start;
  SectionBuilder model(keys, "model", &Config::model);
  model.Choice(
      "type", &ModelOptions::type,
      Names<Type>{{"embedding_dot", Type::kEmbeddingDot}, {"embedding_mlp", Type::kEmbeddingMlp}},
      "dot product of user and item, or dense layers over their embeddings");
  model.Int("dim", &ModelOptions::dim, Between(1, 4096), "width of every embedding");
  model.IntList("layers", &ModelOptions::layers, Between(1, 65536),
                "hidden widths of embedding_mlp");
  model.Choice("activation", &ModelOptions::activation,
               Names<Activation>{{"relu", Activation::kRelu},
                                 {"gelu", Activation::kGelu},
                                 {"tanh", Activation::kTanh},
                                 {"identity", Activation::kIdentity}},
               "activation function between the layers of embedding_mlp");
  model.Bool("item_id", &ModelOptions::item_id, "embed the item's id in addition to its features");
  model.Int("min_item_events", &ModelOptions::min_item_events, AtLeast(0),
            "items with fewer training events share one 'unknown' table row");
  model.Float("id_dropout", &ModelOptions::id_dropout, HalfOpen(0, 1),
              "share of training chunks whose item ids are all hidden");
  model.Float("init_scale", &ModelOptions::init_scale, Above(0),
              "standard deviation of the numbers in a new table row");
  model.Choice("start", &ModelOptions::start,
               Names<Start>{{"random", Start::kRandom}, {"als", Start::kAls}},
               "table rows of items start at random, or from a matrix "
               "factorisation (als)");
  model.StringList("features", &ModelOptions::features,
                   "features of users and items to use, such as user.age; empty: all");
}

void AddTables(std::vector<Key>* keys) {
  using NewRows = TableOptions::NewRows;
  SectionBuilder tables(keys, "tables", &Config::tables);
  tables.Int("capacity", &TableOptions::capacity, AtLeast(0),
             "most rows that a table keeps; 0: a row for every id");
  tables.Int("admit_after", &TableOptions::admit_after, AtLeast(1),
             "outer steps an id must take part in before it gets a table row of "
             "its own");
  tables.Int("evict_after", &TableOptions::evict_after, AtLeast(0),
             "an id loses its table row after this many outer steps without "
             "use; 0: only when room is needed");
  tables.Choice("new_rows", &TableOptions::new_rows,
                Names<NewRows>{{"seed", NewRows::kSeed}, {"mean", NewRows::kMean}},
                "a new table row starts at random (seed), or at the mean of its "
                "bucket");
}

void AddMeta(std::vector<Key>* keys) {
  using Method = MetaOptions::Method;
  using Loss = MetaOptions::Loss;
  using Adapt = GradientDescentOptions::Adapt;
  using Learn = GradientDescentOptions::LearnInnerLr;
  using FastWeights = GradientDescentOptions::FastWeights;
  SectionBuilder meta(keys, "meta", &Config::meta);
  SectionBuilder descent(keys, "meta", &Config::descent);
  meta.Choice("method", &MetaOptions::method,
              Names<Method>{{"joint", Method::kJoint},
                            {"maml", Method::kMaml},
                            {"fomaml", Method::kFomaml},
                            {"anil", Method::kAnil},
                            {"ridge", Method::kRidge},
                            {"prototypes", Method::kPrototypes}},
              "meta-learning method; joint: no adaptation");
  descent.Int("inner_steps", &GradientDescentOptions::inner_steps, Between(1, 1000),
              "gradient steps on the support set");
  descent.Float("inner_lr", &GradientDescentOptions::inner_lr, Above(0),
                "inner learning rate, or its start value if it is learned");
  descent.Float(
      "support_prior", &GradientDescentOptions::support_prior, AtLeast(0),
      "number p of pseudo-observations: the inner loss of n support rows is scaled by n / (n + p)");
  descent.Choice(
      "learn_inner_lr", &GradientDescentOptions::learn_inner_lr,
      Names<Learn>{{"no", Learn::kNo},
                   {"per_parameter", Learn::kPerParameter},
                   {"per_parameter_and_step", Learn::kPerParameterAndStep},
                   {"per_element", Learn::kPerElement}},
      "learn one inner rate per parameter tensor, per tensor and inner step, per element "
      "(Meta-SGD), or none");
  descent.Choice(
      "adapt", &GradientDescentOptions::adapt,
      Names<Adapt>{{"dense", Adapt::kDense}, {"head", Adapt::kHead}, {"all", Adapt::kAll}},
      "parameters that adapt: all dense layers, the last dense layer, or the dense layers and the "
      "embeddings");
  meta.Choice(
      "loss", &MetaOptions::loss,
      Names<Loss>{{"mse", Loss::kMse}, {"bce", Loss::kBce}, {"bpr", Loss::kBpr}},
      "squared error, binary cross-entropy, or pairwise ranking; positive events alone need "
      "tasks.negatives");
  descent
      .Choice("fast_weights", &GradientDescentOptions::fast_weights,
              Names<FastWeights>{{"auto", FastWeights::kAuto},
                                 {"explicit", FastWeights::kExplicit},
                                 {"factored", FastWeights::kFactored}},
              "form of the adapted weights in the generic engine; auto: the "
              "cheaper form for each layer and step")
      .MayChangeOnResume();
  descent
      .Bool("recompute", &GradientDescentOptions::recompute,
            "the generic engine keeps one inner step in memory, and repeats each step in the "
            "backward pass")
      .MayChangeOnResume();
}

void AddOptim(std::vector<Key>* keys) {
  using Type = OptimizerOptions::Type;
  using TableType = OptimizerOptions::TableType;
  using Schedule = OptimizerOptions::Schedule;
  SectionBuilder optim(keys, "optim", &Config::optim);
  optim.Choice("type", &OptimizerOptions::type,
               Names<Type>{{"adam", Type::kAdam}, {"sgd", Type::kSgd}},
               "optimizer of dense parameters");
  optim.Float("lr", &OptimizerOptions::lr, Above(0), "learning rate of dense parameters");
  optim.Float(
      "inner_lr_lr", &OptimizerOptions::inner_lr_lr, AtLeast(0),
      "learning rate of learned inner rates, and of the strengths, prior and scale that ridge and "
      "prototypes learn (all are stored as logarithms)");
  optim.Float("weight_decay", &OptimizerOptions::weight_decay, AtLeast(0),
              "decoupled weight decay of dense parameters");
  optim.Choice("schedule", &OptimizerOptions::schedule,
               Names<Schedule>{{"constant", Schedule::kConstant},
                               {"cosine", Schedule::kCosine},
                               {"linear", Schedule::kLinear}},
               "course of the learning rates from the end of warm-up to "
               "train.max_steps");
  optim.Steps("warmup_steps", &OptimizerOptions::warmup_steps, AtLeast(0),
              "outer steps in which the learning rates grow from 0");
  optim.Float("clip_norm", &OptimizerOptions::clip_norm, AtLeast(0),
              "largest norm of the whole meta-gradient; 0: no clipping");
  optim.Choice("table_type", &OptimizerOptions::table_type,
               Names<TableType>{{"adam", TableType::kAdam}, {"adagrad", TableType::kAdagrad}},
               "row-wise optimizer of embedding tables");
  optim.Float("table_lr", &OptimizerOptions::table_lr, Above(0), "learning rate of table rows");
  optim.Float("table_l2", &OptimizerOptions::table_l2, AtLeast(0),
              "pull to zero of the table rows that a step touches (L2)");
}

void AddTrain(std::vector<Key>* keys) {
  using Device = TrainOptions::Device;
  using Precision = TrainOptions::Precision;
  SectionBuilder train(keys, "train", &Config::train);
  train.Steps("max_steps", &TrainOptions::max_steps, AtLeast(1), "outer steps of the whole run")
      .MayChangeOnResume();
  train
      .Duration("max_wall_time", &TrainOptions::max_wall_time_sec, AtLeast(0),
                "save and stop after this time; 0: no limit")
      .MayChangeOnResume();
  train
      .Choice(
          "device", &TrainOptions::device,
          Names<Device>{{"auto", Device::kAuto}, {"cpu", Device::kCpu}, {"cuda", Device::kCuda}},
          "device of the tensors; auto: a GPU if there is one")
      .MayChangeOnResume();
  train.Choice("precision", &TrainOptions::precision,
               Names<Precision>{{"float32", Precision::kFloat32}, {"float64", Precision::kFloat64}},
               "number type of parameters and gradients");
  train
      .Choice("engine", &TrainOptions::engine,
              Names<EngineKind>{{"auto", EngineKind::kAuto},
                                {"generic", EngineKind::kGeneric},
                                {"fused", EngineKind::kFused}},
              "engine that computes meta-gradients; auto: fused (kernels for "
              "dense heads) if it supports the configuration")
      .MayChangeOnResume();
  train
      .Int("threads", &TrainOptions::threads, AtLeast(0),
           "chunks that a rank computes at the same time; 0: one per core it "
           "may use")
      .MayChangeOnResume();
  train
      .Int("patience", &TrainOptions::patience, AtLeast(0),
           "stop after this many evaluations without improvement; 0: never")
      .MayChangeOnResume();
}

void AddEval(std::vector<Key>* keys) {
  SectionBuilder eval(keys, "eval", &Config::eval);
  eval.Steps("every", &EvalOptions::every_steps, AtLeast(0),
             "outer steps between evaluations; 0: only at the end")
      .MayChangeOnResume();
  eval.MetricOrAuto("metric", &EvalOptions::metric,
                    "validation metric that picks the best checkpoint; auto: rmse, or ndcg@K for "
                    "positive events alone and for meta.loss=bpr");
  eval.StringList("scenarios", &EvalOptions::scenarios,
                  "scenarios whose validation tasks pick the best checkpoint; empty: all");
  eval.Int("support", &EvalOptions::support, AtLeast(0),
           "most support rows per task in evaluations; 0: tasks.support");
  eval.Int("query", &EvalOptions::query, AtLeast(0),
           "most query rows per task in evaluations; 0: tasks.query");
  eval.Int("top_k", &EvalOptions::top_k, AtLeast(1), "k of ndcg@k, p@k, r@k and hr@k");
  eval.FloatOrAuto("relevant_at", &EvalOptions::relevant_at, AnyNumber(),
                   "labels of this value or more count as relevant; auto: three quarters of the "
                   "way from the smallest to the largest label");
  eval.Int("candidates", &EvalOptions::candidates, AtLeast(0),
           "items per task that a log of positive events alone is ranked against, drawn at random; "
           "0: all items without an event");
  eval.Int("max_tasks", &EvalOptions::max_tasks, AtLeast(0),
           "tasks per scenario in evaluations during training; 0: all");
  eval.Int("draws", &EvalOptions::draws, AtLeast(1), "episodes per task in 'hearth eval'");
  eval.IntList("shots", &EvalOptions::shots, AtLeast(1), "support sizes of the k-shot curve");
  eval.Int("bootstrap", &EvalOptions::bootstrap, AtLeast(0),
           "bootstrap resamples for the 95 % intervals");
}

void AddCheckpoint(std::vector<Key>* keys) {
  SectionBuilder checkpoint(keys, "checkpoint", &Config::checkpoint);
  checkpoint
      .StepsOrAuto("every", &CheckpointOptions::every_steps, AtLeast(0),
                   CheckpointOptions::kAutoInterval,
                   "outer steps between checkpoints; 0: only at the end; auto: the "
                   "interval that loses the least time, computed from the cost of a "
                   "save and checkpoint.mtbf")
      .MayChangeOnResume();
  checkpoint
      .Duration("mtbf", &CheckpointOptions::mtbf_sec, Above(0),
                "mean time between failures of the whole job, for checkpoint.every=auto")
      .MayChangeOnResume();
  checkpoint
      .Choice("async", &CheckpointOptions::async,
              Names<CheckpointOptions::Async>{{"auto", CheckpointOptions::Async::kAuto},
                                              {"never", CheckpointOptions::Async::kNever}},
              "auto: save in the background if a copy of the state takes at most "
              "a quarter of the free memory; never: training waits for each save")
      .MayChangeOnResume();
  checkpoint
      .Int("max_failed_saves", &CheckpointOptions::max_failed_saves, AtLeast(0),
           "saves in a row that may fail with a warning; the next failure "
           "ends the run")
      .MayChangeOnResume();
  checkpoint
      .Int("keep", &CheckpointOptions::keep, AtLeast(1),
           "number of newest checkpoints to keep; the best one is kept in "
           "addition")
      .MayChangeOnResume();
  checkpoint
      .Int("max_deltas", &CheckpointOptions::max_deltas,
           Between(0, CheckpointManifest::kMostDeltas),
           "most delta checkpoints in a row; a delta holds only the table "
           "rows that changed since the checkpoint before it, and is used if "
           "they are at most half of a state of 64 MiB or more; 0: every "
           "checkpoint is whole")
      .MayChangeOnResume();
  checkpoint
      .WordOrPath("resume", &CheckpointOptions::resume, {"auto", "never"},
                  "auto: go on from the newest valid checkpoint if there is one; "
                  "never: refuse a used folder; PATH: go on from that checkpoint")
      .MayChangeOnResume();
  checkpoint
      .Int("max_fruitless_starts", &CheckpointOptions::max_fruitless_starts, AtLeast(0),
           "starts in a row that may end without a newer checkpoint; the next "
           "start ends with code 70; 0: any number")
      .MayChangeOnResume();
}

void AddDist(std::vector<Key>* keys) {
  SectionBuilder dist(keys, "dist", &Config::dist);
  dist.Choice("comm", &DistOptions::comm,
              Names<CommunicatorKind>{{"auto", CommunicatorKind::kAuto},
                                      {"nccl", CommunicatorKind::kNccl},
                                      {"mpi", CommunicatorKind::kMpi}},
              "auto: nccl between ranks that have a GPU each, else mpi; nccl: between GPUs; "
              "mpi: through host memory")
      .MayChangeOnResume();
  dist.Choice("reduce", &DistOptions::reduce,
              Names<ReduceMode>{{"exact", ReduceMode::kExact}, {"fast", ReduceMode::kFast}},
              "exact: the same bits for any number of ranks; fast: float sums");
  dist.Int("replicate_bytes", &DistOptions::replicate_bytes, AtLeast(0),
           "embedding tables up to this size are kept whole on every rank; larger ones are sharded")
      .MayChangeOnResume();
  dist.Int("local_steps", &DistOptions::local_steps, AtLeast(1),
           "outer steps that each rank takes alone before the ranks average their parameters, "
           "for slow links; 1: the ranks work together in every step");
  dist.Choice("wire", &DistOptions::wire,
              Names<Wire>{{"full", Wire::kFull}, {"bfloat16", Wire::kBfloat16}},
              "number type of the rows of sharded tables on their way between "
              "ranks; bfloat16 needs dist.reduce=fast")
      .MayChangeOnResume();
  dist.Steps("check_every", &DistOptions::check_every, AtLeast(0),
             "outer steps between comparisons of the parameters of all ranks; 0: never")
      .MayChangeOnResume();
  dist.Duration("timeout", &DistOptions::timeout_sec, Above(0),
                "longest wait for the other ranks, and longest evaluation or save without "
                "progress; then the job ends with code 69")
      .MayChangeOnResume();
  dist.Duration("watchdog", &DistOptions::watchdog_sec, AtLeast(0),
                "a rank that makes no progress in a step for this time, and for 3 "
                "times the slowest recent step, ends the job with code 69; 0: never")
      .MayChangeOnResume();
}

void AddLog(std::vector<Key>* keys) {
  SectionBuilder log(keys, "log", &Config::log);
  log.Duration("every", &ReportOptions::every_sec, Above(0), "time between progress lines")
      .MayChangeOnResume();
  log.Steps("metrics_every", &ReportOptions::metrics_every_steps, AtLeast(1),
            "outer steps between training lines of metrics.jsonl")
      .MayChangeOnResume();
}

std::vector<Key> MakeKeys() {
  std::vector<Key> keys;
  AddRun(&keys);
  AddData(&keys);
  AddTasks(&keys);
  AddModel(&keys);
  AddTables(&keys);
  AddMeta(&keys);
  AddOptim(&keys);
  AddTrain(&keys);
  AddEval(&keys);
  AddCheckpoint(&keys);
  AddDist(&keys);
  AddLog(&keys);
  return keys;
}

}  // namespace

const std::vector<Key>& AllKeys() {
  static const std::vector<Key> keys = MakeKeys();
  return keys;
}

const Key* FindKey(std::string_view name) {
  for (const Key& key : AllKeys()) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

std::string_view SectionHelp(std::string_view section) {
  for (const SectionInfo& info : kSections) {
    if (info.name == section) return info.help;
  }
  return "";
}

std::vector<std::string> SectionNames() {
  std::vector<std::string> names;
  for (const SectionInfo& section : kSections) names.emplace_back(section.name);
  return names;
}

std::vector<std::string> KeyNames(std::string_view section) {
  std::vector<std::string> names;
  for (const Key& key : AllKeys()) {
    if (section.empty() || key.section() == section) names.push_back(key.name);
  }
  return names;
}

}  // namespace hearth
