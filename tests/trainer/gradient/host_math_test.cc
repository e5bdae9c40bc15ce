#include "trainer/gradient/host_math.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "common/random.h"
#include "trainer/gradient/activation.h"
#include "trainer/gradient/head_workspace.h"

namespace hearth {
namespace {

template <typename Real>
std::vector<Real> Numbers(int64_t count, uint64_t seed) {
  RandomStream random(2, Purpose::kTest, seed);
  std::vector<Real> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<Real>(random.NextNormal()));
  return values;
}

template <typename Real>
class HostMathTest : public ::testing::Test {
 protected:
  // The rounding of a sum of some dozens of products.
  static constexpr double kTolerance = sizeof(Real) == 4 ? 3e-5 : 1e-13;

  // Expects equal values; `expected` is computed in double.
  static void ExpectNear(const std::vector<Real>& actual, const std::vector<double>& expected) {
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i) ASSERT_NEAR(actual[i], expected[i], kTolerance) << i;
  }
  static std::vector<double> Doubles(const std::vector<Real>& values) {
    return {values.begin(), values.end()};
  }

  HostMath<Real> math_;
};

using Reals = ::testing::Types<float, double>;
TYPED_TEST_SUITE(HostMathTest, Reals);

constexpr int64_t kHeights[] = {0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 25};

TYPED_TEST(HostMathTest, GemmIsTheTripleLoopAtEveryHeightAndOrderOfA) {
  using Real = TypeParam;
  for (const int64_t m : kHeights) {
    for (const int64_t n : {16, 32, 48}) {
      for (const int64_t k : {0, 1, 5, 16, 33}) {
        for (const bool transposed : {false, true}) {
          SCOPED_TRACE(::testing::Message() << m << " x " << k << " x " << n);
          // A lies with a gap of two elements between its rows or columns.
          const int64_t a_row = transposed ? 1 : k + 2, a_col = transposed ? m + 2 : 1;
          const auto a = Numbers<Real>((m + 2) * (k + 2), 1), b = Numbers<Real>(k * n, 2);
          std::vector<Real> c = Numbers<Real>(m * n + 4, 3);  // four more must stay
          std::vector<double> expected = this->Doubles(c);
          for (int64_t i = 0; i < m; ++i) {
            for (int64_t j = 0; j < n; ++j) {
              for (int64_t x = 0; x < k; ++x) {
                expected[i * n + j] += 0.7 * a[i * a_row + x * a_col] * b[x * n + j];
              }
            }
          }
          this->math_.Gemm(c.data(), m, n, k, a.data(), a_row, a_col, b.data(), Real(0.7));
          this->ExpectNear(c, expected);
        }
      }
    }
  }
}

TYPED_TEST(HostMathTest, GemmTransposedIsTheTripleLoopAtRaggedSizes) {
  using Real = TypeParam;
  for (const int64_t m : kHeights) {
    for (const int64_t n : kHeights) {
      for (const int64_t k : {0, 16, 48}) {
        SCOPED_TRACE(::testing::Message() << m << " x " << k << " x " << n);
        const int64_t c_row = n + 3;
        const auto a = Numbers<Real>(m * k, 1), b = Numbers<Real>(n * k, 2);
        std::vector<Real> c = Numbers<Real>((m + 1) * c_row, 3);
        std::vector<double> expected = this->Doubles(c);
        for (int64_t i = 0; i < m; ++i) {
          for (int64_t j = 0; j < n; ++j) {
            for (int64_t x = 0; x < k; ++x) {
              expected[i * c_row + j] -= 1.3 * a[i * k + x] * b[j * k + x];
            }
          }
        }
        this->math_.GemmTransposed(c.data(), c_row, m, n, k, a.data(), b.data(), Real(-1.3));
        this->ExpectNear(c, expected);
      }
    }
  }
}

