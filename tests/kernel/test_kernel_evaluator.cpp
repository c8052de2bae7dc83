#include <cmath>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/kernel/dual_reference.hpp>

#include "multiprecision.hpp"
#include "ntkflow/kernel/kernel_evaluator.hpp"
#include "simd_targets.hpp"
#include "support/tolerance.hpp"

namespace ntkflow {
namespace {

using test::Digits50;

/// What the kernels promise away from correlation +-1: 1e-13 relative in double; in float 4e-6 of
/// the samples' diagonal entries, because an entry that cancels to near 0 has few digits left.
template <class Real>
const double kPromised = test::ulp_bound<Real>(sizeof(Real) == sizeof(float) ? 33.0 : 450.0, 1.0);

template <class Real>
struct Kernels {
  Matrix<Real> nngp;
  Matrix<Real> ntk;
};

/// Kernels of all pairs of samples, from their squared norms and products.
template <class Real>
Kernels<Real> evaluate(const KernelEvaluator<Real>& evaluator, const std::vector<double>& row_norms,
                       const std::vector<double>& col_norms, const Matrix<Real>& products) {
  Kernels<Real> kernels{Matrix<Real>(products.rows(), products.cols()),
                        Matrix<Real>(products.rows(), products.cols())};
  evaluator.evaluate(products.view(), evaluator.variances(row_norms), 0,
                     evaluator.variances(col_norms), 0, kernels.nngp.view(), kernels.ntk.view());
  return kernels;
}

/// Kernels of one pair.
template <class Real>
KernelPair evaluate_pair(const KernelEvaluator<Real>& evaluator,
                         const reference::InnerProducts& pair) {
  Matrix<Real> product(1, 1);
  product(0, 0) = static_cast<Real>(pair.xy);
  const auto kernels = evaluate<Real>(evaluator, {pair.xx}, {pair.yy}, product);
  return {static_cast<double>(kernels.nngp(0, 0)), static_cast<double>(kernels.ntk(0, 0))};
}

/// With these, Sigma^(1) = x.y, Sigma^(2) = F and Theta^(2) = F + G x.y.
Architecture bare_duals(const ActivationSpec& activation) {
  return {2, activation, 1.0, 0.0, FirstLayer::plain};
}

/// |value - exact| / scale; |value| where the scale is 0.
double error_of(double value, const Digits50& exact, const Digits50& scale) {
  return scale == 0 ? std::abs(value) : static_cast<double>(abs(value - exact) / scale);
}

template <class Real>
class KernelEvaluatorTest : public testing::Test {};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(KernelEvaluatorTest, Precisions);

TEST(DualTableTest, TileAgreesWithTheHighPrecisionTable) {
  const auto table = test::read_dual_table(NTKFLOW_DUAL_TABLE);
  ASSERT_EQ(table.size(), 612U);
  test::for_each_simd_target([&] {
    for (const auto& row : table) {
      SCOPED_TRACE(row.activation.name + " " + std::to_string(row.correlation()));
      const KernelEvaluator<double> evaluator(bare_duals(row.activation), 1);
      const auto [f, ntk] = evaluate_pair(evaluator, {row.q1, row.q2, row.c});
      // Where F vanishes, the error of the table's quadrature shows.
      EXPECT_LE(error_of(f, row.f, abs(row.f)), abs(row.f) < 1e-28 ? 1e-10 : kPromised<double>);
      const Digits50 scale = abs(row.f) + abs(row.g * row.c);
      EXPECT_LE(error_of(ntk, row.f + row.g * row.c, scale), kPromised<double>);
      EXPECT_GT(error_of(ntk + 2.0 * kPromised<double> * static_cast<double>(scale),
                         row.f + row.g * row.c, scale),
                scale == 0 ? -1.0 : kPromised<double>);
      if (row.correlation() == 1.0 || row.correlation() == 0.0) {
        EXPECT_NEAR(f, static_cast<double>(row.f), test::ulp_bound<double>(4.0, f));
      }
    }
  });
}

TYPED_TEST(KernelEvaluatorTest, DualsKeepAllDigitsTowardsEveryCorrelation) {
  using Real = TypeParam;
  const RandomStream random(21, 0);
  const double smallest = sizeof(Real) == sizeof(float) ? -6.0 : -14.0;
  for (const auto& example : test::closed_form_examples()) {
    const KernelEvaluator<Real> evaluator(bare_duals(example.spec), 1);
    const double largest = example.largest_variance;
    const std::int64_t m = 64;
    const std::int64_t n = 16;
    std::vector<double> row_norms(m);
    std::vector<double> col_norms(n);
    Matrix<Real> products(m, n);
    for (std::int64_t i = 0; i < m; ++i) {
      row_norms[static_cast<std::size_t>(i)] = static_cast<Real>(largest * random.uniform(i, 1));
    }
    for (std::int64_t j = 0; j < n; ++j) {
      col_norms[static_cast<std::size_t>(j)] = static_cast<Real>(largest * random.uniform(j, 2));
    }
    for (std::int64_t j = 0; j < n; ++j) {
      for (std::int64_t i = 0; i < m; ++i) {
        // A third of the correlations each near -1, near 1 and anywhere.
        const double distance = std::pow(10.0, smallest * random.uniform(i, 10 + j));
        const double sign = random.uniform(i, 100 + j) < 0.5 ? 1.0 : -1.0;
        const double rho = i % 3 == 0 ? distance * sign : sign * (1.0 - distance);
        products(i, j) = static_cast<Real>(rho * std::sqrt(row_norms[static_cast<std::size_t>(i)] *
                                                           col_norms[static_cast<std::size_t>(j)]));
      }
    }

    std::vector<test::ExactDuals> exact;
    for (std::int64_t j = 0; j < n; ++j) {
      for (std::int64_t i = 0; i < m; ++i) {
        exact.push_back(test::exact_duals(example.spec, row_norms[static_cast<std::size_t>(i)],
                                          col_norms[static_cast<std::size_t>(j)],
                                          Digits50(products(i, j))));
      }
    }
    test::for_each_simd_target([&] {
      const auto kernels = evaluate(evaluator, row_norms, col_norms, products);
      double worst_f = 0.0;
      double worst_sum = 0.0;
      for (std::int64_t j = 0; j < n; ++j) {
        for (std::int64_t i = 0; i < m; ++i) {
          const Digits50 c = products(i, j);
          const auto row = static_cast<std::size_t>(i);
          const auto col = static_cast<std::size_t>(j);
          if (c * c > Digits50(row_norms[row]) * col_norms[col]) {
            continue;  // rounding left no angle
          }
          const auto& [f, g] = exact[col * m + row];
          const Digits50 scale = abs(f) + abs(g * c);
          const Digits50 f_scale = example.crosses_zero ? scale : Digits50(abs(f));
          worst_f = std::max(worst_f, error_of(kernels.nngp(i, j), f, f_scale));
          worst_sum = std::max(worst_sum, error_of(kernels.ntk(i, j), f + g * c, scale));
        }
      }
      EXPECT_LE(worst_f, test::ulp_bound<Real>(example.f_ulps, 1.0)) << example.label();
      EXPECT_LE(worst_sum, test::ulp_bound<Real>(example.sum_ulps, 1.0)) << example.label();
    });
  }
}

TYPED_TEST(KernelEvaluatorTest, AgreesWithTheRecursionIn50DigitsOnRawData) {
  using Real = TypeParam;
  const std::int64_t m = 5;
  const std::int64_t n = 2;
  for (const std::int64_t d : {3, 50, 784}) {
    const RandomStream random(31, static_cast<std::uint64_t>(d));
    Matrix<Real> x(d, m + n);
    std::vector<double> norms;
    for (std::int64_t i = 0; i < m + n; ++i) {
      for (std::int64_t k = 0; k < d; ++k) {
        x(k, i) = static_cast<Real>(random.normal(k, i) + 0.3);
      }
      norms.push_back(accurate_dot(x.column(i), x.column(i), d));
    }
    const std::vector<double> row_norms(norms.begin(), norms.begin() + m);
    const std::vector<double> col_norms(norms.begin() + m, norms.end());
    Matrix<Real> products(m, n);
    for (std::int64_t j = 0; j < n; ++j) {
      for (std::int64_t i = 0; i < m; ++i) {
        products(i, j) = static_cast<Real>(accurate_dot(x.column(i), x.column(m + j), d));
      }
    }
    for (const auto& example : test::closed_form_examples()) {
      for (const auto& [weight, bias] : example.networks) {
        const Architecture deepest{20, example.spec, weight, bias, FirstLayer::normalised};
        std::vector<std::vector<test::ExactKernels>> exact_by_depth;  // of each pair
        for (std::int64_t j = 0; j < n; ++j) {
          for (std::int64_t i = 0; i < m; ++i) {
            exact_by_depth.push_back(test::exact_kernels_by_depth(
                deepest, d, row_norms[static_cast<std::size_t>(i)],
                col_norms[static_cast<std::size_t>(j)], Digits50(products(i, j))));
          }
        }
        for (const int depth : {1, 2, 3, 5, 10, 20}) {
          Architecture architecture = deepest;
          architecture.depth = depth;
          const KernelEvaluator<Real> evaluator(architecture, d);
          std::vector<test::ExactKernels> exact;
          std::vector<double> scales;  // of the NTK, which bounds that of the NNGP
          for (std::size_t k = 0; k < exact_by_depth.size(); ++k) {
            exact.push_back(exact_by_depth[k][static_cast<std::size_t>(depth - 1)]);
            scales.push_back(std::sqrt(evaluator.diagonal(row_norms[k % m], KernelType::ntk) *
                                       evaluator.diagonal(col_norms[k / m], KernelType::ntk)));
          }
          test::for_each_simd_target([&] {
            const auto kernels = evaluate(evaluator, row_norms, col_norms, products);
            for (std::size_t k = 0; k < exact.size(); ++k) {
              if (exact[k].closest > 0.99) {
                continue;
              }
              const auto check = [&](double value, const Digits50& expected) {
                const double scale = std::is_same_v<Real, float>
                                         ? scales[k]
                                         : std::abs(static_cast<double>(expected));
                const double error = static_cast<double>(abs(value - expected));
                EXPECT_LE(error, kPromised<Real> * scale) << example.label() << " L=" << depth;
                const double perturbed = value + 3.0 * kPromised<Real> * scale;
                EXPECT_GT(static_cast<double>(abs(perturbed - expected)), kPromised<Real> * scale);
              };
              check(kernels.nngp.data()[k], exact[k].nngp);
              check(kernels.ntk.data()[k], exact[k].ntk);
            }
          });
        }
      }
    }
  }
}

TYPED_TEST(KernelEvaluatorTest, AgreesWithTheScalarReference) {
  using Real = TypeParam;
  const double k = sizeof(Real) == sizeof(float) ? 33.0 : 100.0;
  test::for_each_simd_target([&] {
    for (const auto& example : test::closed_form_examples()) {
      const auto [weight, bias] = example.networks.front();
      for (const int depth : {1, 2, 3, 7}) {
        const Architecture architecture{depth, example.spec, weight, bias, FirstLayer::normalised};
        const KernelEvaluator<Real> evaluator(architecture, 20);
        const double scale = std::sqrt(evaluator.diagonal(8.0, KernelType::ntk) *
                                       evaluator.diagonal(18.0, KernelType::ntk));
        for (const double rho : {-0.9, -0.5, 0.0, 0.25, 0.7, 0.9}) {
          const reference::InnerProducts pair{8.0, 18.0, static_cast<Real>(12.0 * rho)};
          const auto expected = reference::kernels(architecture, 20, pair);
          const auto kernel = evaluate_pair(evaluator, pair);
          const double bound = test::ulp_bound<Real>(k, scale);
          EXPECT_NEAR(kernel.nngp, expected.nngp, bound) << example.label();
          EXPECT_NEAR(kernel.ntk, expected.ntk, bound) << example.label();
          EXPECT_GT(std::abs(kernel.ntk + 3.0 * bound - expected.ntk), bound);
        }
      }
    }
  });
}

TYPED_TEST(KernelEvaluatorTest, EqualSamplesGiveTheDiagonalToTheLastBit) {
  using Real = TypeParam;
  const RandomStream random(41, 0);
  test::for_each_simd_target([&] {
    for (const std::string activation : {"identity", "relu", "leaky_relu", "abs"}) {
      for (const int depth : {1, 2, 3, 10}) {
        const KernelEvaluator<Real> evaluator(
            Architecture{depth, {activation, {}}, 1.9, 0.3, FirstLayer::normalised}, 784);
        for (std::uint64_t i = 0; i < 50; ++i) {
          const double norm = static_cast<Real>(100.0 * random.uniform(i));
          const auto kernel = evaluate_pair(evaluator, {norm, norm, norm});
          const std::vector<double> norms = {norm};
          EXPECT_EQ(kernel.nngp, evaluator.variances(norms).layer(depth)[0]);
          const double ntk = evaluator.diagonal(norm, KernelType::ntk);
          EXPECT_NEAR(kernel.ntk, ntk, test::ulp_bound<Real>(2.0 * depth, ntk));
          if (std::is_same_v<Real, double>) {
            EXPECT_EQ(kernel.nngp, evaluator.diagonal(norm, KernelType::nngp));
          }
        }
      }
    }
  });
}

TYPED_TEST(KernelEvaluatorTest, EqualSamplesOfErfGiveTheDiagonalButForRounding) {
  using Real = TypeParam;
  const RandomStream random(41, 0);
  test::for_each_simd_target([&] {
    for (const int depth : {2, 3, 10}) {
      const KernelEvaluator<Real> evaluator(
          Architecture{depth, {"erf", {}}, 1.9, 0.3, FirstLayer::normalised}, 784);
      for (std::uint64_t i = 0; i < 50; ++i) {
        const double norm = static_cast<Real>(100.0 * random.uniform(i));
        const auto kernel = evaluate_pair(evaluator, {norm, norm, norm});
        const std::vector<double> norms = {norm};
        const double q = evaluator.variances(norms).layer(depth)[0];
        const double ntk = evaluator.diagonal(norm, KernelType::ntk);
        const double k = 4.0 * depth;
        EXPECT_NEAR(kernel.nngp, q, test::ulp_bound<Real>(k, q));
        EXPECT_NEAR(kernel.ntk, ntk, test::ulp_bound<Real>(k, ntk));
        const double perturbed = kernel.ntk * (1.0 + 3.0 * k * test::kEps<Real>);
        EXPECT_GT(std::abs(perturbed - ntk), test::ulp_bound<Real>(k, ntk));
      }
    }
  });
}

TYPED_TEST(KernelEvaluatorTest, OppositeSamplesOfReluAreUncorrelatedInTheSecondLayer) {
  using Real = TypeParam;
  const KernelEvaluator<Real> evaluator(bare_duals({"relu", {}}), 1);

  const auto kernel = evaluate_pair(evaluator, {2.3, 2.3, -2.3});

  EXPECT_EQ(kernel.nngp, 0.0);
  EXPECT_EQ(kernel.ntk, 0.0);
}

TYPED_TEST(KernelEvaluatorTest, ZeroSamplesHaveZeroKernelsWithoutBias) {
  using Real = TypeParam;
  test::for_each_simd_target([&] {
    for (const auto& example : test::example_activations()) {
      // An expression is represented to rounding alone, also where it is zero.
      const bool is_rounded = !example.spec.expression.empty();
      if (example.function(0.0) != 0.0 || is_rounded) {
        continue;
      }
      const KernelEvaluator<Real> evaluator(
          Architecture{3, example.spec, example.networks.front().weight, 0.0,
                       FirstLayer::normalised},
          10);
      for (const double other : {0.0, 5.0}) {
        const auto kernel = evaluate_pair(evaluator, {0.0, other, 0.0});
        EXPECT_EQ(kernel.nngp, 0.0);
        EXPECT_EQ(kernel.ntk, 0.0);
      }
    }
  });
}

TYPED_TEST(KernelEvaluatorTest, NotANumberStaysOne) {
  using Real = TypeParam;
  test::for_each_simd_target([&] {
    for (const auto& example : test::example_activations()) {
      const auto [weight, bias] = example.networks.front();
      const KernelEvaluator<Real> evaluator(
          Architecture{3, example.spec, weight, bias, FirstLayer::normalised}, 3);
      const auto kernel = evaluate_pair(evaluator, {1.0, 1.0, std::nan("")});
      EXPECT_TRUE(std::isnan(kernel.nngp));
      EXPECT_TRUE(std::isnan(kernel.ntk));
    }
  });
}

TYPED_TEST(KernelEvaluatorTest, DiagonalAgreesWithTheRecursionIn50Digits) {
  using Real = TypeParam;
  for (const auto& example : test::example_activations()) {
    const auto [weight, bias] = example.networks.front();
    for (const int depth : {1, 2, 5, 20}) {
      const Architecture architecture{depth, example.spec, weight, bias, FirstLayer::normalised};
      const KernelEvaluator<Real> evaluator(architecture, 50);
      const auto exact = test::exact_kernels(architecture, 50, 61.5, 61.5, 61.5);
      const double bound = test::ulp_bound<double>(4.0 * depth, 1.0);
      EXPECT_LE(test::relative_error(evaluator.diagonal(61.5, KernelType::nngp), exact.nngp),
                bound);
      EXPECT_LE(test::relative_error(evaluator.diagonal(61.5, KernelType::ntk), exact.ntk), bound);
      const std::vector<double> norms = {3.0, 61.5};
      const double variance = evaluator.variances(norms).layer(depth)[1];
      EXPECT_LE(test::relative_error(variance, exact.nngp),
                test::ulp_bound<Real>(4.0 * depth, 1.0));
    }
  }
}

TYPED_TEST(KernelEvaluatorTest, VariancesNameTheLayerThatOverflows) {
  using Real = TypeParam;
  const double weight = sizeof(Real) == sizeof(float) ? 2e10 : 2e80;  // q^(l) = (weight / 2)^(l-1)
  const KernelEvaluator<Real> evaluator(
      Architecture{5, {"relu", {}}, weight, 0.0, FirstLayer::normalised}, 1);
  const std::vector<double> norms = {0.0, 1.0 / weight};

  try {
    static_cast<void>(evaluator.variances(norms));
    FAIL() << "no error";
  } catch (const NumericalError& error) {
    EXPECT_NE(std::string(error.what()).find("at layer 3 of 5"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("kernel.weight_variance"), std::string::npos);
  }
  const std::vector<double> vanishing = {sizeof(Real) == sizeof(float) ? 1e-36 : 1e-300};
  EXPECT_THROW(static_cast<void>(evaluator.variances(vanishing)), NumericalError);
  const KernelEvaluator<Real> shallow(
      Architecture{2, {"relu", {}}, weight, 0.0, FirstLayer::normalised}, 1);
  EXPECT_NO_THROW(static_cast<void>(shallow.variances(norms)));
}

TEST(SimdTargetTest, TheOneInUseIsCompiled) {
  const auto compiled = simd_targets_compiled();

  EXPECT_NE(std::find(compiled.begin(), compiled.end(), simd_target_in_use()), compiled.end());
}

}  // namespace
}  // namespace ntkflow
