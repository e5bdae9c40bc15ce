// The exported files, read here as another program would read them.

#include "trainer/state/model_folder.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>

#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "common/error.h"
#include "tests/tools/message_of.h"
#include "tests/trainer/support/training.h"
#include "trainer/adapt/learner_of_dataset.h"
#include "trainer/loop/tensor_setup.h"
#include "trainer/serve/support_set.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Path below the folder -> contents.
std::map<std::string, std::string> Tree(const std::string& folder) {
  std::map<std::string, std::string> tree;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) {
      tree[fs::relative(entry.path(), folder).string()] = Contents(entry.path().string());
    }
  }
  return tree;
}

/// A reader of safetensors files that knows nothing of how hearth writes them.
class Safetensors {
 public:
  explicit Safetensors(const std::string& path) : bytes_(Contents(path)) {
    uint64_t size = 0;
    std::memcpy(&size, bytes_.data(), sizeof(size));
    values_ = sizeof(size) + size;
    header_ = nlohmann::json::parse(bytes_.substr(sizeof(size), size));
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& [name, entry] : header_.items()) {
      if (name != "__metadata__") names.push_back(name);
    }
    return names;
  }
  std::vector<int64_t> Shape(const std::string& name) const { return header_.at(name).at("shape"); }
  template <typename T>
  std::vector<T> Values(const std::string& name) const {
    EXPECT_EQ(header_.at(name).at("dtype"), (std::is_same_v<T, float> ? "F32" : "I64"));
    const std::vector<size_t> range = header_.at(name).at("data_offsets");
    std::vector<T> values((range.at(1) - range.at(0)) / sizeof(T));
    std::memcpy(values.data(), bytes_.data() + values_ + range.at(0), values.size() * sizeof(T));
    return values;
  }
  /// Whether the tensors fill the file without holes, each at a multiple of its elements' size.
  bool IsGapless() const {
    std::map<size_t, size_t> ranges;
    for (const std::string& name : Names()) {
      const std::vector<size_t> range = header_.at(name).at("data_offsets");
      if ((values_ + range.at(0)) % (header_.at(name).at("dtype") == "I64" ? 8 : 4) != 0) {
        return false;
      }
      if (range[0] != range[1]) ranges[range[0]] = range[1];
    }
    size_t end = 0;
    for (const auto& [from, to] : ranges) {
      if (from != end) return false;
      end = to;
    }
    return values_ + end == bytes_.size();
  }

 private:
  std::string bytes_;
  size_t values_ = 0;
  nlohmann::json header_;
};

class ModelFolderTest : public ::testing::Test {
 protected:
  static TrainerOptions Options() { return SmallRunOfManyItems(FreshFolder("run"), 30); }

  struct Run {
    CheckpointReader checkpoint;
    std::unique_ptr<LearnerOfDataset> on_data;
    MetaParameters parameters;

    const Learner& learner() const { return on_data->learner; }
  };
  Run Train(const TrainerOptions& options) {
    SelfCommunicator self;
    hearth::Train(options, dataset_, self);
    const at::TensorOptions tensors = TensorOptionsFor(options.train, 0);
    Run run{CheckpointReader(CheckpointPath(options.run_dir, options.train.max_steps)),
            std::make_unique<LearnerOfDataset>(dataset_, options, tensors),
            {}};
    run.parameters = run.learner().InitialParameters(options.optim.table_type, 1, options.tables);
    LoadParameters(run.checkpoint, run.learner().layout(), run.parameters);
    return run;
  }
  /// On so many ranks; the folder.
  std::string Export(const Run& run, int world_size) {
    const std::string folder = FreshFolder("export" + std::to_string(world_size));
    const std::string path = run.checkpoint.path();
    RunOnThreads(world_size, [&](Communicator& communicator) {
      const CheckpointReader checkpoint(path);
      WriteModelFolder({checkpoint, run.learner(), "a: 1\n", "a card\n"}, folder, communicator);
    });
    return folder;
  }

  Dataset dataset_{{.path = DatasetOfManyItems()}};
};

