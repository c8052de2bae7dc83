#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <numbers>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/kernel/dual_reference.hpp>
#include <ntkflow/kernel/kernel_evaluator.hpp>

#include "activation.hpp"
#include "atan_polynomial.hpp"
#include "gauss_rule.hpp"
#include "multiprecision.hpp"
#include "normal.hpp"
#include "orthant_polynomials.hpp"
#include "scalar.hpp"
#include "simd_targets.hpp"
#include "support/tolerance.hpp"

// The activations built on the normal distribution: hard_tanh, hard_sigmoid, relu6, elu, selu. The
// tables come from quadrature over u of s(u) E[s(v) | u], which shares nothing with the library.

HWY_BEFORE_NAMESPACE();
namespace ntkflow::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
#include "pack.inl"
#include "pack_normal.inl"

template <class Real>
double first(Pack<Real> pack) {
  std::array<Real, 64> lanes{};
  pack.store(lanes.data());
  return static_cast<double>(lanes[0]);
}

template <class Real>
double simd_normal_tail(double x) {
  const auto pack = Pack<Real>::broadcast(static_cast<Real>(x));
  return first(normal_tail(pack, normal_density(pack)));
}

template <class Real>
MillsRatio<double> simd_mills_ratio(double y) {
  const auto [value, drop] = mills_ratio(Pack<Real>::broadcast(static_cast<Real>(y)));
  return {first(value), first(drop)};
}

template <class Real>
double simd_bivariate_tail(double h, double k, double rho) {
  // In extended precision, because k - rho h cancels; the activations have it from q - c.
  const long double wide = rho;
  const long double root = std::sqrt((1 - wide) * (1 + wide));
  const Corner<Real> corner{Pack<Real>(h), Pack<Real>(k),
                            Pack<Real>(static_cast<double>((k - wide * h) / root)),
                            Pack<Real>(static_cast<double>((h - wide * k) / root))};
  return first(corner_tails(corner).both);
}

}  // namespace
}  // namespace ntkflow::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