TYPED_TEST(HostMathTest, TransposeCopiesEveryElementAndFillsTheRestWithZeros) {
  using Real = TypeParam;
  for (const int64_t rows : {1, 7, 8, 16, 17}) {
    for (const int64_t columns : {1, 7, 8, 9, 16}) {
      SCOPED_TRACE(::testing::Message() << rows << " x " << columns);
      const int64_t from_width = 16, to_width = HeadShape::Padded(rows);
      const auto from = Numbers<Real>(rows * from_width, 1);
      std::vector<Real> to = Numbers<Real>(columns * to_width + 5, 2);
      std::vector<double> expected = this->Doubles(to);
      for (int64_t j = 0; j < columns; ++j) {
        for (int64_t i = 0; i < to_width; ++i) {
          expected[j * to_width + i] = i < rows ? from[i * from_width + j] : 0.0;
        }
      }
      this->math_.Transpose(to.data(), to_width, from.data(), from_width, rows, columns);
      this->ExpectNear(to, expected);
    }
  }
}

TYPED_TEST(HostMathTest, SumsAndDotsAreThoseOfOneLoop) {
  using Real = TypeParam;
  constexpr int64_t kWidth = 48;
  for (const int64_t count : kHeights) {
    SCOPED_TRACE(count);
    const auto values = Numbers<Real>(count, 1);
    double sum = 0.0;
    for (const Real value : values) sum += value;
    EXPECT_NEAR(this->math_.Sum(count, [&](int64_t i) { return values[i]; }), sum,
                this->kTolerance);

    const auto a = Numbers<Real>(count * kWidth, 2), b = Numbers<Real>(kWidth, 3);
    std::vector<double> dots(count, 0.0);
    for (int64_t i = 0; i < count * kWidth; ++i) dots[i / kWidth] += a[i] * b[i % kWidth];
    std::vector<Real> to(count, Real(9));  // overwritten
    this->math_.RowDots(to.data(), a.data(), b.data(), count, kWidth);
    this->ExpectNear(to, dots);
  }
}

TYPED_TEST(HostMathTest, RowsAreAddedWithTheirWeights) {
  using Real = TypeParam;
  constexpr int64_t kRow = 32;
  for (const int64_t rows : kHeights) {
    for (const int64_t width : {1, 15, 31, 32}) {
      SCOPED_TRACE(::testing::Message() << rows << " x " << width);
      const auto a = Numbers<Real>(rows * kRow, 1), weight = Numbers<Real>(rows, 2);
      std::vector<Real> to = Numbers<Real>(kRow, 3);
      std::vector<double> expected = this->Doubles(to);
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t j = 0; j < width; ++j) expected[j] += 0.3 * a[r * kRow + j];
        for (int64_t j = 0; j < kRow; ++j) expected[j] -= 0.5 * weight[r] * a[r * kRow + j];
      }
      this->math_.AddColumnSums(to.data(), a.data(), kRow, rows, width, Real(0.3));
      this->math_.AddWeightedRows(to.data(), a.data(), weight.data(), rows, kRow, Real(-0.5));
      this->ExpectNear(to, expected);
    }
  }
}

// ---- activations

using Function = void (*)(double&, double&, double&);

void ExpectDerivatives(Function function) {
  for (double z = -6.0; z <= 6.0; z += 0.37) {
    const auto at = [&](double x) {
      double value = x, slope = 0.0, bend = 0.0;
      function(value, slope, bend);
      return std::vector<double>{value, slope, bend};
    };
    constexpr double kStep = 1e-5;
    const std::vector<double> above = at(z + kStep), below = at(z - kStep), here = at(z);
    EXPECT_NEAR(here[1], (above[0] - below[0]) / (2 * kStep), 1e-9) << z;
    EXPECT_NEAR(here[2], (above[1] - below[1]) / (2 * kStep), 1e-9) << z;
  }
}

TEST(Activation, SlopeAndBendAreTheDifferences) {
  ExpectDerivatives(Gelu<double>);
  ExpectDerivatives(Tanh<double>);
}

