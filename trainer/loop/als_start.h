#pragma once

#include "storage/shard/dataset.h"
#include "trainer/adapt/meta_options.h"
#include "trainer/model/bound_entities.h"
#include "trainer/table/meta_parameters.h"
#include "trainer/tensor/parameter_layout.h"

namespace hearth {

/// Sets start values from a biased matrix factorisation of the training part (ModelOptions::start =
/// als), with at most 16 factors (64 for positive events). A log of 0/1 labels is factorised by its
/// ones alone, as a log of positive events; its biases come from all labels; for bce they are
/// turned into logits. Each row of table "item.id" becomes its item's factors followed by the bias.
/// The rows of embedding_dot have exactly this meaning, and its adaptable user vector starts at the
/// mean training user (0/1 labels: at zero). For positive events "ridge.unseen" starts from the
/// factors. For embedding_mlp the rows are an informed input. The values are deterministic, so
/// every rank computes the same ones. Throws ConfigError when the model has no item id table, or
/// the table is too narrow for factors.
void StartFromAls(const Dataset& dataset, const ModelOptions& options, const BoundEntities& items,
                  const ParameterLayout& layout, uint64_t seed, MetaParameters& parameters,
                  MetaOptions::Loss loss = MetaOptions::Loss::kMse);

}  // namespace hearth