TEST_F(ModelFolderTest, HoldsEveryParameterAndEveryRowAtItsId) {
  const Run run = Train(Options());
  const Safetensors file(Export(run, 1) + "/model.safetensors");
  EXPECT_TRUE(file.IsGapless());
  const ParameterLayout& layout = run.learner().layout();
  const auto dense = ViewParameters(layout, run.parameters.dense);
  for (size_t p = 0; p < layout.specs().size(); ++p) {
    const ParameterSpec& spec = layout.specs()[p];
    EXPECT_EQ(file.Shape(spec.name), spec.shape);
    const std::vector<float> values = file.Values<float>(spec.name);
    EXPECT_EQ(std::vector<double>(values.begin(), values.end()), ToDoubles(dense[p])) << spec.name;
  }
  for (const EmbeddingTable& table : run.parameters.tables) {
    std::vector<int64_t> ids(table.directory().id_count());
    std::iota(ids.begin(), ids.end(), 0);
    const std::vector<float> values = file.Values<float>("tables/" + table.name());
    EXPECT_EQ(file.Shape("tables/" + table.name()),
              (std::vector<int64_t>{table.directory().id_count(), table.dim()}));
    EXPECT_EQ(std::vector<double>(values.begin(), values.end()), ToDoubles(table.Gather(ids)))
        << table.name();
  }
  EXPECT_EQ(file.Names().size(), layout.specs().size() + run.parameters.tables.size());
}

TEST_F(ModelFolderTest, TheBytesDoNotDependOnTheNumberOfRanks) {
  const Run run = Train(Options());
  const auto alone = Tree(Export(run, 1));
  EXPECT_EQ(alone.size(), 6 + run.learner().tables().size());
  for (const int world_size : {2, 3, 5}) {
    EXPECT_TRUE(Tree(Export(run, world_size)) == alone) << world_size << " ranks";
  }
}

TEST_F(ModelFolderTest, TablesOfDynamicIdsSayWhoseRowsTheyHold) {
  TrainerOptions options = Options();
  MakeDynamic(options);
  const Run run = Train(options);
  const std::string folder = Export(run, 3);
  const Safetensors file(folder + "/model.safetensors");
  EXPECT_TRUE(file.IsGapless());
  int64_t dynamic_tables = 0;
  for (const EmbeddingTable& table : run.parameters.tables) {
    if (!table.directory().is_dynamic()) continue;
    ++dynamic_tables;
    const auto ids = file.Values<int64_t>("table_ids/" + table.name());
    const auto rows = file.Values<float>("tables/" + table.name());
    for (size_t row = 0; row < ids.size(); ++row) {
      EXPECT_EQ(ids[row], table.directory().IdAt(static_cast<int64_t>(row)));
    }
    const std::vector<double> expected = ToDoubles(table.rows());
    EXPECT_EQ(std::vector<double>(rows.begin(), rows.end()), expected);
    EXPECT_TRUE(std::ranges::any_of(ids, [](int64_t id) { return id >= 0; }));
    EXPECT_EQ(file.Shape("table_means/" + table.name()),
              (std::vector<int64_t>{1024, table.dim() + 1}));
  }
  EXPECT_GT(dynamic_tables, 0);
  EXPECT_TRUE(Tree(Export(run, 1)) == Tree(folder));
}

// The prediction of the model, from exported files and the entities' features alone.
class PlainMlp {
 public:
  PlainMlp(const std::string& folder, const Dataset& dataset)
      : folder_(folder),
        dataset_(dataset),
        file_(folder + "/model.safetensors"),
        model_(nlohmann::json::parse(Contents(folder + "/model.json"))) {}

  double Score(int64_t user, int64_t item, int64_t layers) const {
    std::vector<double> x = VectorOf("task_fields", dataset_.users(), user);
    const std::vector<double> of_item = VectorOf("item_fields", dataset_.items(), item);
    x.insert(x.end(), of_item.begin(), of_item.end());
    for (int64_t l = 0; l < layers; ++l) {
      x = Linear("layer" + std::to_string(l), x);
      for (double& value : x) value = std::max(0.0, value);
    }
    return Linear("output", x).at(0) + model_.at("output_offset").get<double>();
  }