namespace ntkflow {
namespace {

namespace simd = HWY_NAMESPACE;

/// 1e-13 in double and 4e-6 in float, of sqrt(F(q1, q1, q1) F(q2, q2, q2)).
template <class Real>
const double kPromised = test::ulp_bound<Real>(sizeof(Real) == sizeof(float) ? 33.0 : 450.0, 1.0);

const std::vector<std::string> kNames = {"hard_tanh", "hard_sigmoid", "relu6", "elu", "selu"};

/// With these, Sigma^(1) = x.y, Sigma^(2) = F and Theta^(2) = F + G x.y.
Architecture bare_duals(const std::string& activation) {
  return {2, {activation, {}}, 1.0, 0.0, FirstLayer::plain};
}

template <class Real>
KernelPair evaluate_pair(const KernelEvaluator<Real>& evaluator, double q1, double q2, double c) {
  Matrix<Real> product(1, 1);
  Matrix<Real> nngp(1, 1);
  Matrix<Real> ntk(1, 1);
  product(0, 0) = static_cast<Real>(c);
  const std::vector<double> row{q1};
  const std::vector<double> col{q2};
  evaluator.evaluate(product.view(), evaluator.variances(row), 0, evaluator.variances(col), 0,
                     nngp.view(), ntk.view());
  return {static_cast<double>(nngp(0, 0)), static_cast<double>(ntk(0, 0))};
}

template <class Real>
class BivariateDualsTest : public testing::Test {};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(BivariateDualsTest, Precisions);

TYPED_TEST(BivariateDualsTest, TileAgreesWithTheTable) {
  using Real = TypeParam;
  constexpr bool kIsFloat = sizeof(Real) == sizeof(float);
  const auto table = test::read_dual_table(NTKFLOW_BIVARIATE_TABLE);
  ASSERT_EQ(table.size(), 600U);
  test::for_each_simd_target([&] {
    for (const std::string& name : kNames) {
      const KernelEvaluator<Real> evaluator(bare_duals(name), 1);
      for (const auto& row : table) {
        // Rounded to float, a covariance near the end is another one.
        if (row.activation.name != name || (kIsFloat && std::abs(row.correlation()) > 0.99)) {
          continue;
        }
        SCOPED_TRACE(name + " " + std::to_string(row.q1) + " " + std::to_string(row.q2) + " " +
                     std::to_string(row.correlation()));
        const double scale = std::sqrt(evaluator.diagonal(row.q1, KernelType::nngp) *
                                       evaluator.diagonal(row.q2, KernelType::nngp));
        const auto f = static_cast<double>(row.f);
        const auto sum = static_cast<double>(row.f + row.g * row.c);
        const double sum_scale = scale + std::abs(sum);
        const auto [nngp, ntk] = evaluate_pair(evaluator, row.q1, row.q2, row.c);
        EXPECT_LE(std::abs(nngp - f), kPromised<Real> * scale);
        EXPECT_LE(std::abs(ntk - sum), kPromised<Real> * sum_scale);
        EXPECT_GT(std::abs(nngp + 3.0 * kPromised<Real> * scale - f), kPromised<Real> * scale);
      }
    }
  });
}

TEST(BivariateDualsTest, TextbookAndDiagonalAgreeWithTheTable) {
  for (const auto& row : test::read_dual_table(NTKFLOW_BIVARIATE_TABLE)) {
    SCOPED_TRACE(row.activation.name + " " + std::to_string(row.q1) + " " + std::to_string(row.q2) +
                 " " + std::to_string(row.correlation()));
    const KernelEvaluator<double> evaluator(bare_duals(row.activation.name), 1);
    const double f1 = evaluator.diagonal(row.q1, KernelType::nngp);
    const double f2 = evaluator.diagonal(row.q2, KernelType::nngp);
    const auto [f, g] = reference::duals(row.activation, row.q1, row.q2, row.c);
    EXPECT_LE(std::abs(f - static_cast<double>(row.f)), kPromised<double> * std::sqrt(f1 * f2));
    EXPECT_LE(test::relative_error(g, row.g), kPromised<double>);
    if (row.q1 == row.q2 && row.c == row.q1) {
      const double ntk = evaluator.diagonal(row.q1, KernelType::ntk);
      EXPECT_LE(test::relative_error(f1, row.f), test::ulp_bound<double>(8.0, 1.0));
      EXPECT_LE(test::relative_error(ntk, row.f + row.g * row.c),
                test::ulp_bound<double>(8.0, 1.0));
    }
  }
}

TYPED_TEST(BivariateDualsTest, IsSymmetricToTheLastBit) {
  using Real = TypeParam;
  test::for_each_simd_target([&] {
    for (const std::string& name : kNames) {
      const KernelEvaluator<Real> evaluator(bare_duals(name), 1);
      for (const double q1 : {0.003, 0.7, 1.3, 40.0}) {
        for (const double q2 : {0.02, 0.9, 6.0, 90.0}) {
          for (const double rho : {-0.999, -0.6, 0.0, 0.2, 0.8, 0.9999}) {
            const double c = rho * std::sqrt(q1 * q2);
            const auto one = evaluate_pair(evaluator, q1, q2, c);
            const auto other = evaluate_pair(evaluator, q2, q1, c);
            EXPECT_EQ(one.nngp, other.nngp) << name << q1 << ' ' << q2 << ' ' << rho;
            EXPECT_EQ(one.ntk, other.ntk) << name << q1 << ' ' << q2 << ' ' << rho;
          }
        }
      }
    }
  });
}

/// G against the five-point difference of F, both in extended precision.
TEST(BivariateDualsTest, DerivativeIsThatOfTheDual) {  // Price (1958)
  using Wide = long double;
  const Wide step = 1e-3L;
  const auto check = [&](const auto& activation, std::string_view name) {
    for (const Wide c : {-0.8L, 0.0L, 0.6L}) {
      const auto f = [&](Wide at) { return activation.template textbook<Wide>(1.3L, 0.9L, at).f; };
      const Wide slope =
          (8 * (f(c + step) - f(c - step)) - (f(c + 2 * step) - f(c - 2 * step))) / (12 * step);
      const Wide g = activation.template textbook<Wide>(1.3L, 0.9L, c).g;
      // Truncation: step^4 / 30 times the fifth derivative, which is below 3000 here.
      EXPECT_NEAR(static_cast<double>(slope), static_cast<double>(g), 1e-10) << name << ' ' << c;
      EXPECT_GT(std::abs(slope - g * 1.000001L), 1e-10L);
    }
  };
  const ParameterValues none;
  const ParameterValues alpha = {{1.5}};
  check(scalar::HardTanh(none), "hard_tanh");
  check(scalar::HardSigmoid(none), "hard_sigmoid");
  check(scalar::Relu6(none), "relu6");
  check(scalar::Elu(alpha), "elu");
  check(scalar::Selu(none), "selu");
}

TYPED_TEST(BivariateDualsTest, HoldsAtExtremeVariances) {
  using Real = TypeParam;
  test::for_each_simd_target([&] {
    for (const double rho : {-0.9, -0.1, 0.0, 0.5, 0.99}) {
      const double angle = 2.0 * std::numbers::inv_pi * std::asin(rho);  // of sign(u) sign(v)
      for (const std::string& name : kNames) {
        const KernelEvaluator<Real> evaluator(bare_duals(name), 1);
        const auto zero = evaluate_pair(evaluator, 0.0, 2.0, 0.0);
        EXPECT_TRUE(std::isfinite(zero.nngp) && std::isfinite(zero.ntk)) << name;
        for (const double q : {1e-8, 1e-5, 1e4}) {
          const auto pair = evaluate_pair(evaluator, q, q, rho * q);
          const double bound = evaluator.diagonal(q, KernelType::nngp);
          EXPECT_LE(std::abs(pair.nngp), bound * (1.0 + kPromised<Real>)) << name << q;
        }
      }
      // s(x) = x + O(x^2) for small x, and the sign of x for large x.
      const KernelEvaluator<Real> hard_tanh(bare_duals("hard_tanh"), 1);
      const KernelEvaluator<Real> elu(bare_duals("elu"), 1);
      EXPECT_NEAR(evaluate_pair(hard_tanh, 1e-5, 1e-5, rho * 1e-5).nngp / 1e-5, rho,
                  test::ulp_bound<Real>(4.0, 1.0));
      EXPECT_NEAR(evaluate_pair(elu, 1e-12, 1e-12, rho * 1e-12).nngp / 1e-12, rho,
                  2.0 * std::sqrt(1e-12) + test::ulp_bound<Real>(8.0, 1.0));
      EXPECT_NEAR(evaluate_pair(hard_tanh, 1e6, 1e6, rho * 1e6).nngp, angle,
                  4e-3 + test::ulp_bound<Real>(1e6, 1.0));
    }
  });
}

TEST(BivariateDualsTest, TileAgreesWithTheTextbookAtLargeVariances) {
  for (const std::string name : {"elu", "selu", "relu6"}) {
    const KernelEvaluator<double> evaluator(bare_duals(name), 1);
    for (const auto& [q1, q2] : {std::array{33.0, 33.0}, {1.0, 60.0}, {100.0, 300.0}, {1e3, 1e3}}) {
      const double bound = std::sqrt(evaluator.diagonal(q1, KernelType::nngp) *
                                     evaluator.diagonal(q2, KernelType::nngp));
      for (const double rho : {-0.99, -0.5, 0.0, 0.03, 0.3, 0.9, 0.999}) {
        const double c = rho * std::sqrt(q1 * q2);
        const auto [f, g] = reference::duals({name, {}}, q1, q2, c);
        const auto [nngp, ntk] = evaluate_pair(evaluator, q1, q2, c);
        EXPECT_NEAR(nngp, f, kPromised<double> * bound) << name << q1 << ' ' << q2 << ' ' << rho;
        EXPECT_NEAR(ntk, f + g * c, kPromised<double> * (bound + std::abs(g * c)))
            << name << q1 << ' ' << q2 << ' ' << rho;
      }
    }
  }
}

/// A row of the table of nearly parallel pairs.
struct NearRow {
  std::string activation;
  std::array<double, 4> at;     // q1, q2, sign of c, gap
  std::array<double, 3> exact;  // F, G, next gap
};

std::vector<NearRow> read_near_table(const std::string& path) {
  std::ifstream file(path);
  std::vector<NearRow> rows;
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with('#') || line.starts_with("activation,")) {
      continue;
    }
    NearRow row;
    std::istringstream fields(line);
    std::string text;
    std::getline(fields, row.activation, ',');
    for (double& value : row.at) {
      std::getline(fields, text, ',');
      value = std::stod(text);
    }
    for (double& value : row.exact) {
      std::getline(fields, text, ',');
      value = std::stod(text);
    }
    rows.push_back(row);
  }
  return rows;
}

