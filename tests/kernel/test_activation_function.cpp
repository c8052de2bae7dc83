#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/kernel/activation_function.hpp>

#include "gaussian_mean.hpp"
#include "scalar_duals.hpp"
#include "simd_targets.hpp"
#include "support/tolerance.hpp"

// sigma and sigma' of every activation against its function in 50 digits.
namespace ntkflow::test {
namespace {

/// s, s' and s'' in 50 digits at a number of type double, away from kinks.
struct ExactPoint {
  double x = 0.0;
  Digits50 value;
  Digits50 slope;
  /// What rounding errors of value and slope are relative to.
  double value_scale = 0.0;
  double slope_scale = 0.0;
};

/// Whether terms cancel that do not depend on x as the function does, so that errors are relative
/// to the largest magnitude between -|x| and |x|.
bool is_sum(const ActivationSpec& spec) {
  return spec.name == "polynomial" || spec.name == "hermite" || spec.name == "expression" ||
         (spec.name == "erf" && spec.parameters.size() == 3 && spec.parameters[2].values[0] != 0.0);
}

/// Points of the type Real, by increasing magnitude. Rounding x or an intermediate result changes s
/// by eps (|s| + |x s'|), and s' by eps (|s'| + |x s''|).
template <class Real>
std::vector<ExactPoint> exact_points(const ActivationExample& example) {
  const Digits50 h = 1e-12;
  std::vector<ExactPoint> points;
  double largest_value = 0.0;
  double largest_slope = 0.0;
  for (const double magnitude : {0.003, 0.1, 0.3, 0.49, 0.51, 0.7071, 0.8, 1.01, 1.25, 1.6, 1.99,
                                 2.3, 2.7, 3.01, 3.5, 3.999, 4.7, 5.4, 6.02}) {
    for (const double side : {-1.0, 1.0}) {
      const auto x = static_cast<double>(static_cast<Real>(side * magnitude));
      const Digits50 here = example.exact_function(x);
      const Digits50 left = example.exact_function(x - h);
      const Digits50 right = example.exact_function(x + h);
      const Digits50 slope = (right - left) / (2 * h);
      const Digits50 curvature = (right - 2 * here + left) / (h * h);
      const auto size = [](const Digits50& value) { return std::abs(static_cast<double>(value)); };
      const double value_scale = size(here) + std::abs(x) * size(slope);
      const double slope_scale = size(slope) + std::abs(x) * size(curvature);
      largest_value = std::max(largest_value, value_scale);
      largest_slope = std::max(largest_slope, slope_scale);
      points.push_back({x, here, slope, is_sum(example.spec) ? largest_value : value_scale,
                        is_sum(example.spec) ? largest_slope : slope_scale});
    }
  }
  return points;
}

/// Largest errors in eps of the points' scales.
struct Errors {
  double value = 0.0;
  double slope = 0.0;
};

template <class Real>
double error_in_eps(Real found, const Digits50& exact, double scale) {
  const auto difference = std::abs(static_cast<double>(found - exact));
  return difference == 0.0 ? 0.0 : difference / (kEps<Real> * scale);
}

template <class Real>
Errors largest_errors(const std::vector<ExactPoint>& points, const std::vector<Real>& values,
                      const std::vector<Real>& slopes) {
  Errors errors;
  for (std::size_t i = 0; i < points.size(); ++i) {
    errors.value =
        std::max(errors.value, error_in_eps(values[i], points[i].value, points[i].value_scale));
    errors.slope =
        std::max(errors.slope, error_in_eps(slopes[i], points[i].slope, points[i].slope_scale));
  }
  return errors;
}

bool is_jump(const ActivationSpec& spec) {
  return spec.name == "sign" || spec.name == "step";
}

/// In eps; found were 2.4 and 1.8. Of an expression they are the errors of the polynomials that
/// represent it, which are relative to its magnitude on a whole panel; found were 82 and 562.
double value_bound(const ActivationSpec& spec) {
  return spec.name == "expression" ? 160.0 : 5.0;
}
double slope_bound(const ActivationSpec& spec) {
  return spec.name == "expression" ? 1e3 : 4.0;
}

template <class Real>
class ActivationFunctionTest : public ::testing::Test {};
using Reals = ::testing::Types<float, double>;
TYPED_TEST_SUITE(ActivationFunctionTest, Reals);

TYPED_TEST(ActivationFunctionTest, IsTheFunctionAndItsDerivative) {
  using Real = TypeParam;
  for (const ActivationExample& example : example_activations()) {
    SCOPED_TRACE(example.label());
    const auto points = exact_points<Real>(example);
    const ActivationFunction function(example.spec);
    for_each_simd_target([&] {
      std::vector<Real> values;
      for (const ExactPoint& point : points) {
        values.push_back(static_cast<Real>(point.x));
      }
      std::vector<Real> slopes(values.size());
      function.apply(values, slopes);

      const Errors errors = largest_errors(points, values, slopes);
      EXPECT_LE(errors.value, value_bound(example.spec));
      EXPECT_LE(errors.slope, slope_bound(example.spec));

      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] *= static_cast<Real>(1.0 + 500.0 * kEps<Real>);
        slopes[i] *= static_cast<Real>(1.0 + 2e3 * kEps<Real>);
      }
      const Errors wrong = largest_errors(points, values, slopes);
      EXPECT_GT(wrong.value, value_bound(example.spec)) << "blunt";
      EXPECT_TRUE(wrong.slope > slope_bound(example.spec) || is_jump(example.spec) ||
                  example.label() == "monomial degree 0")
          << "blunt";
    });
  }
}