 private:
  std::vector<double> Linear(const std::string& layer, const std::vector<double>& x) const {
    const auto weight = file_.Values<float>(layer + ".weight");
    const auto bias = file_.Values<float>(layer + ".bias");
    std::vector<double> y(bias.begin(), bias.end());
    for (size_t i = 0; i < x.size(); ++i) {
      for (size_t o = 0; o < y.size(); ++o) y[o] += x[i] * weight[i * y.size() + o];
    }
    return y;
  }

  std::vector<double> VectorOf(const char* side, const EntityTable& entities,
                               int64_t entity) const {
    std::vector<double> vector;
    for (const nlohmann::json& field : model_.at(side)) {
      const std::vector<double> part = OfField(field, entities, entity);
      vector.insert(vector.end(), part.begin(), part.end());
    }
    return vector;
  }

  std::vector<double> OfField(const nlohmann::json& field, const EntityTable& entities,
                              int64_t entity) const {
    const std::string name = field.at("name");
    const FeatureColumn* column = entities.FindFeature(name.substr(name.find('.') + 1));
    if (field.contains("projection")) return Projected(field, *column, entity);
    const auto vocabulary =
        nlohmann::json::parse(Contents(folder_ + "/" + field.at("vocabulary").get<std::string>()))
            .get<std::vector<std::string>>();
    std::vector<std::string> values;
    if (column == nullptr) {
      values.push_back(entities.ids[static_cast<size_t>(entity)]);
    } else {
      const auto [begin, end] = column->CategoriesOf(entity);
      for (const int32_t* c = begin; c != end; ++c) {
        values.push_back(column->vocabulary[static_cast<size_t>(*c)]);
      }
    }
    const std::string table = field.at("table");
    const auto rows = file_.Values<float>(table);
    const auto dim = static_cast<size_t>(file_.Shape(table).at(1));
    std::vector<double> mean(dim, 0.0);
    for (const std::string& value : values) {
      const auto place = std::ranges::find(vocabulary, value);
      const auto row =
          place == vocabulary.end() ? size_t{0} : static_cast<size_t>(place - vocabulary.begin());
      for (size_t d = 0; d < dim; ++d) {
        mean[d] += rows[row * dim + d] / static_cast<double>(values.size());
      }
    }
    return mean;
  }

  std::vector<double> Projected(const nlohmann::json& field, const FeatureColumn& column,
                                int64_t entity) const {
    const std::string name = field.at("projection");
    const auto weight = file_.Values<float>(name);
    const auto dim = static_cast<size_t>(file_.Shape(name).at(1));
    std::vector<double> sum(dim, 0.0);
    for (size_t w = 0; w < static_cast<size_t>(column.width); ++w) {
      double number = column.numbers[static_cast<size_t>(entity * column.width) + w];
      number = (number - field.at("mean").at(w).get<double>()) *
               field.at("inverse_deviation").at(w).get<double>();
      if (!std::isfinite(number)) number = 0.0;
      for (size_t d = 0; d < dim; ++d) sum[d] += number * weight[w * dim + d];
    }
    return sum;
  }

  std::string folder_;
  const Dataset& dataset_;
  Safetensors file_;
  nlohmann::json model_;
};

TEST_F(ModelFolderTest, AnotherProgramPredictsTheSame) {
  const TrainerOptions options = Options();
  const Run run = Train(options);
  const PlainMlp plain(Export(run, 1), dataset_);
  const std::vector<int64_t> items = {0, 1, 17, 1025, dataset_.items().size() - 1};
  for (const int64_t user : {0, 3, 100}) {
    const std::vector<double> scores = run.learner().ScoreItems(
        run.parameters, run.on_data->data.builder(), /*state=*/{}, user, items);
    for (size_t i = 0; i < items.size(); ++i) {
      EXPECT_NEAR(plain.Score(user, items[i], std::ssize(options.model.layers)), scores[i], 1e-5);
    }
  }
}

