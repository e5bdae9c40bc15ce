#pragma once

#include <string>

#include "launch/config/config.h"
#include "storage/checkpoint/manifest.h"
#include "trainer/model/input_schema.h"

namespace hearth {

/// A page about a base model for people, in Markdown: what it was trained on and how, how good it
/// was at validation, what it reads, and how it is used.
std::string ModelCard(const Config& config, const InputSchema& schema,
                      const CheckpointManifest& checkpoint);

/// The configuration of a model folder as YAML: the run's, without the places of its run folder and
/// its data set.
std::string ModelSettings(Config config);

}  // namespace hearth
