#include <cmath>

#include <gtest/gtest.h>

#include <ntkflow/base/random.hpp>
#include <ntkflow/kernel/dual_reference.hpp>

#include "multiprecision.hpp"
#include "support/tolerance.hpp"

namespace ntkflow {
namespace {

using test::Digits50;

/// 1e-13: what the kernels promise away from correlation +-1.
const double kPromised = test::ulp_bound<double>(450.0, 1.0);

TEST(ReferenceDualsTest, AgreeWithTheHighPrecisionTable) {
  const auto table = test::read_dual_table(NTKFLOW_DUAL_TABLE);

  ASSERT_EQ(table.size(), 153U);
  for (const auto& row : table) {
    SCOPED_TRACE(row.activation + " " + std::to_string(row.correlation()));
    const auto [f, g] = reference::duals({row.activation, {}}, row.q1, row.q2, row.c);
    const double correlation = std::abs(row.correlation());
    if (correlation < 0.99) {
      EXPECT_LE(test::relative_error(f, row.f), kPromised);
      EXPECT_LE(test::relative_error(g, row.g), kPromised);
      EXPECT_GT(test::relative_error(f * (1.0 + 2.0 * kPromised), row.f),
                row.f == 0 ? -1.0 : kPromised);
    }
    if (correlation == 1.0 || correlation == 0.0) {
      // At -1 relu's entry is the rounding of the table's quadrature; its value is 0.
      const double exact_f = abs(row.f) < 1e-40 ? 0.0 : static_cast<double>(row.f);
      EXPECT_NEAR(f, exact_f, test::ulp_bound<double>(2.0, f));
      EXPECT_NEAR(g, static_cast<double>(row.g), test::ulp_bound<double>(2.0, g));
    }
  }
}

TEST(ExactDualsTest, DerivativeIsThatOfTheDual) {  // Price (1958)
  const Digits50 step("1e-16");
  for (const std::string activation : {"identity", "relu", "erf"}) {
    for (const double c : {-0.9, -0.3, 0.0, 0.5, 0.999}) {
      const auto f = [&](const Digits50& at) {
        return test::exact_duals({activation, {}}, 1.3, 0.8, at).f;
      };
      const Digits50 slope = (f(c + step) - f(c - step)) / (2 * step);
      const double g = reference::duals({activation, {}}, 1.3, 0.8, c).g;
      EXPECT_LE(test::relative_error(g, slope), kPromised) << activation << " " << c;
      EXPECT_GT(test::relative_error(g * (1.0 + 2.0 * kPromised), slope), kPromised);
    }
  }
}

TEST(ReferenceKernelsTest, AgreeWithTheRecursionIn50Digits) {
  const RandomStream random(7, 0);
  std::uint64_t draw = 0;
  for (const std::string activation : {"identity", "relu", "erf"}) {
    for (const int depth : {1, 2, 3, 5, 10, 20}) {
      for (const double bias : {0.0, 0.01, 1.0}) {
        const Architecture architecture{depth, {activation, {}}, 1.5, bias, FirstLayer::normalised};
        const double xx = 784.0 * random.uniform(++draw);
        const double yy = 784.0 * random.uniform(++draw);
        const double xy = std::sqrt(xx * yy) * (1.6 * random.uniform(++draw) - 0.8);
        const auto exact = test::exact_kernels(architecture, 784, xx, yy, xy);
        const auto kernel = reference::kernels(architecture, 784, {xx, yy, xy});
        // Half a rounding error of c turns the angle by 1 / sqrt(1 - rho^2) of itself.
        const double bound = kPromised / std::sqrt(1.0 - exact.closest * exact.closest);
        EXPECT_LE(test::relative_error(kernel.nngp, exact.nngp), bound) << activation << depth;
        EXPECT_LE(test::relative_error(kernel.ntk, exact.ntk), bound) << activation << depth;
      }
    }
  }
}

TEST(ReferenceKernelsTest, DepthOneIsTheLinearKernel) {
  const Architecture architecture{1, {"relu", {}}, 3.0, 0.25, FirstLayer::normalised};

  const auto kernel = reference::kernels(architecture, 4, {2.0, 3.0, 1.0});

  EXPECT_EQ(kernel.nngp, 1.0);
  EXPECT_EQ(kernel.ntk, 1.0);
}

TEST(ReferenceKernelsTest, AroraPresetEqualsTheUnrolledSum) {
  for (const std::string activation : {"relu", "erf"}) {
    for (const int depth : {1, 2, 3, 5, 10}) {
      const Architecture base{depth, {activation, {}}, 0.3, 0.4, FirstLayer::normalised};
      const Architecture architecture = with_preset(base, Preset::arora);
      const reference::InnerProducts products{1.0, 1.0, 0.3};
      const double ntk = reference::kernels(architecture, 784, products).ntk;
      const double unrolled = reference::unrolled_ntk(architecture, 784, products);
      EXPECT_NEAR(ntk, unrolled, test::ulp_bound<double>(4.0 * depth, ntk));
      // E[s(z)^2] = 1 / c_sigma keeps samples of unit norm at unit variance.
      const double norm = reference::kernels(architecture, 784, {1.0, 1.0, 1.0}).nngp;
      EXPECT_NEAR(norm, 1.0, test::ulp_bound<double>(8.0 * depth, 1.0));
    }
  }
}

}  // namespace
}  // namespace ntkflow