TEST(NearDualsTest, AgreeWithTheTableOfNearlyParallelPairs) {
  const auto table = read_near_table(NTKFLOW_NEAR_TABLE);
  ASSERT_EQ(table.size(), 170U);
  for (const auto& [name, at, exact] : table) {
    const auto [q1, q2, c_sign, gap] = at;
    SCOPED_TRACE(name + " " + std::to_string(q1) + " " + std::to_string(q2) + " " +
                 std::to_string(c_sign) + " " + std::to_string(std::log2(gap)));
    NearDuals duals;
    double bound = 0.0;
    const auto evaluate = [&](const auto& activation) {
      duals = activation.near(q1, q2, c_sign, gap);
      bound = std::sqrt(activation.diagonal(q1).f * activation.diagonal(q2).f);
    };
    const ParameterValues none;
    const ParameterValues alpha = {{1.0}};
    if (name == "hard_tanh") {
      evaluate(scalar::HardTanh(none));
    } else if (name == "hard_sigmoid") {
      evaluate(scalar::HardSigmoid(none));
    } else if (name == "relu6") {
      evaluate(scalar::Relu6(none));
    } else if (name == "elu") {
      evaluate(scalar::Elu(alpha));
    } else {
      evaluate(scalar::Selu(none));
    }
    EXPECT_LE(test::relative_difference(duals.f, exact[0]), kPromised<double>);
    EXPECT_LE(test::relative_difference(duals.g, exact[1]), kPromised<double>);
    // Turns the next layer's angle, sqrt(2 gap / bound), by no more than 1e-13 of a radian.
    EXPECT_LE(std::abs(duals.gap - exact[2]), kPromised<double> * std::sqrt(bound * exact[2]));
    // The twin: a gap that is lost in the rounding of c is seen.
    if (q1 == 1.0 && c_sign > 0.0 && gap < 1e-11 && name != "elu" && name != "hard_sigmoid") {
      const double c = std::sqrt(q1 * q2);
      const double g = reference::duals({name, {}}, q1, q2, c).g;
      EXPECT_GT(test::relative_difference(g, exact[1]), kPromised<double>);
    }
  }
}