// Also without slopes, and for every length, so that no element is left out or done twice.
TYPED_TEST(ActivationFunctionTest, DoesNotDependOnTheArray) {
  using Real = TypeParam;
  constexpr std::size_t kMost = 37;
  for (const ActivationExample& example : example_activations()) {
    SCOPED_TRACE(example.label());
    const ActivationFunction function(example.spec);
    for_each_simd_target([&] {
      std::vector<Real> x(kMost);
      std::vector<Real> values(kMost);
      std::vector<Real> slopes(kMost);
      for (std::size_t i = 0; i < kMost; ++i) {
        x[i] = static_cast<Real>(0.21 * static_cast<double>(i) - 3.9);
        values[i] = x[i];
        function.apply(std::span<Real>(&values[i], 1), std::span<Real>(&slopes[i], 1));
        if (sizeof(Real) == sizeof(double)) {
          const auto jet = function.jet(static_cast<double>(x[i]));
          ASSERT_EQ(static_cast<Real>(jet.value), values[i]);
          ASSERT_EQ(static_cast<Real>(jet.slope), slopes[i]);
        }
      }
      for (std::size_t n = 0; n <= kMost; ++n) {
        constexpr Real kUntouched = Real(-77);
        std::vector<Real> with = x;
        std::vector<Real> without = x;
        std::vector<Real> with_slopes(kMost, kUntouched);
        function.apply(std::span<Real>(with.data(), n), std::span<Real>(with_slopes.data(), n));
        function.apply(std::span<Real>(without.data(), n), {});
        for (std::size_t i = 0; i < kMost; ++i) {
          ASSERT_EQ(with[i], i < n ? values[i] : x[i]) << n << ' ' << i;
          ASSERT_EQ(without[i], with[i]) << n << ' ' << i;
          ASSERT_EQ(with_slopes[i], i < n ? slopes[i] : kUntouched) << n << ' ' << i;
        }
      }
    });
  }
}

