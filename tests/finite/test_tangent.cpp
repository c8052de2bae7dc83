#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/finite/network.hpp>
#include <ntkflow/finite/tangent.hpp>
#include <ntkflow/kernel/dual_reference.hpp>

#include "reference_network.hpp"
#include "support/tolerance.hpp"

namespace ntkflow::test {
namespace {

constexpr NetworkShape kShape{3, 7, 2};

/// The networks on which derivatives are checked: every depth, and every kind of first layer.
std::vector<Architecture> example_architectures() {
  std::vector<Architecture> architectures;
  for (int depth = 1; depth <= 4; ++depth) {
    for (const char* activation : {"tanh", "erf", "relu", "identity"}) {
      architectures.push_back(architecture_of(depth, activation));
    }
  }
  architectures.push_back(architecture_of(3, "tanh", FirstLayer::plain));
  return architectures;
}

std::string label(const Architecture& architecture) {
  return architecture.activation.name + ", depth " + std::to_string(architecture.depth);
}

/// [(C M) x P] by finite differences.
Matrix<double> reference_jacobian(Network<double>& network, const Matrix<double>& x) {
  const std::vector<double*> parameters = all_parameters(network);
  Matrix<double> jacobian(network.shape().outputs * x.cols(),
                          static_cast<std::int64_t>(parameters.size()));
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    const Matrix<double> derivative =
        central_difference(parameters[p], [&] { return reference_values(network, x); });
    std::copy_n(derivative.data(), derivative.size(),
                jacobian.column(static_cast<std::int64_t>(p)));
  }
  return jacobian;
}

/// A B^T.
Matrix<double> product_with_transpose(const Matrix<double>& a, const Matrix<double>& b) {
  Matrix<double> product(a.rows(), b.rows());
  for (std::int64_t k = 0; k < a.cols(); ++k) {
    for (std::int64_t j = 0; j < b.rows(); ++j) {
      for (std::int64_t i = 0; i < a.rows(); ++i) {
        product(i, j) += a(i, k) * b(j, k);
      }
    }
  }
  return product;
}

// Central differences with step h err by h^2 |f'''| / 6 and eps |f| / h, of order 1e-10 here.
constexpr double kDifferenceError = 1e-7;

TEST(TangentTest, HasTheKernelOfFiniteDifferences) {
  const Matrix<double> x = normal_matrix<double>(kShape.inputs, 4, 0);
  const Matrix<double> z = normal_matrix<double>(kShape.inputs, 5, 1);
  for (const Architecture& architecture : example_architectures()) {
    Network<double> network(architecture, kShape, {11, 0});
    Network<double> other(architecture, kShape, {11, 1});
    const Matrix<double> jacobian = reference_jacobian(network, x);
    const Matrix<double> other_jacobian = reference_jacobian(other, z);
    EXPECT_EQ(network.parameters(), jacobian.cols());
    const Matrix<double> expected = product_with_transpose(jacobian, jacobian);
    const Matrix<double> expected_cross = product_with_transpose(jacobian, other_jacobian);

    const Tangent<double> tangent(network, x.view());
    const Tangent<double> other_tangent(other, z.view());

    EXPECT_LE(relative_error(tangent.values(), reference_values(network, x)), 1e-14);
    EXPECT_LE(relative_error(tangent.kernel(tangent), expected), kDifferenceError)
        << label(architecture);
    EXPECT_LE(relative_error(tangent.kernel(other_tangent), expected_cross), kDifferenceError)
        << label(architecture);
    if (architecture.depth > 1) {  // where the kernel depends on parameters at all
      network.weights(0)(0, 0) += 0.01;
      const Tangent<double> perturbed(network, x.view());
      EXPECT_GT(relative_error(perturbed.kernel(perturbed), expected), 100.0 * kDifferenceError);
    }
  }
}

TEST(TangentTest, KeepsItsValuesWhenTheNetworkMoves) {
  const Matrix<double> x = normal_matrix<double>(kShape.inputs, 4, 0);
  Network<double> network(architecture_of(3, "tanh"), kShape, {11, 0});
  const Tangent<double> before(network, x.view());
  const Matrix<double> kernel = before.kernel(before);
  const Matrix<double> jacobian = reference_jacobian(network, x);
  for (double* parameter : all_parameters(network)) {
    *parameter *= 1.1;
  }
  const Tangent<double> after(network, x.view());
  const Matrix<double> moved = reference_jacobian(network, x);

  EXPECT_EQ(relative_error(before.kernel(before), kernel), 0.0);

  const Matrix<double> mixed = before.kernel(after);
  EXPECT_LE(relative_error(mixed, product_with_transpose(jacobian, moved)), kDifferenceError);
  double squares = 0.0;
  double norm = 0.0;
  for (std::int64_t k = 0; k < moved.size(); ++k) {
    squares += std::pow(moved.data()[k] - jacobian.data()[k], 2);
    norm += std::pow(jacobian.data()[k], 2);
  }
  EXPECT_GT(squares, 1e-3 * norm);
  EXPECT_NEAR(relative_jacobian_change(after.kernel(after), after.kernel(before), kernel),
              std::sqrt(squares / norm), kDifferenceError);
  EXPECT_LE(relative_jacobian_change(kernel, kernel, kernel), std::sqrt(8.0 * kEps<double>));
}

TEST(TangentTest, IsTheSameInFloat) {
  const NetworkShape shape{3, 300, 2};
  const Architecture architecture = architecture_of(4, "tanh");
  const auto x = normal_matrix<double>(shape.inputs, 20, 0);
  const auto rounded_x = normal_matrix<float>(shape.inputs, 20, 0);
  const Network<double> network(architecture, shape, {11, 0});
  const Network<float> rounded(architecture, shape, {11, 0});
  const Tangent<double> tangent(network, x.view());
  const Tangent<float> rounded_tangent(rounded, rounded_x.view());

  const double error =
      relative_error(rounded_tangent.kernel(rounded_tangent), tangent.kernel(tangent));
  EXPECT_LE(error, 64.0 * kEps<float>);
  EXPECT_GT(error, kEps<double>);
}

/// The inner products of columns i and j.
reference::InnerProducts inner_products(const Matrix<double>& x, std::int64_t i, std::int64_t j) {
  reference::InnerProducts products;
  for (std::int64_t k = 0; k < x.rows(); ++k) {
    products.xx += x(k, i) * x(k, i);
    products.yy += x(k, j) * x(k, j);
    products.xy += x(k, i) * x(k, j);
  }
  return products;
}

// A mean over members of width n is off by O(1/n), their deviation is O(n^(-1/2)): with fewer
// members than units the first is hidden by the second.
TEST(TangentTest, HasTheLimitingKernelInTheMean) {
  constexpr std::int64_t kMembers = 60;
  constexpr std::int64_t kSamples = 2;
  const NetworkShape shape{3, 512, 2};
  const auto x = normal_matrix<double>(shape.inputs, kSamples, 3);
  for (const Architecture& architecture : {architecture_of(4, "relu"), architecture_of(3, "tanh"),
                                           architecture_of(3, "erf", FirstLayer::plain)}) {
    const std::int64_t order = shape.outputs * kSamples;
    Matrix<double> sum(order, order);
    Matrix<double> squares(order, order);
    for (std::int64_t member = 0; member < kMembers; ++member) {
      const Network<double> network(architecture, shape, {21, static_cast<std::uint64_t>(member)});
      const Tangent<double> tangent(network, x.view());
      const Matrix<double> kernel = tangent.kernel(tangent);
      for (std::int64_t k = 0; k < kernel.size(); ++k) {
        sum.data()[k] += kernel.data()[k];
        squares.data()[k] += kernel.data()[k] * kernel.data()[k];
      }
    }
    for (std::int64_t row = 0; row < order; ++row) {
      for (std::int64_t col = 0; col < order; ++col) {
        const double mean = sum(row, col) / kMembers;
        const double deviation = std::sqrt(squares(row, col) / kMembers - mean * mean);
        const double bound = standard_error_bound(5.0, deviation, kMembers);
        const bool is_one_output = row / kSamples == col / kSamples;
        const double limit = reference::kernels(architecture, shape.inputs,
                                                inner_products(x, row % kSamples, col % kSamples))
                                 .ntk;
        EXPECT_NEAR(mean, is_one_output ? limit : 0.0, bound) << label(architecture);
        // A kernel off by a fifth, and one output's instead of another's, would be seen.
        EXPECT_GT(std::abs(mean - (is_one_output ? 0.8 * limit : limit)), bound);
      }
    }
  }
}

}  // namespace
}  // namespace ntkflow::test
