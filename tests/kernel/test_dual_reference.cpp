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

  ASSERT_EQ(table.size(), 612U);
  for (const auto& row : table) {
    SCOPED_TRACE(row.activation.name + " " + std::to_string(row.correlation()));
    const auto [f, g] = reference::duals(row.activation, row.q1, row.q2, row.c);
    // Textbook formulas cancel where a dual is far below its bound.
    const auto bound1 = test::exact_duals(row.activation, row.q1, row.q1, row.q1);
    const auto bound2 = test::exact_duals(row.activation, row.q2, row.q2, row.q2);
    const double f_scale = static_cast<double>(sqrt(bound1.f * bound2.f));
    const double g_scale = static_cast<double>(sqrt(bound1.g * bound2.g));
    const double loss = 1.0 / std::max(std::sqrt(1.0 - std::pow(row.correlation(), 2.0)), 1e-7);
    EXPECT_NEAR(f, static_cast<double>(row.f), kPromised * f_scale);
    EXPECT_NEAR(g, static_cast<double>(row.g), kPromised * g_scale * loss);
    EXPECT_GT(std::abs(f + 2.0 * kPromised * f_scale - static_cast<double>(row.f)),
              kPromised * f_scale);
  }
}

TEST(ReferenceDualsTest, KnowEveryActivation) {
  for (const auto& example : test::example_activations()) {
    const double q1 = 0.5 * example.largest_variance;
    const double q2 = 0.3 * example.largest_variance;
    const double c = 0.4 * std::sqrt(q1 * q2);
    const auto exact = test::exact_duals(example.spec, q1, q2, c);
    const auto [f, g] = reference::duals(example.spec, q1, q2, c);
    const double scale =
        std::sqrt(static_cast<double>(test::exact_duals(example.spec, q1, q1, q1).f *
                                      test::exact_duals(example.spec, q2, q2, q2).f));
    EXPECT_NEAR(f, static_cast<double>(exact.f), kPromised * scale) << example.label();
    if (why_no_ntk(example.spec).empty()) {
      const double g_scale = std::abs(static_cast<double>(exact.g)) + scale;
      EXPECT_NEAR(g, static_cast<double>(exact.g), kPromised * g_scale) << example.label();
    }
    EXPECT_GT(std::abs(f + 2.0 * kPromised * scale - static_cast<double>(exact.f)),
              kPromised * scale);
  }
}

TEST(ExactDualsTest, AgreeWithTheHighPrecisionTable) {
  for (const auto& row : test::read_dual_table(NTKFLOW_DUAL_TABLE)) {
    SCOPED_TRACE(row.activation.name + " " + std::to_string(row.correlation()));
    const auto [f, g] = test::exact_duals(row.activation, row.q1, row.q2, row.c);
    // The table's slope is 0.1 in decimal; its quadrature is good to 1e-41.
    const Digits50 digits = row.activation.name == "leaky_relu" ? 2e-16 : 1e-17;
    EXPECT_LE(abs(f - row.f), digits * abs(row.f) + 1e-41);
    EXPECT_LE(abs(g - row.g), digits * abs(row.g) + 1e-41);
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
