#pragma once

#include "storage/shard/dataset.h"
#include "trainer/model/bound_entities.h"
#include "trainer/table/meta_parameters.h"
#include "trainer/tensor/parameter_layout.h"

namespace hearth {

/// Start values from a biased matrix factorisation of the training part (ModelOptions::start =
/// als): row r of table "item.id" becomes the item's factors and, last, its bias. For embedding_dot
/// that is what a row means, and the adaptable user vector starts at the mean training user; for
/// embedding_mlp it is an informed input. Deterministic, so every rank computes the same.
/// Throws ConfigError when the model has no item id table, or its width leaves no room for factors.
void StartFromAls(const Dataset& dataset, const ModelOptions& options, const BoundEntities& items,
                  const ParameterLayout& layout, uint64_t seed, MetaParameters& parameters);

}  // namespace hearth
