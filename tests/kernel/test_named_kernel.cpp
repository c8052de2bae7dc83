#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/matrix.hpp>
#include <ntkflow/kernel/dual_reference.hpp>
#include <ntkflow/kernel/kernel_evaluator.hpp>
#include <ntkflow/kernel/named_kernel.hpp>

#include "simd_targets.hpp"
#include "support/tolerance.hpp"

// The mapping from named kernels to architectures, on given products; tests/gram has the kernels of
// samples.
namespace ntkflow {
namespace {

constexpr std::int64_t kDimension = 7;

/// Kernels between pairs with these |x|^2 and |y|^2 and all correlations of a grid, by SIMD tiles.
template <class Real>
std::vector<double> layered(const Architecture& architecture, double xx, double yy,
                            const std::vector<double>& products) {
  const KernelEvaluator<Real> evaluator(architecture, kDimension, {}, EvaluationPath::layered);
  const auto m = static_cast<std::int64_t>(products.size());
  Matrix<Real> values(m, 1);
  std::transform(products.begin(), products.end(), values.data(),
                 [](double product) { return static_cast<Real>(product); });
  evaluator.evaluate(values.view(), evaluator.variances(std::vector(products.size(), xx)), 0,
                     evaluator.variances(std::vector{yy}), 0, values.view(), {});
  return {values.data(), values.data() + m};
}

/// Products of vectors of these lengths, also opposite and parallel ones.
std::vector<double> products(double xx, double yy) {
  std::vector<double> all;
  for (int k = 0; k <= 22; ++k) {
    all.push_back(std::sqrt(xx * yy) * (k / 11.0 - 1.0));
  }
  return all;
}

TEST(NamedKernelTest, HasItsParametersInRange) {
  EXPECT_EQ(named_kernels(),
            (std::vector<std::string>{"linear", "polynomial", "rbf", "laplace", "arccos"}));
  for (const std::string& name : named_kernels()) {
    NamedKernel kernel{name, {}};
    for (const KernelParameter& parameter : kernel_parameters(name)) {
      kernel.parameters.push_back(parameter.fallback);
    }
    EXPECT_EQ(check_named_kernel(kernel), "") << name;
    EXPECT_EQ(check_kernel(architecture_of(kernel), KernelType::nngp), "") << name;
    kernel.parameters.push_back(1.0);
    EXPECT_NE(check_named_kernel(kernel), "") << name;
  }
  for (const auto& [kernel, word] : std::vector<std::pair<NamedKernel, std::string>>{
           {{"lapace", {1.0}}, "lapace"},
           {{"polynomial", {1.0, 0.0}}, "degree"},
           {{"polynomial", {1.0, 2.5}}, "degree"},
           {{"polynomial", {-1.0, 2.0}}, "offset"},
           {{"rbf", {0.0}}, "length_scale"},
           {{"laplace", {std::nan("")}}, "length_scale"},
           {{"arccos", {6.0, 2.0}}, "order"},
           {{"arccos", {1.0, 0.0}}, "depth"}}) {
    EXPECT_NE(check_named_kernel(kernel).find(word), std::string::npos)
        << check_named_kernel(kernel);
  }
}

/// Cho, Saul (2009), eqs. 4 to 6.
double arc_cosine(int order, double theta) {
  const double pi = std::numbers::pi;
  const double sine = std::sin(theta);
  const double cosine = std::cos(theta);
  switch (order) {
    case 0:
      return pi - theta;
    case 1:
      return sine + (pi - theta) * cosine;
    default:
      return 3.0 * sine * cosine + (pi - theta) * (1.0 + 2.0 * cosine * cosine);
  }
}

TEST(ArccosTest, IsTheKernelOfChoAndSaul) {
  const double xx = 3.0;
  const double yy = 0.4;
  for (int order = 0; order <= 2; ++order) {
    const Architecture network = architecture_of({"arccos", {static_cast<double>(order), 2.0}});
    const double scale = std::pow(xx * yy, order / 2.0) / std::numbers::pi;
    const double bound = test::ulp_bound<double>(32.0, scale * arc_cosine(order, 0.0));
    double worst = 0.0;
    double turned = 0.0;  // error of the angle seen
    for (int k = 1; k < 40; ++k) {
      const double theta = k * std::numbers::pi / 40.0;
      const double xy = std::sqrt(xx * yy) * std::cos(theta);
      const double value = reference::kernels(network, kDimension, {xx, yy, xy}).nngp;
      worst = std::max(worst, std::abs(value - scale * arc_cosine(order, theta)));
      turned = std::max(turned, std::abs(value - scale * arc_cosine(order, theta + 1e-12)));
    }
    EXPECT_LE(worst, bound) << order;
    EXPECT_GT(turned, bound) << order;
  }
}

TEST(ArccosTest, ComposesAsChoAndSaulDo) {  // section 2.3, by hand for two layers of order 1
  const double xx = 3.0;
  const double yy = 0.4;
  const double xy = 0.7;
  const auto compose = [](double kxx, double kyy, double kxy) {
    const double scale = std::sqrt(kxx * kyy);
    return scale * arc_cosine(1, std::acos(kxy / scale)) / std::numbers::pi;
  };
  const double expected = compose(compose(xx, xx, xx), compose(yy, yy, yy), compose(xx, yy, xy));
  const double value =
      reference::kernels(architecture_of({"arccos", {1.0, 3.0}}), kDimension, {xx, yy, xy}).nngp;
  EXPECT_NEAR(value, expected, test::ulp_bound<double>(32.0, expected));
}

template <class Real>
class DualFormTest : public testing::Test {};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(DualFormTest, Precisions);

TYPED_TEST(DualFormTest, PolynomialIsThePowerWithEveryInstructionSet) {
  using Real = TypeParam;
  for (const auto& [xx, yy] : {std::pair{7.0, 7.0}, {2.0, 5.0}}) {
    const auto given = products(xx, yy);
    for (const double offset : {0.0, 0.25, 1.0}) {
      for (const int degree : {1, 2, 3, 7, 100}) {
        const NamedKernel kernel{"polynomial", {offset, static_cast<double>(degree)}};
        const double scale =
            std::pow((offset + xx / kDimension) * (offset + yy / kDimension), degree / 2.0);
        // 4 degree eps: of c, two roundings, of the sum and of the products one each.
        const double bound = test::ulp_bound<Real>(4.0 * degree, scale);
        test::for_each_simd_target([&] {
          const auto values = layered<Real>(architecture_of(kernel), xx, yy, given);
          for (std::size_t i = 0; i < given.size(); ++i) {
            const auto product = static_cast<Real>(given[i]);
            const auto exact = static_cast<double>(
                std::pow(static_cast<long double>(offset) + product / 7.0L, degree));
            EXPECT_NEAR(values[i], exact, bound) << offset << ' ' << degree;
          }
        });
      }
    }
  }
}

TYPED_TEST(DualFormTest, LaplaceIsTheExponentialOfTheDistance) {
  using Real = TypeParam;
  for (const auto& [xx, yy] : {std::pair{7.0, 7.0}, {2.0, 11.0}, {0.0, 3.0}, {0.0, 0.0}}) {
    const auto given = products(xx, yy);
    for (const double length : {0.1, 1.0, 30.0}) {
      test::for_each_simd_target([&, xx = xx, yy = yy] {
        const auto values = layered<Real>(architecture_of({"laplace", {length}}), xx, yy, given);
        for (std::size_t i = 0; i < given.size(); ++i) {
          const long double square =
              static_cast<Real>(xx) + static_cast<Real>(yy) - 2.0L * static_cast<Real>(given[i]);
          const long double r = std::sqrt(std::max(square, 0.0L) / 7.0L);
          const auto exact = static_cast<double>(std::exp(-r / length));
          // The exponent inherits a few roundings of |x|^2 / d, over twice the distance.
          const double lost =
              r > 0.0L ? std::min(std::sqrt(test::kEps<Real>),
                                  test::kEps<Real> * (xx + yy) / 7.0 / static_cast<double>(r))
                       : std::sqrt(test::kEps<Real> * (xx + yy));
          const double exponent = static_cast<double>(r) / length;
          EXPECT_NEAR(values[i], exact,
                      exact * (lost / length + test::ulp_bound<Real>(4.0 + 4.0 * exponent, 1.0)))
              << length << ' ' << xx << ' ' << given[i];
        }
      });
    }
  }
}

TYPED_TEST(DualFormTest, PolynomialOfDegreeOneIsLinear) {
  using Real = TypeParam;
  const auto given = products(2.0, 11.0);
  const auto linear = layered<Real>(architecture_of({"linear", {}}), 2.0, 11.0, given);
  const auto same = layered<Real>(architecture_of({"polynomial", {0.0, 1.0}}), 2.0, 11.0, given);
  const auto other = layered<Real>(architecture_of({"polynomial", {0.5, 1.0}}), 2.0, 11.0, given);
  EXPECT_EQ(linear, same);
  EXPECT_NE(linear, other);
}

TYPED_TEST(DualFormTest, StatesWhatAHighPowerLoses) {
  using Real = TypeParam;
  const auto error = [](double degree) {
    return KernelEvaluator<Real>(architecture_of({"polynomial", {1.0, degree}}), kDimension,
                                 {1.0, 7.0})
        .error();
  };
  const double promised = sizeof(Real) == sizeof(float) ? 4e-6 : 1e-13;
  EXPECT_EQ(error(2.0), promised);
  EXPECT_GE(error(100.0), promised);
  EXPECT_LE(error(100.0), std::max(promised, test::ulp_bound<Real>(400.0, 1.0)));
}

TEST(KernelOnlyTest, IsNoActivation) {
  const auto names = activation_names();
  for (const char* name : {"polynomial", "laplace"}) {
    const ActivationSpec dual =
        architecture_of(
            {name, std::string(name) == "laplace" ? std::vector{1.0} : std::vector{1.0, 2.0}})
            .activation;
    EXPECT_EQ(std::count(names.begin(), names.end(), dual.name), 0) << dual.name;
    EXPECT_NE(why_no_ntk(dual).find("without a network"), std::string::npos);
  }
  EXPECT_EQ(check_activation({"relus", {}, {}}).find("offset_power"), std::string::npos);
}

TEST(KernelOnlyTest, SaysThatItsKernelOverflows) {
  const Architecture huge = architecture_of({"polynomial", {1e6, 100.0}});
  try {
    const KernelEvaluator<double> evaluator(huge, kDimension, {7.0, 7.0});
    FAIL() << "no error";
  } catch (const NumericalError& error) {
    EXPECT_NE(std::string(error.what()).find("overflows double precision"), std::string::npos);
  }
}

}  // namespace
}  // namespace ntkflow
