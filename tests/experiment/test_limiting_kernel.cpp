#include <algorithm>
#include <cmath>
#include <cstdint>

#include <gtest/gtest.h>

#include <ntkflow/base/random.hpp>
#include <ntkflow/kernel/dual_reference.hpp>

#include "limiting_kernel.hpp"
#include "support/tolerance.hpp"

namespace ntkflow::test {
namespace {

constexpr std::int64_t kDimension = 3;
// Not a multiple of the block.
constexpr std::int64_t kSamples = 67;
constexpr std::int64_t kOthers = 5;

Matrix<double> normal_samples(std::int64_t count, std::uint64_t stream) {
  const RandomStream random(4, stream);
  Matrix<double> x(kDimension, count);
  for (std::int64_t i = 0; i < x.size(); ++i) {
    x.data()[i] = random.normal(static_cast<std::uint64_t>(i));
  }
  return x;
}

double inner(const Matrix<double>& x, std::int64_t i, const Matrix<double>& y, std::int64_t j) {
  double sum = 0.0;
  for (std::int64_t k = 0; k < x.rows(); ++k) {
    sum += x(k, i) * y(k, j);
  }
  return sum;
}

double expected(const Architecture& architecture, KernelType type, const Matrix<double>& x,
                std::int64_t i, const Matrix<double>& y, std::int64_t j) {
  const KernelPair pair = reference::kernels(
      architecture, kDimension, {inner(x, i, x, i), inner(y, j, y, j), inner(x, i, y, j)});
  return type == KernelType::ntk ? pair.ntk : pair.nngp;
}

// Both forms evaluate each layer's duals to a few eps of the layer's variance.
constexpr double kRoundings = 2000.0;

class LimitingKernelTest : public testing::Test {
 protected:
  const Matrix<double> x = normal_samples(kSamples, 0);
  const Matrix<double> y = normal_samples(kOthers, 1);
};

TEST_F(LimitingKernelTest, IsTheReference) {
  for (const Architecture& architecture :
       {Architecture{4, {"relu", {}}, 1.0, 0.01, FirstLayer::normalised},
        Architecture{3, {"erf", {}}, 1.5, 0.1, FirstLayer::plain}}) {
    const LimitingKernel limit(architecture);
    for (const KernelType type : {KernelType::ntk, KernelType::nngp}) {
      const Matrix<double> square = whole(limit.of(type, x));
      const Matrix<double> rectangle = whole(limit.between(type, x, y));
      ASSERT_EQ(square.rows(), kSamples);
      ASSERT_EQ(square.cols(), kSamples);
      ASSERT_EQ(rectangle.rows(), kSamples);
      ASSERT_EQ(rectangle.cols(), kOthers);
      const double scale = *std::max_element(square.data(), square.data() + square.size());
      const double bound = ulp_bound<double>(kRoundings, scale);
      double worst_twin = 0.0;
      for (std::int64_t i = 0; i < kSamples; ++i) {
        for (std::int64_t j = 0; j < kSamples; ++j) {
          EXPECT_NEAR(square(i, j), expected(architecture, type, x, i, x, j), bound);
          EXPECT_EQ(square(i, j), square(j, i));
        }
        for (std::int64_t j = 0; j < kOthers; ++j) {
          EXPECT_NEAR(rectangle(i, j), expected(architecture, type, x, i, y, j), bound);
          worst_twin = std::max(
              worst_twin,
              std::abs(rectangle(i, j) - expected(architecture, type, x, i, y, (j + 1) % kOthers)));
        }
      }
      EXPECT_GT(worst_twin, 1e3 * bound);
    }
  }
}

TEST_F(LimitingKernelTest, DiagonalComesFromTheNormsAlone) {
  const Architecture architecture{4, {"relu", {}}, 1.0, 0.01, FirstLayer::normalised};
  const LimitingKernel limit(architecture);
  for (const KernelType type : {KernelType::ntk, KernelType::nngp}) {
    const Matrix<double> square = whole(limit.of(type, x));
    const std::vector<double> diagonal = limit.diagonal(type, x);
    ASSERT_EQ(std::ssize(diagonal), kSamples);
    for (std::int64_t i = 0; i < kSamples; ++i) {
      const double value = expected(architecture, type, x, i, x, i);
      EXPECT_EQ(diagonal[static_cast<std::size_t>(i)], square(i, i));
      EXPECT_NEAR(square(i, i), value, ulp_bound<double>(32.0, value));
    }
  }
}

// A point and itself once more in the other set: no loss of digits near the diagonal.
TEST_F(LimitingKernelTest, OfEqualPointsIsThatOfOne) {
  const Architecture architecture{3, {"relu", {}}, 2.0, 0.0, FirstLayer::normalised};
  const LimitingKernel limit(architecture);
  const Matrix<double> rectangle = whole(limit.between(KernelType::ntk, x, x));
  const std::vector<double> diagonal = limit.diagonal(KernelType::ntk, x);
  for (std::int64_t i = 0; i < kSamples; ++i) {
    const double value = diagonal[static_cast<std::size_t>(i)];
    EXPECT_NEAR(rectangle(i, i), value, std::sqrt(kEps<double>) * value);
  }
}

}  // namespace
}  // namespace ntkflow::test