TEST_F(ModelFolderTest, LeavesNothingBehindWhenARankFails) {
  const Run run = Train(Options());
  const std::string parent = FreshFolder("failing"), path = run.checkpoint.path();
  std::string part;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() == ".h5") part = entry.path().string();
  }
  std::vector<std::string> messages(3);
  RunOnThreads(3, [&](Communicator& communicator) {
    const CheckpointReader checkpoint(path);
    communicator.Barrier();
    if (communicator.rank() == 1) {  // between the manifest and the rows
      std::fstream file(part, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(fs::file_size(part) - 1).put('x');
    }
    communicator.Barrier();
    try {
      WriteModelFolder({checkpoint, run.learner(), "", ""}, parent + "/out", communicator);
    } catch (const DataError& error) {
      messages[static_cast<size_t>(communicator.rank())] = error.what();
    }
  });
  for (const std::string& message : messages) EXPECT_THAT(message, HasSubstr(part));
  EXPECT_TRUE(fs::is_empty(parent));
}

TEST_F(ModelFolderTest, RefusesAFolderThatHoldsSomething) {
  const Run run = Train(Options());
  const std::string folder = FreshFolder("full");
  std::ofstream(folder + "/thesis.tex") << "x";
  RunOnThreads(2, [&](Communicator& communicator) {
    const CheckpointReader checkpoint(run.checkpoint.path());
    EXPECT_THROW(WriteModelFolder({checkpoint, run.learner(), "", ""}, folder, communicator),
                 UsageError);
  });
  EXPECT_EQ(Tree(folder).size(), 1u);
}

// Parameters whose values are zero, to be overwritten by a load. The seed is the run's: ids without
// a row read as a function of it.
MetaParameters ZeroParameters(const Learner& learner, const TableOptions& tables,
                              const TablePlacement& placement = {}) {
  MetaParameters parameters =
      learner.InitialParameters(TableOptimizer::kAdam, /*seed=*/1, tables, placement);
  parameters.dense.zero_();
  for (EmbeddingTable& table : parameters.tables) table.rows().zero_();
  return parameters;
}

void ExpectSameModel(const MetaParameters& actual, const MetaParameters& expected) {
  EXPECT_TRUE(at::equal(actual.dense, expected.dense));
  for (size_t t = 0; t < expected.tables.size(); ++t) {
    const EmbeddingTable& table = expected.tables[t];
    std::vector<int64_t> ids(table.directory().id_count());
    std::iota(ids.begin(), ids.end(), 0);
    EXPECT_TRUE(at::equal(actual.tables[t].Gather(ids), table.Gather(ids))) << table.name();
  }
}

TEST_F(ModelFolderTest, LoadsBackEveryParameterAndRow) {
  for (const bool dynamic : {false, true}) {
    TrainerOptions options = Options();
    if (dynamic) MakeDynamic(options);
    const Run run = Train(options);
    const ModelFolder folder(Export(run, 2));
    const Learner learner(folder.schema(), options, run.learner().tensor_options());
    MetaParameters parameters = ZeroParameters(learner, options.tables);
    folder.Load(learner.layout(), parameters);
    ExpectSameModel(parameters, run.parameters);
    EXPECT_EQ(folder.description().step, 30);
  }
}

TEST_F(ModelFolderTest, EachRankLoadsTheRowsThatItOwns) {
  const TrainerOptions options = Options();
  const Run run = Train(options);
  const std::string path = Export(run, 1);
  RunOnThreads(3, [&](Communicator& communicator) {
    const ModelFolder folder(path);
    MetaParameters parameters =
        ZeroParameters(run.learner(), options.tables,
                       {communicator.rank(), communicator.world_size(), /*replicate_bytes=*/0});
    folder.Load(run.learner().layout(), parameters);
    for (size_t t = 0; t < parameters.tables.size(); ++t) {
      const EmbeddingTable& table = parameters.tables[t];
      for (int64_t id = 0; id < table.directory().id_count(); ++id) {
        const int64_t place = table.LocalRowOf(id);
        if (place < 0) continue;
        const std::vector<int64_t> ids = {id};
        EXPECT_TRUE(at::equal(table.rows().select(0, place),
                              run.parameters.tables[t].Gather(ids).select(0, 0)));
      }
    }
  });
}