TYPED_TEST(ActivationFunctionTest, TakesOneSideAtAKink) {
  using Real = TypeParam;
  for (const ActivationExample& example : example_activations()) {
    SCOPED_TRACE(example.label());
    const ActivationFunction function(example.spec);
    for (const double kink : example.kinks) {
      std::vector<Real> value{static_cast<Real>(kink)};
      std::vector<Real> slope(1);
      function.apply(value, slope);
      EXPECT_NEAR(static_cast<double>(value[0]), example.function(kink),
                  ulp_bound<Real>(value_bound(example.spec), 1.0));
      const double left = example.jet(kink - 1e-9).slope;
      const double right = example.jet(kink + 1e-9).slope;
      const double distance = std::min(std::abs(static_cast<double>(slope[0]) - left),
                                       std::abs(static_cast<double>(slope[0]) - right));
      EXPECT_LE(distance, 1e-8 + ulp_bound<Real>(8.0, 1.0));
    }
  }
}

TEST(ActivationFunctionTest, SlopesAtZeroThatHaveNames) {
  EXPECT_EQ(ActivationFunction({"relu", {}}).jet(0.0).slope, 0.0);
  for (const char* name : {"sign", "step"}) {
    const auto jet = ActivationFunction({name, {}}).jet(0.0);
    EXPECT_EQ(jet.value, 0.0);
    EXPECT_EQ(jet.slope, 0.0);
  }
}

TYPED_TEST(ActivationFunctionTest, KeepsWhatIsNotANumber) {
  using Real = TypeParam;
  for (const ActivationExample& example : example_activations()) {
    std::vector<Real> x(5, std::numeric_limits<Real>::quiet_NaN());
    std::vector<Real> slopes(5);
    ActivationFunction(example.spec).apply(x, slopes);
    for (std::size_t i = 0; i < x.size(); ++i) {
      EXPECT_TRUE(std::isnan(x[i])) << example.label();
      EXPECT_TRUE(std::isnan(slopes[i])) << example.label();
    }
  }
}

TYPED_TEST(ActivationFunctionTest, SaturatesFarOut) {
  using Real = TypeParam;
  struct Limits {
    const char* name;
    Real left;   // s(-10^30); s' is 0 there
    Real right;  // s(10^30)
    Real slope;  // s'(10^30)
  };
  constexpr Real kFar = Real(1e30);
  for (const Limits& limits :
       {Limits{"tanh", -1, 1, 0}, Limits{"erf", -1, 1, 0}, Limits{"gelu", 0, kFar, 1},
        Limits{"elu", -1, kFar, 1}, Limits{"gaussian", 0, 0, 0}, Limits{"hard_sigmoid", 0, 1, 0},
        Limits{"relu6", 0, 6, 0}, Limits{"softplus", 0, kFar, 1}}) {
    SCOPED_TRACE(limits.name);
    const ActivationFunction function({limits.name, {}});
    for_each_simd_target([&] {
      std::vector<Real> x{-kFar, kFar};
      std::vector<Real> slopes(2);
      function.apply(x, slopes);
      EXPECT_EQ(x[0], limits.left);
      EXPECT_EQ(x[1], limits.right);
      EXPECT_EQ(slopes[0], Real(0));
      EXPECT_EQ(slopes[1], limits.slope);
    });
  }
}

// E[s(z)^2] and E[s'(z)^2] by quadrature are the kernel's F and G at variance 1.
TEST(ActivationFunctionTest, BelongsToTheDuals) {
  for (const ActivationExample& example : example_activations()) {
    SCOPED_TRACE(example.label());
    const ActivationFunction function(example.spec);
    const auto mean_of = [&](const auto& square) {
      return mean_over(example, 1.0, [&](double x) { return square(function.jet(x)); });
    };
    const double f = second_moment(example.spec);
    const double g = scalar_diagonal(prepare(example.spec), 1.0).g;
    const double found_f =
        mean_of([](const ActivationFunction::Jet& s) { return s.value * s.value; });
    const double found_g =
        mean_of([](const ActivationFunction::Jet& s) { return s.slope * s.slope; });
    EXPECT_NEAR(found_f, f, ulp_bound<double>(4096.0, f));
    EXPECT_NEAR(found_g, g, ulp_bound<double>(4096.0, g));
    EXPECT_GT(std::abs(1.001 * found_f - f), ulp_bound<double>(4096.0, f)) << "blunt";
  }
}

}  // namespace
}  // namespace ntkflow::test