TYPED_TEST(BivariateDualsTest, NormalTailsAgreeWithHighPrecision) {
  using Real = TypeParam;
  struct Tail {
    double x;
    double exact;
  };
  for (const auto& [x, exact] : {Tail{-40.0, 1.0},
                                 {-3.0, 0.99865010196836990547},
                                 {-0.5, 0.69146246127401310364},
                                 {0.0, 0.5},
                                 {0.125, 0.45026177516988710702},
                                 {1.0, 0.15865525393145705141},
                                 {2.5, 0.006209665325776135167},
                                 {6.0, 9.865876450376981407e-10}}) {
    EXPECT_NEAR(simd::simd_normal_tail<Real>(x), exact, test::ulp_bound<Real>(1.0, 1.0)) << x;
    EXPECT_LE(
        test::relative_difference(static_cast<double>(normal_tail(static_cast<Real>(x))), exact),
        test::ulp_bound<Real>(32.0, 1.0))
        << x;
  }
  struct Mills {
    double y;
    double exact;
    double drop;
  };
  for (const auto& [y, exact, drop] : {Mills{0.0, 1.2533141373155002512, 0.0},
                                       {0.125, 1.1374909212036045148, 0.1158232161118957364},
                                       {1.0, 0.65567954241879847154, 0.59763459489670177966},
                                       {4.0, 0.23665238291356067062, 1.01666175440193958058},
                                       {30.0, 0.033296419072497213382, 1.2200177182430030378},
                                       {10000.0, 0.00009999999900000003, 1.2532141373165002512}}) {
    const auto simd_ratio = simd::simd_mills_ratio<Real>(y);
    const auto ratio = mills_ratio(static_cast<Real>(y));
    const double bound = test::ulp_bound<Real>(8.0, 1.0);
    EXPECT_LE(test::relative_difference(simd_ratio.value, exact), bound) << y;
    EXPECT_LE(test::relative_difference(simd_ratio.drop, drop), bound) << y;
    EXPECT_LE(test::relative_difference(static_cast<double>(ratio.value), exact), bound) << y;
    EXPECT_LE(test::relative_difference(static_cast<double>(ratio.drop), drop), bound) << y;
  }
}