TEST_F(ModelFolderTest, ServesTheSameScoresWithoutTheDataSet) {
  const TrainerOptions options = Options();
  const Run run = Train(options);
  const ModelFolder folder(Export(run, 1));
  const Learner learner(folder.schema(), options, run.learner().tensor_options());
  const DataBinding catalogue(*folder.schema(), std::make_shared<const EntityTable>(),
                              folder.schema()->catalogue.items, learner.tensor_options());
  MetaParameters parameters = ZeroParameters(learner, options.tables);
  folder.Load(learner.layout(), parameters);
  const SupportSet user{.user = "new", .items = {3, 17, 40}, .labels = {5, 1, 4}};
  const Chunk chunk = ChunkOf(user);
  const std::vector<int64_t> items = {0, 1, 17, 1025, dataset_.items().size() - 1};
  const BatchBuilder& trained = run.on_data->data.builder();
  EXPECT_EQ(learner.ScoreItems(parameters, catalogue.builder(),
                               learner.Adapt(parameters, catalogue.builder(), chunk),
                               kUnknownEntity, items),
            run.learner().ScoreItems(run.parameters, trained,
                                     run.learner().Adapt(run.parameters, trained, chunk),
                                     kUnknownEntity, items));
}

TEST_F(ModelFolderTest, ADamagedFileIsRefusedByName) {
  const Run run = Train(Options());
  const std::string folder = Export(run, 1);
  const auto files = Tree(folder);
  for (const auto& [name, content] : files) {
    const std::string path = folder + "/" + name;
    std::string damaged = content;
    size_t place = damaged.size() / 2;
    // Nothing has the hash of model.json itself, so one of the hashes in it is damaged.
    if (name == "model.json") place = damaged.find("\"catalogue.h5\": \"") + 20;
    damaged[place] = static_cast<char>(damaged[place] ^ 1);
    std::ofstream(path, std::ios::binary) << damaged;
    EXPECT_THROW(ModelFolder{folder}, DataError) << name;
    fs::remove(path);
    EXPECT_ANY_THROW(ModelFolder{folder}) << name;
    std::ofstream(path, std::ios::binary) << content;
  }
  EXPECT_NO_THROW(ModelFolder{folder});
}

TEST_F(ModelFolderTest, ADescriptionThatCannotBeIsRefused) {
  const Run run = Train(Options());
  const std::string folder = Export(run, 1), path = folder + "/model.json";
  const nlohmann::json good = nlohmann::json::parse(Contents(path));
  const auto refusal = [&](const std::function<void(nlohmann::json&)>& damage) {
    nlohmann::json json = good;
    damage(json);
    std::ofstream(path) << json.dump();
    return MessageOf<DataError>([&] { ModelFolder{folder}; });
  };
  EXPECT_THAT(refusal([](nlohmann::json& json) { json["format_version"] = 1; }),
              HasSubstr("has format version 1, and this hearth reads 2 and 3"));
  EXPECT_THAT(refusal([](nlohmann::json& json) { json["task_side"] = 7; }), HasSubstr("task_side"));
  EXPECT_THAT(refusal([](nlohmann::json& json) { json.erase("labels"); }), HasSubstr("labels"));
  EXPECT_THAT(refusal([](nlohmann::json& json) { json["extra"] = 1; }), HasSubstr("extra"));
  EXPECT_THAT(refusal([](nlohmann::json& json) { json["files"]["../../etc/passwd"] = ""; }),
              HasSubstr("files"));
  EXPECT_THAT(refusal([](nlohmann::json& json) { json["item_fields"][0]["kind"] = "colour"; }),
              HasSubstr("unknown kind 'colour'"));
  EXPECT_THAT(refusal([](nlohmann::json& json) { json["item_fields"][0]["rows"] = 1; }),
              HasSubstr("must list 1 values"));
}

}  // namespace
}  // namespace hearth
