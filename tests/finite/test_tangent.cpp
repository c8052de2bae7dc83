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

}  // namespace
}  // namespace ntkflow::test
