#include "trainer/evaluate/baseline.h"

#include "trainer/evaluate/als.h"
#include "trainer/evaluate/bias_model.h"
#include "trainer/evaluate/item_knn.h"
#include "trainer/evaluate/simple_baselines.h"

namespace hearth {

std::vector<std::unique_ptr<Baseline>> FitBaselines(const TrainingLog& log, uint64_t seed) {
  const BiasModel bias(log, BiasModel::Options{});
  AlsModel::Options als;
  als.seed = seed;
  std::vector<std::unique_ptr<Baseline>> baselines;
  baselines.push_back(std::make_unique<GlobalMean>(log));
  baselines.push_back(std::make_unique<SupportMean>(log));
  baselines.push_back(std::make_unique<BiasBaseline>(bias));
  baselines.push_back(std::make_unique<Popularity>(log));
  baselines.push_back(std::make_unique<ItemKnn>(log, bias, ItemKnn::Options{}));
  baselines.push_back(std::make_unique<AlsBaseline>(AlsModel(log, bias, als), log.positive_only));
  return baselines;
}

}  // namespace hearth