// Values of x P(X <= x) for a normal X, from tables.
TEST(Activation, GeluIsTheExactOne) {
  for (const auto& [x, expected] : {std::pair{1.0, 0.841344746068543},
                                    {-1.0, -0.158655253931457},
                                    {2.0, 1.954499736103642},
                                    {0.0, 0.0}}) {
    double z = x, slope = 0.0, bend = 0.0;
    Gelu(z, slope, bend);
    EXPECT_NEAR(z, expected, 1e-14);
  }
}

TEST(Activation, FarFromZeroNothingOverflowsInFloat32) {
  for (const float x : {-1e4f, -88.0f, -20.0f, 20.0f, 88.0f, 1e4f}) {
    float z = x, slope = 0.0f, bend = 0.0f;
    Gelu(z, slope, bend);
    EXPECT_EQ(z, x > 0 ? x : 0.0f) << x;
    EXPECT_EQ(slope, x > 0 ? 1.0f : 0.0f) << x;
    EXPECT_EQ(bend, 0.0f) << x;
    z = x;
    Tanh(z, slope, bend);
    EXPECT_EQ(z, x > 0 ? 1.0f : -1.0f) << x;
    EXPECT_EQ(slope, 0.0f) << x;
    EXPECT_EQ(bend, 0.0f) << x;
    EXPECT_NEAR(Softplus(x), x > 0 ? x : 0.0f, 3e-9f) << x;
    EXPECT_NEAR(Sigmoid(x), x > 0 ? 1.0f : 0.0f, 3e-9f) << x;
  }
}

TEST(Activation, SigmoidIsTheSlopeOfSoftplus) {
  for (double x = -30.0; x <= 30.0; x += 0.7) {
    EXPECT_NEAR(Softplus(x), std::log1p(std::exp(x)), 1e-14 + 1e-15 * std::abs(x)) << x;
    EXPECT_NEAR(Sigmoid(x), 1.0 / (1.0 + std::exp(-x)), 1e-16) << x;
    EXPECT_NEAR(Sigmoid(x) + Sigmoid(-x), 1.0, 1e-15) << x;
  }
}

// ---- the memory of a task

HeadShape ShapeOf(const std::vector<int64_t>& widths, HeadShape::Activation activation) {
  HeadShape shape;
  shape.layer_count = static_cast<int>(std::ssize(widths)) - 1;
  std::copy(widths.begin(), widths.end(), shape.width);
  shape.activation = activation;
  shape.inner_steps = 3;
  return shape;
}

std::vector<HeadShape> Shapes() {
  std::vector<HeadShape> shapes;
  for (const auto activation : {HeadShape::Activation::kRelu, HeadShape::Activation::kGelu}) {
    for (const std::vector<int64_t>& widths :
         std::vector<std::vector<int64_t>>{{9, 1}, {9, 17, 1}, {20, 6, 5, 1}, {12, 9, 16, 33, 1}}) {
      shapes.push_back(ShapeOf(widths, activation));
    }
  }
  return shapes;
}

TEST(HeadShape, TheTailHasAPlaceForEveryParameterButTheFirstWeight) {
  for (const HeadShape& shape : Shapes()) {
    std::vector<int> owners(shape.tail_size(), 0);
    const auto own = [&](int64_t begin, int64_t count) {
      EXPECT_EQ(begin % HeadShape::kPad, 0);
      ASSERT_LE(begin + count, shape.tail_size());
      for (int64_t i = begin; i < begin + count; ++i) ++owners[i];
    };
    for (int l = 0; l < shape.layer_count; ++l) {
      own(shape.bias_offset(l), HeadShape::Padded(shape.width[l + 1]));
      if (l == 0) continue;
      const bool is_output = l + 1 == shape.layer_count;
      own(shape.weight_offset(l), is_output
                                      ? HeadShape::Padded(shape.width[l])
                                      : shape.width[l] * HeadShape::Padded(shape.width[l + 1]));
    }
    for (const int owner : owners) EXPECT_EQ(owner, 1);
  }
}

// The pieces of a task's memory: writes a mark of its own to every element of every piece.
class Marks {
 public:
  Marks(double* begin, int64_t size) : begin_(begin), size_(size) {}

