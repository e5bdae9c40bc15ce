// For every method x model x loss x kind of rates x choice of meta.adapt, the fused engine equals
// the generic engine in float64, or it is not offered and says why. A combination that is not
// offered is constructed and not computed: generic_engine_test.cc checks the gradient of the
// generic engine for every method and model.
#include <array>
#include <cmath>
#include <map>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "tests/trainer/support/models_and_methods.h"
#include "tests/trainer/support/relative_error.h"
#include "tests/trainer/support/small_world.h"
#include "trainer/gradient/engine_choice.h"

namespace hearth {
namespace {

using Adapt = GradientDescentOptions::Adapt;
using Learn = GradientDescentOptions::LearnInnerLr;
using Loss = MetaOptions::Loss;
using Method = MetaOptions::Method;
using Type = ModelOptions::Type;

constexpr std::array kLosses = {Loss::kMse, Loss::kBce, Loss::kBpr};
constexpr std::array kRates = {Learn::kNo, Learn::kPerParameter, Learn::kPerParameterAndStep,
                               Learn::kPerElement};
constexpr std::array kAdapts = {Adapt::kDense, Adapt::kHead, Adapt::kAll};

static_assert(static_cast<int>(kLosses.back()) + 1 == std::ssize(kLosses));
static_assert(static_cast<int>(kRates.back()) + 1 == std::ssize(kRates));
static_assert(static_cast<int>(kAdapts.back()) + 1 == std::ssize(kAdapts));

LearnerOptions OptionsOf(Type type, Method method, Loss loss, Learn rates, Adapt adapt) {
  LearnerOptions options;
  options.model.type = type;
  options.model.dim = 4;
  options.model.layers = {6, 5};
  options.model.activation = ModelOptions::Activation::kTanh;
  options.model.init_scale = 0.3;
  options.meta = {.method = method, .loss = loss};
  options.descent = {
      .inner_lr = 0.07, .learn_inner_lr = rates, .support_prior = 1.5, .adapt = adapt};
  return options;
}

void ForEachCombination(const std::function<void(const LearnerOptions&)>& visit) {
  for (const Type type : kEveryModel) {
    for (const Method method : kEveryMethod) {
      for (const Loss loss : kLosses) {
        for (const Learn rates : kRates) {
          for (const Adapt adapt : kAdapts) {
            SCOPED_TRACE(fmt::format("model {}, method {}, loss {}, rates {}, adapt {}",
                                     TestNameOf(type), TestNameOf(method), static_cast<int>(loss),
                                     static_cast<int>(rates), static_cast<int>(adapt)));
            visit(OptionsOf(type, method, loss, rates, adapt));
          }
        }
      }
    }
  }
}

Chunk ChunkFor(Loss loss) {
  return SmallWorld::MakeChunk(6, loss == Loss::kBce, loss == Loss::kBpr ? 2 : 0, 3);
}

// Returns the largest relative difference of both engines; nothing if the fused engine is not
// offered.
std::optional<double> FusedError(SmallWorld& world, Loss loss, std::string* why_not) {
  *why_not = FusedEngine::WhyNot(world.learner(), at::kCPU);
  if (!why_not->empty()) return std::nullopt;
  const ChunkResult fused = world.fused().Compute(ChunkFor(loss), world.parameters());
  const ChunkResult exact = world.generic().Compute(ChunkFor(loss), world.parameters());
  return RelativeError(fused, exact);
}

TEST(MethodMatrix, FusedEqualsGenericOrSaysWhyNot) {
  std::map<std::string, int> refusals;
  int offered = 0, refused_loss = 0;
  ForEachCombination([&](const LearnerOptions& options) {
    if (options.meta.method == Method::kRidge && options.meta.loss == Loss::kBce) {
      EXPECT_THROW(SmallWorld(options, at::kDouble), ConfigError);
      ++refused_loss;
      return;
    }
    SmallWorld world(options, at::kDouble);
    std::string why_not;
    const std::optional<double> error = FusedError(world, options.meta.loss, &why_not);
    if (error) {
      EXPECT_LT(*error, 1e-10);
      ++offered;
    } else {
      ++refusals[why_not];
    }
  });
  // The first count: the combinations that the fused engine computes. A model with a dense_head()
  // raises `models`. A method with a program adds the kinds of rates x choices of meta.adapt that
  // the kernels compute; a method without a program adds nothing.
  const int models = 2, losses = 2;        // both models; mse and bce
  const int joint = 4 * 3;                 // all rates, all choices of meta.adapt
  const int maml = 3 * 2, fomaml = 3 * 2;  // no rates per element, no meta.adapt=all
  const int anil = 3 * 3;                  // no rates per element
  EXPECT_EQ(offered, models * losses * (joint + maml + fomaml + anil));
  // The second count: the combinations that a constructor refuses for their loss. Ridge refuses bce
  // and bpr with every model, all rates and all choices of meta.adapt.
  EXPECT_EQ(refused_loss, std::ssize(kEveryModel) * 4 * 3);
  // All reasons against the fused engine, each met at least once.
  EXPECT_THAT(refusals, ::testing::UnorderedElementsAre(
                            ::testing::Key("the loss bpr compares pairs of rows"),
                            ::testing::Key("embedding rows adapt (meta.adapt=all)"),
                            ::testing::Key("elements have inner rates of their own"),
                            ::testing::Key("the method has no program for the kernels")));
}

// A method with a wrong program: it promises one step more than its Adapt takes.
class WrongProgram : public GradientDescent {
 public:
  using GradientDescent::GradientDescent;
  HeadOffer OffersHeadProgram() const override {
    HeadOffer offer = GradientDescent::OffersHeadProgram();
    ++offer.program.inner_steps;
    return offer;
  }
};

TEST(MethodMatrix, AMethodWithAWrongProgramIsCaught) {
  for (const Type type : kEveryModel) {
    const LearnerOptions options =
        OptionsOf(type, Method::kMaml, Loss::kMse, Learn::kNo, Adapt::kDense);
    SmallWorld world(options, at::kDouble,
                     [](const LearnerOptions& of, const InputSchema&, const Model& model,
                        ParameterLayout& layout) {
                       return std::make_unique<WrongProgram>(of.meta, of.descent, model, layout);
                     });
    if (world.learner().model().dense_head() == nullptr) continue;  // no kernel runs the model
    std::string why_not;
    const std::optional<double> error = FusedError(world, Loss::kMse, &why_not);
    ASSERT_TRUE(error.has_value()) << why_not;
    EXPECT_GT(*error, 1e-4);
  }
}

// A method without a program, like a new family. `auto` must not train it with the kernels.
class NewFamily : public GradientDescent {
 public:
  using GradientDescent::GradientDescent;
  HeadOffer OffersHeadProgram() const override { return Adaptation::OffersHeadProgram(); }
};

TEST(MethodMatrix, AMethodWithoutAProgramIsComputedByTheGenericEngine) {
  SmallWorld world(
      OptionsOf(Type::kEmbeddingDot, Method::kMaml, Loss::kMse, Learn::kNo, Adapt::kDense),
      at::kDouble,
      [](const LearnerOptions& of, const InputSchema&, const Model& model,
         ParameterLayout& layout) {
        return std::make_unique<NewFamily>(of.meta, of.descent, model, layout);
      });
  const ChosenEngine chosen = ChooseEngine(EngineKind::kAuto, world.context(), at::kCPU);
  EXPECT_EQ(chosen.reason, "generic (the method has no program for the kernels)");
  EXPECT_THROW(ChooseEngine(EngineKind::kFused, world.context(), at::kCPU), ConfigError);
}

}  // namespace
}  // namespace hearth
