#include "trainer/gradient/device_chunk.h"

#include <ATen/Context.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "tests/trainer/support/relative_error.h"
#include "tests/trainer/support/small_head.h"

namespace hearth {
namespace {

constexpr double kRate = 0.002;  // small enough for the loop to converge

HeadShape MeluHead() {
  return {.layer_count = 3,
          .width = {256, 64, 64, 1},
          .activation = HeadShape::Activation::kGelu,  // smooth: float32 may miss the kinks of relu
          .inner_steps = 3,
          .rate_gradient = true};
}

// Makes more tasks than a GPU runs at once. Their lengths differ a lot.
HeadChunk LongChunk(const HeadShape& shape) {
  std::vector<std::pair<int64_t, int64_t>> tasks;
  for (int64_t t = 0; t < 2000; ++t)
    tasks.emplace_back(t % 300 == 7 ? 150 : 1 + t % 23, 1 + t % 11);
  return MakeHeadChunk(shape, tasks, /*with_shift=*/true);
}

HeadChunk OnTheGpu(HeadChunk chunk, at::ScalarType type) {
  for (at::Tensor* tensor :
       {&chunk.tasks, &chunk.items, &chunk.task_start, &chunk.item_start, &chunk.shift}) {
    *tensor = tensor->to(at::kCUDA, type);
  }
  return chunk;
}

template <typename Real>
HeadChunkGradient RunOnTheGpu(const HeadShape& shape, const HeadChunk& chunk) {
  const std::vector<double> tail = MakeTail(shape), rates = MakeRates(shape, kRate);
  return DifferentiateHeadOnDevice<Real>(shape, {tail.begin(), tail.end()},
                                         {rates.begin(), rates.end()}, 0.4,
                                         OnTheGpu(chunk, c10::CppTypeToScalarType<Real>::value));
}

double Error(const std::vector<double>& actual, const std::vector<double>& expected) {
  double error = 0.0, scale = 0.0;
  for (size_t i = 0; i < expected.size(); ++i) {
    error = std::max(error, std::abs(actual.at(i) - expected[i]));
    scale = std::max(scale, std::abs(expected[i]));
  }
  return error / scale;
}

void ExpectAgree(const HeadChunkGradient& gpu, const HeadChunkGradient& host, double tolerance) {
  for (const auto part :
       {&HeadChunkGradient::tasks, &HeadChunkGradient::items, &HeadChunkGradient::task_start,
        &HeadChunkGradient::item_start, &HeadChunkGradient::shift}) {
    EXPECT_LT(RelativeError((gpu.*part).to(at::kCPU), host.*part), tolerance);
  }
  EXPECT_LT(Error(gpu.tail, host.tail), tolerance);
  EXPECT_LT(Error(gpu.rates, host.rates), tolerance);
  EXPECT_LT(Error(gpu.losses, host.losses), tolerance);
}

TEST(DeviceChunk, OnAGpuGradientsOfManyRaggedTasksAreThoseOfTheCpu) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU";
  const HeadShape shape = MeluHead();
  const HeadChunk chunk = LongChunk(shape);
  const HeadChunkGradient host =
      DifferentiateHead(shape, MakeTail(shape), MakeRates(shape, kRate), 0.4, chunk);
  ExpectAgree(RunOnTheGpu<double>(shape, chunk), host, 1e-10);
  ExpectAgree(RunOnTheGpu<float>(shape, chunk), host, 2e-5);
}

TEST(DeviceChunk, OnAGpuItRepeatsItsBits) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU";
  const HeadShape shape = MeluHead();
  const HeadChunk chunk = LongChunk(shape);
  const HeadChunkGradient first = RunOnTheGpu<float>(shape, chunk);
  for (int turn = 0; turn < 5; ++turn) {
    const HeadChunkGradient again = RunOnTheGpu<float>(shape, chunk);
    EXPECT_TRUE(at::equal(again.tasks, first.tasks));
    EXPECT_TRUE(at::equal(again.items, first.items));
    EXPECT_TRUE(at::equal(again.task_start, first.task_start));
    EXPECT_TRUE(at::equal(again.item_start, first.item_start));
    EXPECT_EQ(again.tail, first.tail);
    EXPECT_EQ(again.rates, first.rates);
    EXPECT_EQ(again.losses, first.losses);
  }
}

}  // namespace
}  // namespace hearth
