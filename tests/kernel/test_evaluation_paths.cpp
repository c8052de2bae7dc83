#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/kernel/dual_reference.hpp>
#include <ntkflow/kernel/kernel_evaluator.hpp>

#include "multiprecision.hpp"
#include "simd_targets.hpp"
#include "support/tolerance.hpp"

namespace ntkflow {
namespace {

using test::Digits50;

constexpr std::int64_t kDimension = 784;
constexpr double kSquaredNorm = 784.0;
constexpr NormRange kSphere{kSquaredNorm, kSquaredNorm};

/// 1e-13 in double, 4e-6 in float: what the kernels promise.
template <class Real>
const double kPromised = test::ulp_bound<Real>(sizeof(Real) == sizeof(float) ? 33.0 : 450.0, 1.0);

Architecture architecture_of(const std::string& activation, int depth, double weight = 2.0,
                             double bias = 0.01) {
  return {depth, {activation, {}, {}}, weight, bias, FirstLayer::normalised};
}

template <class Real>
struct Kernels {
  Matrix<Real> nngp;
  Matrix<Real> ntk;
};

/// Kernels between samples of these |x|^2, at all products of a column.
template <class Real>
Kernels<Real> evaluate(const KernelEvaluator<Real>& evaluator, const std::vector<double>& row_norms,
                       double col_norm, const Matrix<Real>& products) {
  Kernels<Real> kernels{Matrix<Real>(products.rows(), 1), Matrix<Real>(products.rows(), 1)};
  evaluator.evaluate(products.view(), evaluator.variances(row_norms), 0,
                     evaluator.variances(std::vector{col_norm}), 0, kernels.nngp.view(),
                     kernels.ntk.view());
  return kernels;
}

/// Correlations over all of [-1, 1] and of both signs within a vector, but for the nearly parallel.
std::vector<double> correlations() {
  std::vector<double> all;
  for (int k = 0; k < 45; ++k) {
    const double rho = -0.9999 + 1.9998 * k / 44.0;
    all.push_back(k % 3 == 0 ? -rho : rho);
  }
  return all;
}

template <class Real>
class EvaluationPathTest : public testing::Test {};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(EvaluationPathTest, Precisions);

TYPED_TEST(EvaluationPathTest, IsChosenFromNormsBiasAndDepth) {
  using Real = TypeParam;
  const auto path = [](const Architecture& architecture, NormRange norms) {
    return KernelEvaluator<Real>(architecture, kDimension, norms).path();
  };
  const NormRange raw{1.0, 100.0};

  EXPECT_EQ(path(architecture_of("relu", 3), kSphere), EvaluationPath::fused);
  EXPECT_EQ(path(architecture_of("erf", 3), kSphere), EvaluationPath::fused);
  EXPECT_EQ(path(architecture_of("relu", 3), raw), EvaluationPath::layered);
  EXPECT_EQ(path(architecture_of("relu", 3), {}), EvaluationPath::layered);
  EXPECT_EQ(path(architecture_of("relu", 3, 2.0, 0.0), raw), EvaluationPath::fused);
  EXPECT_EQ(path(architecture_of("erf", 3, 2.0, 0.0), raw), EvaluationPath::layered);
  EXPECT_EQ(path(architecture_of("relu", 1), kSphere), EvaluationPath::layered);
  const double rounding = 4.0 * test::kEps<Real>;
  EXPECT_EQ(path(architecture_of("erf", 3), {kSquaredNorm * (1.0 - rounding), kSquaredNorm}),
            EvaluationPath::fused);
}

TEST(FusedPathTest, RefusesFusionWhereThereIsNoOneFunction) {
  for (const int depth : {1, 3}) {
    const NormRange norms = depth == 1 ? kSphere : NormRange{1.0, 2.0};
    try {
      const KernelEvaluator<double> evaluator(architecture_of("relu", depth), kDimension, norms,
                                              EvaluationPath::fused);
      FAIL() << "no error";
    } catch (const NumericalError& error) {
      EXPECT_NE(std::string(error.what()).find("sphere"), std::string::npos) << error.what();
    }
  }
}

TYPED_TEST(EvaluationPathTest, FusedAgreesWithTheRecursionIn50Digits) {
  using Real = TypeParam;
  const std::vector<double> rhos = correlations();
  const auto m = static_cast<std::int64_t>(rhos.size());
  for (const std::string activation : {"relu", "erf", "identity"}) {
    for (const auto& [weight, bias] : {std::pair{2.0, 0.01}, {1.0, 0.0}, {1.5, 0.5}}) {
      for (const int depth : {2, 3, 5, 10, 20}) {
        const Architecture architecture = architecture_of(activation, depth, weight, bias);
        const KernelEvaluator<Real> evaluator(architecture, kDimension, kSphere);
        ASSERT_EQ(evaluator.path(), EvaluationPath::fused) << activation << depth;
        Matrix<Real> products(m, 1);
        std::vector<test::ExactKernels> exact;
        for (std::int64_t i = 0; i < m; ++i) {
          products(i, 0) = static_cast<Real>(rhos[static_cast<std::size_t>(i)] * kSquaredNorm);
          exact.push_back(test::exact_kernels(architecture, kDimension, kSquaredNorm, kSquaredNorm,
                                              Digits50(products(i, 0))));
        }
        const double nngp_scale = evaluator.diagonal(kSquaredNorm, KernelType::nngp);
        const double ntk_scale = evaluator.diagonal(kSquaredNorm, KernelType::ntk);
        test::for_each_simd_target([&] {
          const auto kernels = evaluate(evaluator, std::vector<double>(rhos.size(), kSquaredNorm),
                                        kSquaredNorm, products);
          double worst = 0.0;
          for (std::size_t i = 0; i < exact.size(); ++i) {
            const double nngp = static_cast<double>(abs(kernels.nngp.data()[i] - exact[i].nngp));
            const double ntk = static_cast<double>(abs(kernels.ntk.data()[i] - exact[i].ntk));
            // Close to the ends the rounding of rho = x.y / |x||y| counts, and near_kernels serves.
            if (std::abs(rhos[i]) < 0.99) {
              worst = std::max({worst, nngp / nngp_scale, ntk / ntk_scale});
            }
          }
          EXPECT_LE(worst, kPromised<Real>) << activation << " L=" << depth;
          EXPECT_LE(worst, 8.0 * evaluator.error() + test::ulp_bound<Real>(64.0, 1.0));
        });
      }
    }
  }
}

TYPED_TEST(EvaluationPathTest, FusedServesEveryNormWithoutBias) {
  using Real = TypeParam;
  const std::vector<double> rhos = correlations();
  const auto m = static_cast<std::int64_t>(rhos.size());
  const RandomStream random(5, 0);
  const Architecture architecture = architecture_of("relu", 4, 1.7, 0.0);
  const KernelEvaluator<Real> evaluator(architecture, kDimension, {0.0, 900.0});
  ASSERT_EQ(evaluator.path(), EvaluationPath::fused);
  std::vector<double> norms;
  Matrix<Real> products(m, 1);
  for (std::int64_t i = 0; i < m; ++i) {
    norms.push_back(i == 7 ? 0.0 : static_cast<Real>(900.0 * random.uniform(i, 1)));
    const double root = std::sqrt(norms.back() * 17.0);
    products(i, 0) = static_cast<Real>(0.99 * rhos[static_cast<std::size_t>(i)] * root);
  }

  const auto kernels = evaluate(evaluator, norms, 17.0, products);

  for (std::int64_t i = 0; i < m; ++i) {
    const double norm = norms[static_cast<std::size_t>(i)];
    const auto exact =
        test::exact_kernels(architecture, kDimension, norm, 17.0, Digits50(products(i, 0)));
    const double scale = std::sqrt(evaluator.diagonal(norm, KernelType::ntk) *
                                   evaluator.diagonal(17.0, KernelType::ntk));
    EXPECT_LE(static_cast<double>(abs(kernels.nngp(i, 0) - exact.nngp)), kPromised<Real> * scale);
    EXPECT_LE(static_cast<double>(abs(kernels.ntk(i, 0) - exact.ntk)), kPromised<Real> * scale);
  }
  EXPECT_EQ(kernels.ntk(7, 0), Real(0));
}

TYPED_TEST(EvaluationPathTest, AllPathsAgree) {
  using Real = TypeParam;
  const std::vector<double> rhos = correlations();
  const auto m = static_cast<std::int64_t>(rhos.size());
  Matrix<Real> products(m, 1);
  for (std::int64_t i = 0; i < m; ++i) {
    products(i, 0) = static_cast<Real>(0.99 * rhos[static_cast<std::size_t>(i)] * kSquaredNorm);
  }
  const std::vector<double> norms(rhos.size(), kSquaredNorm);
  for (const std::string activation : {"relu", "erf"}) {
    for (const int depth : {2, 7}) {
      const auto evaluate_by = [&](EvaluationPath path) {
        const KernelEvaluator<Real> evaluator(architecture_of(activation, depth), kDimension,
                                              kSphere, path);
        EXPECT_EQ(evaluator.path(), path);
        EXPECT_FALSE(evaluator.description().empty());
        return evaluate(evaluator, norms, kSquaredNorm, products);
      };
      const auto fused = evaluate_by(EvaluationPath::fused);
      const auto layered = evaluate_by(EvaluationPath::layered);
      const auto reference = evaluate_by(EvaluationPath::reference);
      const double scale = KernelEvaluator<Real>(architecture_of(activation, depth), kDimension)
                               .diagonal(kSquaredNorm, KernelType::ntk);
      for (std::int64_t i = 0; i < m; ++i) {
        const double bound = kPromised<Real> * scale;
        EXPECT_NEAR(fused.nngp(i, 0), reference.nngp(i, 0), bound);
        EXPECT_NEAR(fused.ntk(i, 0), reference.ntk(i, 0), bound);
        EXPECT_NEAR(layered.nngp(i, 0), reference.nngp(i, 0), bound);
        EXPECT_NEAR(layered.ntk(i, 0), reference.ntk(i, 0), bound);
      }
    }
  }
}

TYPED_TEST(EvaluationPathTest, GivesEveryDepthInOnePass) {
  using Real = TypeParam;
  constexpr int kDepth = 6;
  constexpr std::int64_t kRows = 37;
  const RandomStream random(8, 0);
  for (const auto path :
       {EvaluationPath::fused, EvaluationPath::layered, EvaluationPath::reference}) {
    const KernelEvaluator<Real> all(architecture_of("relu", kDepth), kDimension, kSphere, path);
    const auto variances = all.variances(std::vector<double>(kRows, kSquaredNorm));
    Matrix<Real> products(kRows, 3);
    for (std::int64_t i = 0; i < products.size(); ++i) {
      products.data()[i] = static_cast<Real>(kSquaredNorm * (1.8 * random.uniform(i) - 0.9));
    }
    std::vector<Matrix<Real>> memory;
    std::vector<MatrixView<Real>> nngp;
    std::vector<MatrixView<Real>> ntk;
    memory.reserve(2 * kDepth);
    for (int depth = 1; depth <= kDepth; ++depth) {
      nngp.push_back(memory.emplace_back(kRows, 3).view());
      ntk.push_back(depth == 4 ? MatrixView<Real>() : memory.emplace_back(kRows, 3).view());
    }

    all.evaluate_depths(products.view(), variances, 0, variances, 5, nngp, ntk);

    for (int depth = 1; depth <= kDepth; ++depth) {
      const auto index = static_cast<std::size_t>(depth - 1);
      const KernelEvaluator<Real> one(
          architecture_of("relu", depth), kDimension, kSphere,
          depth == 1 && path == EvaluationPath::fused ? EvaluationPath::automatic : path);
      const auto own = one.variances(std::vector<double>(kRows, kSquaredNorm));
      Matrix<Real> expected_nngp(kRows, 3);
      Matrix<Real> expected_ntk(kRows, 3);
      one.evaluate(products.view(), own, 0, own, 5, expected_nngp.view(), expected_ntk.view());
      const double bound =
          test::ulp_bound<Real>(16.0 * kDepth, one.diagonal(kSquaredNorm, KernelType::ntk));
      for (std::int64_t j = 0; j < 3; ++j) {
        for (std::int64_t i = 0; i < kRows; ++i) {
          EXPECT_NEAR(nngp[index].column(j)[i], expected_nngp(i, j), bound);
          if (depth != 4) {
            EXPECT_NEAR(ntk[index].column(j)[i], expected_ntk(i, j), bound);
          }
        }
      }
    }
  }
}

TYPED_TEST(EvaluationPathTest, KeepsWhatIsNotANumber) {
  using Real = TypeParam;
  for (const auto path :
       {EvaluationPath::fused, EvaluationPath::layered, EvaluationPath::reference}) {
    const KernelEvaluator<Real> evaluator(architecture_of("relu", 3), kDimension, kSphere, path);
    Matrix<Real> products(9, 1);
    products(4, 0) = std::numeric_limits<Real>::quiet_NaN();

    const auto kernels =
        evaluate(evaluator, std::vector<double>(9, kSquaredNorm), kSquaredNorm, products);

    for (std::int64_t i = 0; i < 9; ++i) {
      EXPECT_EQ(std::isnan(kernels.nngp(i, 0)), i == 4);
      EXPECT_EQ(std::isnan(kernels.ntk(i, 0)), i == 4);
    }
  }
}

// Pairs x' = x + tiny. -------------------------------------------------------------------------

template <class Real>
struct NearPair {
  std::vector<Real> x;
  std::vector<Real> y;
  Digits50 xx = 0;
  Digits50 yy = 0;
  Digits50 xy = 0;
};

/// y = factor (x + a vector orthogonal to it up to rounding), with 1 - |rho| about `gap`.
template <class Real>
NearPair<Real> near_pair(double gap, double factor, std::uint64_t seed) {
  const RandomStream random(seed, 0);
  constexpr std::size_t kSize = 50;
  NearPair<Real> pair;
  std::vector<double> step(kSize);
  double xx = 0.0;
  double along = 0.0;
  for (std::size_t k = 0; k < kSize; ++k) {
    pair.x.push_back(static_cast<Real>(random.normal(k, 0)));
    step[k] = random.normal(k, 1);
    xx += static_cast<double>(pair.x[k]) * static_cast<double>(pair.x[k]);
    along += static_cast<double>(pair.x[k]) * step[k];
  }
  double rest = 0.0;
  for (std::size_t k = 0; k < kSize; ++k) {
    step[k] -= along / xx * static_cast<double>(pair.x[k]);
    rest += step[k] * step[k];
  }
  const double size = std::sqrt(2.0 * gap * xx / rest);
  for (std::size_t k = 0; k < kSize; ++k) {
    pair.y.push_back(static_cast<Real>(factor * (static_cast<double>(pair.x[k]) + size * step[k])));
    pair.xx += Digits50(pair.x[k]) * pair.x[k];
    pair.yy += Digits50(pair.y[k]) * pair.y[k];
    pair.xy += Digits50(pair.x[k]) * pair.y[k];
  }
  return pair;
}

TYPED_TEST(EvaluationPathTest, NearlyEqualSamplesKeepAllDigits) {
  using Real = TypeParam;
  const double bound = sizeof(Real) == sizeof(float) ? kPromised<float> : kPromised<double>;
  for (const double exponent : {-3.0, -5.0, -7.0, -9.0, -11.0, -13.0, -15.0}) {
    const double gap = std::pow(10.0, exponent);
    for (const double factor : {1.0, -1.0, 1.3}) {
      const auto pair = near_pair<Real>(gap, factor, static_cast<std::uint64_t>(-exponent));
      const double xx = static_cast<double>(pair.xx);
      const double yy = static_cast<double>(pair.yy);
      const auto correlation = near_correlation(pair.x.data(), pair.y.data(), 50);
      EXPECT_EQ(correlation.sign, factor < 0.0 ? -1.0 : 1.0);
      const Digits50 angle_gap = 1 - abs(pair.xy) / sqrt(pair.xx * pair.yy);
      EXPECT_LE(std::abs(std::sqrt(correlation.gap) - static_cast<double>(sqrt(abs(angle_gap)))),
                test::ulp_bound<double>(1.0, 1.0));
      for (const double bias : {0.0, 0.01, 1.0}) {
        for (const int depth : {1, 2, 3, 10, 20}) {
          const Architecture architecture{
              depth, {"relu", {}, {}}, 2.0, bias, FirstLayer::normalised};
          const auto exact = test::exact_kernels(architecture, 50, pair.xx, pair.yy, pair.xy);
          const NormRange norms{std::min(xx, yy), std::max(xx, yy)};
          const KernelEvaluator<Real> evaluator(architecture, 50, norms);
          const auto kernels = evaluator.near_kernels(xx, yy, correlation, depth);
          ASSERT_TRUE(kernels.has_value());
          const double scale = factor < 0.0 ? std::sqrt(evaluator.diagonal(xx, KernelType::ntk) *
                                                        evaluator.diagonal(yy, KernelType::ntk))
                                            : static_cast<double>(exact.nngp);
          EXPECT_LE(static_cast<double>(abs(kernels->nngp - exact.nngp)), bound * scale)
              << gap << ' ' << factor << ' ' << bias << ' ' << depth;
          EXPECT_LE(static_cast<double>(abs(kernels->ntk - exact.ntk)), bound * scale)
              << gap << ' ' << factor << ' ' << bias << ' ' << depth;
        }
      }
    }
  }
}

TEST(NearPairTest, TheRoundedCorrelationAloneWouldLoseDigits) {
  const auto pair = near_pair<double>(1e-11, 1.0, 2);
  const Architecture architecture{3, {"relu", {}, {}}, 2.0, 0.01, FirstLayer::normalised};
  const auto exact = test::exact_kernels(architecture, 50, pair.xx, pair.yy, pair.xy);
  const KernelEvaluator<double> evaluator(architecture, 50);
  Matrix<double> products(1, 1);
  products(0, 0) = static_cast<double>(pair.xy);

  const auto plain =
      evaluate(evaluator, {static_cast<double>(pair.xx)}, static_cast<double>(pair.yy), products);

  EXPECT_GT(test::relative_error(plain.ntk(0, 0), exact.ntk), kPromised<double>);
}

TYPED_TEST(EvaluationPathTest, EqualSamplesHaveTheKernelOfTheDiagonal) {
  using Real = TypeParam;
  for (const NormRange norms : {NormRange{61.5, 61.5}, NormRange{1.0, 61.5}}) {
    for (const int depth : {1, 2, 20}) {
      const KernelEvaluator<Real> evaluator(architecture_of("relu", depth, 1.7, 0.2), 50, norms);
      const auto kernels = evaluator.near_kernels(61.5, 61.5, {1.0, 0.0}, depth);
      const double bound = test::ulp_bound<Real>(64.0, 1.0);
      const double nngp = evaluator.diagonal(61.5, KernelType::nngp);
      const double ntk = evaluator.diagonal(61.5, KernelType::ntk);
      EXPECT_LE(test::relative_difference(kernels->nngp, nngp), bound);
      EXPECT_LE(test::relative_difference(kernels->ntk, ntk), bound);
    }
  }
}

// x and -x are far from parallel after the first layer, whatever their variance and the bias.
TYPED_TEST(EvaluationPathTest, OppositeSamplesAgreeWithTheReference) {
  using Real = TypeParam;
  for (const std::string activation : {"relu", "leaky_relu", "abs", "elu", "selu", "hard_tanh"}) {
    for (const double squared_norm : {0.5, 10.0, 100.0, 784.0}) {
      for (const auto& [weight, bias] : {std::pair{2.0, 0.01}, {0.5, 1.0}}) {
        const Architecture architecture{3, {activation, {}, {}}, weight, bias, FirstLayer::plain};
        const reference::InnerProducts products{squared_norm, squared_norm,
                                                -squared_norm * (1.0 - 1e-7)};
        const auto expected = reference::kernels(architecture, 1, products);
        for (const NormRange norms :
             {NormRange{squared_norm, squared_norm}, NormRange{0.5 * squared_norm, squared_norm}}) {
          const KernelEvaluator<Real> evaluator(architecture, 1, norms);
          const auto near = evaluator.near_kernels(squared_norm, squared_norm, {-1.0, 1e-7}, 3);
          ASSERT_TRUE(near.has_value());
          const double scale = evaluator.diagonal(squared_norm, KernelType::ntk);
          // The reference has the rounding of rho: 1e-16 over the angle.
          const double bound = std::max(kPromised<Real>, 1e-12) * scale;
          EXPECT_NEAR(near->nngp, expected.nngp, bound)
              << activation << squared_norm << ' ' << bias;
          EXPECT_NEAR(near->ntk, expected.ntk, bound) << activation << squared_norm << ' ' << bias;
        }
      }
    }
  }
}

}  // namespace
}  // namespace ntkflow