  void Write(double* piece, int64_t count) {
    if (piece == nullptr) return;
    EXPECT_EQ((piece - begin_) % HeadShape::kPad, 0);
    ASSERT_GE(piece, begin_);
    ASSERT_LE(piece + count, begin_ + size_);
    ++next_;
    std::fill_n(piece, count, next_);
    written_.push_back({piece, count, next_});
  }
  void ExpectKept() const {
    for (const auto& [piece, count, mark] : written_) {
      for (int64_t i = 0; i < count; ++i) ASSERT_EQ(piece[i], mark) << "piece " << mark;
    }
  }
  size_t count() const { return written_.size(); }

 private:
  struct Written {
    double* piece;
    int64_t count;
    double mark;
  };
  double* begin_;
  int64_t size_;
  double next_ = 0.0;
  std::vector<Written> written_;
};

TEST(HeadWorkspace, PiecesOfAllPassesLieApartAndInside) {
  for (const HeadShape& shape : Shapes()) {
    for (const auto& [support, query] :
         std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {17, 2}, {2, 19}}) {
      std::vector<double> passes(HeadWorkspace<double>::PassesSize(shape, support, query));
      std::vector<double> tangent(HeadWorkspace<double>::TangentSize(shape, support, query));
      const HeadWorkspace<double> work(shape, support, query, passes.data(), tangent.data());
      Marks marks(passes.data(), std::ssize(passes));
      for (int k = 0; k <= shape.inner_steps; ++k) {
        const HeadPass<double> pass = work.pass(k);
        const int64_t rows = k < shape.inner_steps ? support : query;
        marks.Write(pass.tail, shape.tail_size());
        marks.Write(pass.drift, support * shape.out(0));
        marks.Write(pass.output_delta, rows);
        marks.Write(pass.curvature, rows);
        for (int l = 0; l < HeadShape::kMaxLayers; ++l) {
          for (double* const* list : {pass.hidden, pass.slope, pass.bend, pass.delta}) {
            marks.Write(list[l], rows * shape.out(l));
          }
          marks.Write(pass.transposed[l], shape.width[l + 1] * HeadShape::Padded(shape.width[l]));
        }
      }
      marks.ExpectKept();
      Marks of_tangent(tangent.data(), std::ssize(tangent));
      const HeadTangent<double> r = work.tangent();
      const int64_t rows = std::max(support, query);
      for (int l = 0; l < HeadShape::kMaxLayers; ++l) {
        for (double* const* list : {r.hidden, r.before, r.delta}) {
          of_tangent.Write(list[l], rows * shape.out(l));
        }
        of_tangent.Write(r.transposed[l], shape.width[l + 1] * HeadShape::Padded(shape.width[l]));
      }
      of_tangent.Write(r.output_delta, rows);
      of_tangent.Write(r.row, rows);
      of_tangent.Write(r.pull, support * shape.out(0));
      of_tangent.Write(r.query_pull, support * shape.out(0));
      of_tangent.ExpectKept();
      EXPECT_EQ(r.before[0] != nullptr, shape.activation == HeadShape::Activation::kGelu);
    }
  }
}

TEST(HeadWorkspace, MemoryNeverFallsWithMoreRows) {
  for (const HeadShape& shape : Shapes()) {
    for (int64_t rows = 1; rows < 40; ++rows) {
      using Work = HeadWorkspace<float>;
      EXPECT_GE(Work::PassesSize(shape, rows + 1, 5), Work::PassesSize(shape, rows, 5));
      EXPECT_GE(Work::PassesSize(shape, 5, rows + 1), Work::PassesSize(shape, 5, rows));
      EXPECT_GE(Work::TangentSize(shape, rows + 1, 5), Work::TangentSize(shape, rows, 5));
      EXPECT_GE(Work::TangentSize(shape, 5, rows + 1), Work::TangentSize(shape, 5, rows));
    }
  }
}

}  // namespace
}  // namespace hearth