TYPED_TEST(BivariateDualsTest, BivariateTailsAgreeWithHighPrecision) {
  using Real = TypeParam;
  struct Tail {
    double h;
    double k;
    double rho;
    double exact;
  };
  const double epsilon = std::ldexp(1.0, -40);
  for (const auto& [h, k, rho, exact] : {Tail{0.0, 0.0, 0.5, 0.33333333333333333333},
                                         {0.5, 0.25, 0.0, 0.12381416258009849463},
                                         {1.0, 1.0, 0.5, 0.062514094709663833792},
                                         {1.0, 1.0, -0.5, 0.0037823020728542638792},
                                         {0.1, 2.0, 0.9, 0.022749895370882439136},
                                         {2.0, 0.1, 0.9, 0.022749895370882439136},
                                         {3.0, 3.0, 0.99, 0.0011015199986206225135},
                                         {1.0, 1.0009765625, 0.99999, 0.15809541988564808852},
                                         {0.03125, 0.0625, 0.999999, 0.4750823309707527788},
                                         {0.03125, 0.0625, -0.999, 0.00011659195044712091574},
                                         {5.0, 4.0, 0.75, 1.2448121992524242994e-7},
                                         {0.0, 1.5, 0.96875, 0.066807201257048511788},
                                         {1.0, 1.0, 1.0 - epsilon, 0.15865512373835488504},
                                         {0.5, 0.5, -0.9375, 0.000098874361842075364338},
                                         {6.0, 0.25, 0.25, 8.9620003664906532046e-10}}) {
    SCOPED_TRACE(std::to_string(h) + " " + std::to_string(k) + " " + std::to_string(rho));
    if (h > 0.0 || k > 0.0) {
      EXPECT_NEAR(simd::simd_bivariate_tail<Real>(h, k, rho), exact,
                  test::ulp_bound<Real>(2.0, 1.0));
    }
    const double root = std::sqrt((1.0 - rho) * (1.0 + rho));
    EXPECT_NEAR(any_precision::bivariate_tail(h, k, rho, root), exact,
                test::ulp_bound<double>(4.0, 1.0));
  }
}

}  // namespace
}  // namespace ntkflow
