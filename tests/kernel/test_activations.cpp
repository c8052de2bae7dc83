#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/matrix.hpp>
#include <ntkflow/kernel/dual_reference.hpp>

#include "gaussian_mean.hpp"
#include "multiprecision.hpp"
#include "scalar.hpp"
#include "simd_targets.hpp"
#include "support/tolerance.hpp"

// Properties that every activation must have, over the examples of all of them.
namespace ntkflow {
namespace {

using test::ActivationExample;
using test::Digits50;
using test::example_activations;

/// Calls visit(activation) with the example's activation for scalars.
template <class Visit>
void visit_scalar(const ActivationExample& example, const Visit& visit) {
  visit_activation(scalar::Activations(), prepare(example.spec), visit);
}

/// Variances to test a single layer at.
std::vector<std::pair<double, double>> variance_pairs(const ActivationExample& example) {
  const double q = example.largest_variance;
  return {{q / 4.0, q / 4.0}, {q / 2.0, q / 7.0}, {q, 0.9 * q}};
}

/// Quadrature's error, relative to the bound of F.
const double kQuadrature = test::ulp_bound<double>(4096.0, 1.0);

TEST(ExactDualsTest, AreMeansOfTheFunction) {
  for (const auto& example : example_activations()) {
    const double q1 = 0.5 * example.largest_variance;
    const double q2 = 0.3 * example.largest_variance;
    for (const double rho : {-0.7, 0.4}) {
      const double c = rho * std::sqrt(q1 * q2);
      const double f = test::mean_product_of(example, q1, q2, c);
      const double scale =
          std::sqrt(test::second_moment_of(example, q1) * test::second_moment_of(example, q2));
      const auto exact = test::exact_duals(example.spec, q1, q2, c);
      EXPECT_NEAR(f, static_cast<double>(exact.f), kQuadrature * scale) << example.label();
    }
  }
}

TEST(ExactDualsTest, DerivativeCovarianceIsTheSlope) {  // Price (1958)
  const Digits50 step("1e-16");
  for (const auto& example : test::closed_form_examples()) {
    if (example.spec.name == "sign" || example.spec.name == "step") {
      continue;
    }
    for (const auto& [q1, q2] : variance_pairs(example)) {
      for (const double rho : {-0.9, -0.3, 0.0, 0.5, 0.999}) {
        const Digits50 c = rho * std::sqrt(q1 * q2);
        const auto f = [&](const Digits50& at) {
          return test::exact_duals(example.spec, q1, q2, at).f;
        };
        const Digits50 slope = (f(c + step) - f(c - step)) / (2 * step);
        const Digits50 g = test::exact_duals(example.spec, q1, q2, c).g;
        const Digits50 scale = abs(g) + abs(f(sqrt(Digits50(q1) * q2)));
        EXPECT_LE(abs(g - slope), 1e-20 * scale) << example.label() << " " << rho;
        EXPECT_GT(abs(g + 1e-18 * scale - slope), 1e-20 * scale);
      }
    }
  }
}

TEST(TextbookTest, EqualsTheExactDualsIn50Digits) {
  const Digits50 digits("1e-45");
  const Digits50 g_digits("1e-30");  // of gelu's, a difference quotient
  for (const auto& example : test::closed_form_examples()) {
    for (const auto& [q1, q2] : variance_pairs(example)) {
      for (const double rho : {-0.999, -0.4, 0.0, 0.3, 0.95}) {
        const double c = rho * std::sqrt(q1 * q2);
        const auto exact = test::exact_duals(example.spec, q1, q2, c);
        visit_scalar(example, [&, q1 = q1, q2 = q2](const auto& activation) {
          const auto [f, g] = activation.textbook(Digits50(q1), Digits50(q2), Digits50(c));
          const auto [fl, gl] =
              activation.textbook(static_cast<long double>(q1), static_cast<long double>(q2),
                                  static_cast<long double>(c));
          const Digits50 scale = sqrt(test::exact_duals(example.spec, q1, q1, q1).f *
                                      test::exact_duals(example.spec, q2, q2, q2).f);
          EXPECT_LE(abs(f - exact.f), digits * scale) << example.label() << " " << rho;
          EXPECT_LE(abs(g - exact.g), g_digits * (abs(g) + scale)) << example.label() << " " << rho;
          EXPECT_LE(abs(fl - exact.f), 1e-15 * scale) << example.label() << " " << rho;
          EXPECT_LE(abs(gl - exact.g), 1e-13 * (abs(g) + scale)) << example.label() << " " << rho;
        });
      }
    }
  }
}

TEST(DiagonalTest, IsTheSecondMoment) {
  for (const auto& example : example_activations()) {
    for (const double share : {0.01, 0.3, 0.5, 1.0}) {
      const double q = share * example.largest_variance;
      const auto exact = test::exact_duals(example.spec, q, q, q);
      const double moment = test::second_moment_of(example, q);
      visit_scalar(example, [&](const auto& activation) {
        const auto [f, g] = activation.diagonal(q);
        const double bound = test::ulp_bound<double>(example.sum_ulps, 1.0);
        EXPECT_LE(test::relative_error(f, exact.f), bound) << example.label() << " " << q;
        EXPECT_LE(test::relative_error(g, exact.g), bound) << example.label() << " " << q;
        EXPECT_NEAR(f, moment, kQuadrature * moment) << example.label() << " " << q;
        EXPECT_GT(std::abs(f * (1.0 + 2.0 * kQuadrature) - moment), kQuadrature * moment);
        const auto single = activation.diagonal(static_cast<float>(q));
        const auto rounded = test::exact_duals(example.spec, static_cast<float>(q),
                                               static_cast<float>(q), static_cast<float>(q));
        const double single_bound = test::ulp_bound<float>(example.sum_ulps, 1.0);
        EXPECT_LE(test::relative_error(single.f, rounded.f), single_bound) << example.label();
        EXPECT_LE(test::relative_error(single.g, rounded.g), single_bound) << example.label();
      });
    }
  }
}

/// NNGP of one pair after one hidden layer: F.
template <class Real>
double fast_f(const ActivationSpec& spec, double q1, double q2, double c) {
  const KernelEvaluator<Real> evaluator({2, spec, 1.0, 0.0, FirstLayer::plain}, 1);
  Matrix<Real> entry(1, 1);
  entry(0, 0) = static_cast<Real>(c);
  const std::vector<double> row = {q1};
  const std::vector<double> col = {q2};
  evaluator.evaluate(entry.view(), evaluator.variances(row), 0, evaluator.variances(col), 0,
                     entry.view(), {});
  return static_cast<double>(entry(0, 0));
}

TEST(FastDualsTest, StayWithinCauchySchwarzAndAreSymmetric) {
  for (const auto& example : example_activations()) {
    for (const auto& [q1, q2] : variance_pairs(example)) {
      const double bound =
          std::sqrt(static_cast<double>(test::exact_duals(example.spec, q1, q1, q1).f *
                                        test::exact_duals(example.spec, q2, q2, q2).f));
      const double largest = bound + test::ulp_bound<double>(example.f_ulps, bound);
      for (const double rho : {-1.0, -0.8, -1e-9, 0.0, 0.6, 0.99, 1.0}) {
        const double c = rho * std::sqrt(q1 * q2);
        const double f = fast_f<double>(example.spec, q1, q2, c);
        EXPECT_LE(std::abs(f), largest) << example.label() << " " << rho;
        EXPECT_EQ(f, fast_f<double>(example.spec, q2, q1, c)) << example.label() << " " << rho;
      }
      EXPECT_EQ(static_cast<float>(fast_f<float>(example.spec, q1, q2, 0.1 * q2)),
                static_cast<float>(fast_f<float>(example.spec, q2, q1, 0.1 * q2)));
    }
  }
}

TEST(FastDualsTest, ScaleWithTheDegreeOfHomogeneousFunctions) {
  int homogeneous = 0;
  for (const auto& example : example_activations()) {
    visit_scalar(example, [&]<class Activation>(const Activation& /*activation*/) {
      if constexpr (requires { Activation::kIsHomogeneous; }) {
        const double factor = std::pow(example.function(3.0) / example.function(1.0), 2.0);
        const double f = fast_f<double>(example.spec, 0.5, 0.75, -0.25);
        const double scaled = fast_f<double>(example.spec, 4.5, 6.75, -2.25);
        EXPECT_NEAR(scaled, factor * f, test::ulp_bound<double>(64.0, scaled)) << example.label();
        ++homogeneous;
      } else if (example.spec.name != "polynomial" && example.spec.name != "hermite") {
        EXPECT_NE(example.function(-0.3) / example.function(-0.1),
                  example.function(9.0) / example.function(3.0))
            << example.label();
      }
    });
  }
  EXPECT_GE(homogeneous, 15);
}

TEST(FastDualsTest, VanishWhereTheyUnderflow) {
  test::for_each_simd_target([] {
    for (const double q : {100.0, 500.0, 600.0, 1e4, 1e15}) {
      const double f = fast_f<double>({"rbf", {}}, q, q, -q);
      EXPECT_NEAR(f, std::exp(-4.0 * q),
                  test::ulp_bound<double>(12.0 * q + 4.0, std::exp(-4.0 * q)))
          << q;
      EXPECT_EQ(fast_f<float>({"rbf", {}}, q, q, -q), 0.0) << q;
      EXPECT_NEAR(fast_f<double>({"sin", {}}, q, q, q), 0.5, test::ulp_bound<double>(2.0, 0.5));
      EXPECT_NEAR(fast_f<float>({"cos", {}}, q, q, q), 0.5, test::ulp_bound<float>(2.0, 0.5));
    }
  });
}

/// Largest error, in eps, of exp and expm1 by way of duals whose exponents are exact.
template <class Real>
void check_exponentials() {
  const double largest = sizeof(Real) == sizeof(float) ? 80.0 : 700.0;
  double worst_exp = 0.0;
  double worst_expm1 = 0.0;
  for (int k = 0; k < 400; ++k) {
    const double fraction = k / 400.0;
    // Multiples of 1 / 128, dense towards 0.
    const double e = std::round(128.0 * largest * fraction * fraction) / 128.0;
    const double down = fast_f<Real>({"rbf", {}}, e / 4.0, e / 4.0, -e / 4.0);
    const double up = fast_f<Real>({"exp", {}}, e / 2.0, e / 2.0, e / 2.0);
    worst_exp = std::max({worst_exp, test::relative_error(down, exp(Digits50(-e))),
                          test::relative_error(up, exp(Digits50(e)))});
    const double sinh = fast_f<Real>({"sin", {}}, e, e, e);
    const Digits50 exact = -boost::multiprecision::expm1(Digits50(-2 * e)) / 2;
    worst_expm1 = std::max(worst_expm1, test::relative_error(sinh, exact));
  }
  EXPECT_LE(worst_exp, test::ulp_bound<Real>(2.0, 1.0));
  EXPECT_LE(worst_expm1, test::ulp_bound<Real>(3.0, 1.0));
}

TEST(FastDualsTest, HaveExponentialsOfFullPrecision) {
  test::for_each_simd_target([] {
    check_exponentials<double>();
    check_exponentials<float>();
  });
}

TEST(FastDualsTest, KeepTheirDigitsInFloatForLargeVariances) {
  const double q = 1e18;
  test::for_each_simd_target([&] {
    for (const auto& spec : std::vector<ActivationSpec>{{"relu", {}},
                                                        {"abs", {}},
                                                        {"leaky_relu", {}},
                                                        {"gelu", {}},
                                                        {"erf", {{"slope", {1e6}}}},
                                                        {"sign", {}},
                                                        {"monomial", {{"degree", {2.0}}}},
                                                        {"rectified_monomial", {{"degree", {2.0}}}},
                                                        {"step", {}}}) {
      for (const double rho : {-0.75, 0.5}) {
        const double c = static_cast<float>(rho * q);
        const double p = static_cast<float>(q);
        const double exact = static_cast<double>(test::exact_duals(spec, p, p, c).f);
        EXPECT_NEAR(fast_f<float>(spec, p, p, c), exact, test::ulp_bound<float>(48.0, exact))
            << spec.name << " " << rho;
      }
    }
  });
}

TEST(NearDualsTest, KeepAllDigitsTowardsTheEnds) {
  int with_kink = 0;
  for (const auto& example : test::closed_form_examples()) {
    visit_scalar(example, [&](const auto& activation) {
      if constexpr (requires { activation.near(1.0, 1.0, 1.0, 0.0); }) {
        ++with_kink;
        for (const auto& [q1, q2] : variance_pairs(example)) {
          for (const double sign : {1.0, -1.0}) {
            for (double distance = 1e-3; distance > 1e-16; distance /= 7.0) {
              const double gap = distance * std::sqrt(q1 * q2);
              const auto near = activation.near(q1, q2, sign, gap);
              const Digits50 norm = sqrt(Digits50(q1) * q2);
              const auto exact = test::exact_duals(example.spec, q1, q2, sign * (norm - gap));
              const Digits50 bound = sqrt(test::exact_duals(example.spec, q1, q1, q1).f *
                                          test::exact_duals(example.spec, q2, q2, q2).f);
              const double promised = test::ulp_bound<double>(24.0, 1.0);
              EXPECT_LE(test::relative_error(near.f, exact.f), promised)
                  << example.label() << " " << sign * distance;
              EXPECT_LE(test::relative_error(near.g, exact.g), promised)
                  << example.label() << " " << sign * distance;
              EXPECT_LE(test::relative_error(near.gap, bound - abs(exact.f)), promised)
                  << example.label() << " " << sign * distance;
            }
          }
        }
      } else {
        EXPECT_TRUE(example.kinks.empty()) << example.label();
      }
    });
  }
  EXPECT_GE(with_kink, 8);
}

TEST(NearDualsTest, HaveNoGapForParallelSamples) {
  for (const auto& example : test::closed_form_examples()) {
    visit_scalar(example, [&](const auto& activation) {
      if constexpr (requires { activation.near(1.0, 1.0, 1.0, 0.0); }) {
        const auto near = activation.near(0.5, 2.0, 1.0, 0.0);
        EXPECT_EQ(near.gap, 0.0) << example.label();
        const auto [f, g] = activation.diagonal(1.0);
        EXPECT_NEAR(near.f, f, test::ulp_bound<double>(4.0, f)) << example.label();
        EXPECT_NEAR(near.g, g, test::ulp_bound<double>(4.0, g)) << example.label();
      }
    });
  }
}

TEST(CheckActivationTest, RefusesFunctionsThatAreZero) {
  const std::vector<ActivationSpec> zeros = {
      {"erf", {{"scale", {0.0}}}},
      {"sin", {{"frequency", {0.0}}}},
      {"abrelu", {{"a", {0.0}}, {"b", {0.0}}}},
      {"polynomial", {{"coefficients", {0.0, 0.0, 0.0}}}},
  };
  for (const ActivationSpec& spec : zeros) {
    EXPECT_NE(check_activation(spec).find("zero everywhere"), std::string::npos) << spec.name;
  }
  EXPECT_EQ(check_activation({"sin", {{"frequency", {0.0}}, {"phase", {1.0}}}}), "");
}

TEST(CheckActivationTest, NamesMissingAndImpossibleParameters) {
  for (const std::string name :
       {"abrelu", "rectified_monomial", "monomial", "polynomial", "hermite"}) {
    EXPECT_NE(check_activation({name, {}}).find("needs the parameter"), std::string::npos) << name;
  }
  EXPECT_NE(check_activation({"rectified_monomial", {{"degree", {0.0}}}}), "");
  EXPECT_NE(check_activation({"hermite", {{"degree", {11.0}}}}), "");
  EXPECT_NE(check_activation({"monomial", {{"degree", {1.5}}}}), "");
  EXPECT_NE(check_activation({"rbf", {{"gamma", {0.0}}}}), "");
}

TEST(DiagonalTest, IsInfiniteWhereTheSecondMomentDiverges) {
  const auto variance_after = [](const ActivationSpec& spec, double q) {
    const KernelEvaluator<double> evaluator({2, spec, 1.0, 0.0, FirstLayer::plain}, 1);
    const std::vector<double> norms = {q};
    return evaluator.variances(norms).layer(2)[0];
  };
  EXPECT_THROW(static_cast<void>(variance_after({"exp", {}}, 400.0)), NumericalError);
  EXPECT_GT(variance_after({"exp", {}}, 80.0), 1e60);
  const ActivationSpec gaussian = {"gaussian", {{"curvature", {-0.25}}}};
  EXPECT_THROW(static_cast<void>(variance_after(gaussian, 1.0)), NumericalError);
  EXPECT_THROW(static_cast<void>(variance_after(gaussian, 3.0)), NumericalError);
  EXPECT_DOUBLE_EQ(variance_after(gaussian, 0.75), 2.0);
}

}  // namespace
}  // namespace ntkflow
