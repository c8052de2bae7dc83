#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include <ntkflow/base/random.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/kernel/dual_reference.hpp>
#include <ntkflow/regression/fit.hpp>

#include "support/kernel_problem.hpp"
#include "support/mpi_test.hpp"
#include "support/tolerance.hpp"

namespace ntkflow {
namespace {

constexpr std::int64_t kDimension = 4;
constexpr std::int64_t kOutputs = 3;

double sample(std::int64_t position, std::int64_t input) {
  return RandomStream(11, 1).normal(static_cast<std::uint64_t>(position),
                                    static_cast<std::uint64_t>(input));
}

Architecture network() {
  return {3, {"relu", {}}, 2.0, 0.01, FirstLayer::normalised};
}

Matrix<double> targets(std::int64_t n) {
  Matrix<double> y(n, kOutputs);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < kOutputs; ++j) {
      y(i, j) = std::sin(sample(i, j)) + 0.1 * static_cast<double>(j);
    }
  }
  return y;
}

/// (K + ridge I)^-1 Y and log det by Gaussian elimination without pivoting in extended precision:
/// slow and obvious.
struct Elimination {
  std::vector<std::vector<long double>> solution;
  long double log_determinant = 0.0L;
};
Elimination eliminate(std::int64_t n, double ridge, const Matrix<double>& y) {
  const auto size = static_cast<std::size_t>(n);
  std::vector<std::vector<long double>> a(size);
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < size; ++j) {
      double xx = 0.0;
      double yy = 0.0;
      double xy = 0.0;
      for (std::int64_t k = 0; k < kDimension; ++k) {
        const double u = sample(static_cast<std::int64_t>(i), k);
        const double v = sample(static_cast<std::int64_t>(j), k);
        xx += u * u;
        yy += v * v;
        xy += u * v;
      }
      a[i].push_back(reference::kernels(network(), kDimension, {xx, yy, i == j ? xx : xy}).ntk +
                     (i == j ? ridge : 0.0));
    }
    for (std::int64_t c = 0; c < y.cols(); ++c) {
      a[i].push_back(y(static_cast<std::int64_t>(i), c));
    }
  }
  Elimination result;
  for (std::size_t k = 0; k < size; ++k) {
    result.log_determinant += std::log(a[k][k]);
    for (std::size_t i = 0; i < size; ++i) {
      if (i != k) {
        const long double factor = a[i][k] / a[k][k];
        for (std::size_t j = k; j < a[i].size(); ++j) {
          a[i][j] -= factor * a[k][j];
        }
      }
    }
  }
  for (std::size_t i = 0; i < size; ++i) {
    result.solution.emplace_back();
    for (std::size_t c = size; c < a[i].size(); ++c) {
      result.solution.back().push_back(a[i][c] / a[i][i]);
    }
  }
  return result;
}

RegressionFit fit(const std::shared_ptr<const ProcessGrid>& grid, std::int64_t n,
                  std::int64_t block, double ridge) {
  const auto kernel =
      test::make_kernel<double>(grid, network(), KernelType::ntk, block, kDimension, n, sample);
  const KernelOperator exact(kernel, silent_monitor());
  auto outcome = fit_regression(kernel.assemble_symmetric(Triangle::lower, silent_monitor()), exact,
                                targets(n), ridge, {});
  EXPECT_TRUE(std::holds_alternative<RegressionFit>(outcome));
  return std::move(std::get<RegressionFit>(outcome));
}

TEST(FitRegressionTest, AgreesWithEliminationOnEveryGridAndBlock) {
  const auto world = Communicator::world();
  for (const std::int64_t n : {1, 5, 29}) {
    for (const double ridge : {0.0, 0.3}) {
      const Matrix<double> y = targets(n);
      const Elimination exact = eliminate(n, ridge, y);
      for (const GridShape shape : test::all_grids(world.size())) {
        const auto grid = ProcessGrid::create(world, shape);
        for (const std::int64_t block : {1, 7, 64}) {
          const RegressionFit result = fit(grid, n, block, ridge);
          EXPECT_LE(result.backward_error, 10 * test::kEps<double>);
          EXPECT_LE(std::abs(result.log_determinant - static_cast<double>(exact.log_determinant)),
                    1e-11 * static_cast<double>(n));
          double likelihood = 0.0;
          double worst = 0.0;
          double largest = 0.0;
          for (std::int64_t c = 0; c < kOutputs; ++c) {
            long double fitted = 0.0L;
            for (std::int64_t i = 0; i < n; ++i) {
              const auto alpha =
                  exact.solution[static_cast<std::size_t>(i)][static_cast<std::size_t>(c)];
              fitted += alpha * y(i, c);
              largest = std::max(largest, static_cast<double>(std::abs(alpha)));
              worst =
                  std::max(worst, std::abs(result.coefficients(i, c) - static_cast<double>(alpha)));
            }
            likelihood -= 0.5 * static_cast<double>(fitted + exact.log_determinant) +
                          0.5 * static_cast<double>(n) * std::log(2.0 * std::numbers::pi);
          }
          // Forward error <= condition x backward error; the condition number stays below 1e4 here.
          EXPECT_LE(worst, 1e-11 * largest);
          EXPECT_LE(test::relative_difference(result.log_marginal_likelihood, likelihood), 1e-11);
        }
      }
    }
  }
}

TEST(FitRegressionTest, ResidualSeesAWrongCoefficient) {
  const auto world = Communicator::world();
  const auto grid = ProcessGrid::create(world, automatic_grid(world.size()));
  const auto kernel =
      test::make_kernel<double>(grid, network(), KernelType::ntk, 7, kDimension, 29, sample);
  const auto perturbed = [&](const Matrix<double>& x) {
    Matrix<double> product = kernel.multiply_symmetric(x, silent_monitor());
    product(3, 1) *= 1.0 + 1e-10;
    return product;
  };
  class Perturbed : public LinearOperator {
   public:
    explicit Perturbed(std::function<Matrix<double>(const Matrix<double>&)> f) : f_(std::move(f)) {}
    [[nodiscard]] std::int64_t size() const override { return 29; }
    [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override { return f_(x); }

   private:
    std::function<Matrix<double>(const Matrix<double>&)> f_;
  };
  const auto outcome = fit_regression(kernel.assemble_symmetric(Triangle::lower, silent_monitor()),
                                      Perturbed(perturbed), targets(29), 0.0, {});
  EXPECT_GT(std::get<RegressionFit>(outcome).backward_error, 10 * test::kEps<double>);
}

TEST(FitRegressionTest, NamesTheRepeatedSampleAndARidgeThatHelps) {
  const auto repeated = [](std::int64_t position, std::int64_t input) {
    return sample(position == 23 ? 4 : position, input);
  };
  const auto world = Communicator::world();
  for (const GridShape shape : test::all_grids(world.size())) {
    const auto grid = ProcessGrid::create(world, shape);
    const auto kernel =
        test::make_kernel<double>(grid, network(), KernelType::ntk, 7, kDimension, 29, repeated);
    const KernelOperator exact(kernel, silent_monitor());
    const std::vector<std::int64_t> duplicate{23};
    const auto assemble = [&] {
      return kernel.assemble_symmetric(Triangle::lower, silent_monitor());
    };
    const auto outcome = fit_regression(assemble(), exact, targets(29), 0.0, duplicate);
    ASSERT_ALL_RANKS(std::holds_alternative<NotSolvable>(outcome), world);
    const NotSolvable& failure = std::get<NotSolvable>(outcome);
    EXPECT_EQ(failure.order, 24);
    const auto second =
        fit_regression(assemble(), exact, targets(29), failure.suggested_ridge, duplicate);
    ASSERT_ALL_RANKS(std::holds_alternative<RegressionFit>(second), world);
    const auto& result = std::get<RegressionFit>(second);
    EXPECT_GE(result.reciprocal_condition, 29 * test::kEps<double>);
    EXPECT_LE(result.smallest_pivot.value, 4.0 * failure.suggested_ridge);
    EXPECT_EQ(result.smallest_pivot.index, 23);
  }
}

TEST(FitRegressionTest, SinglePrecisionFactorReportsItsErrorInDouble) {
  const auto world = Communicator::world();
  const auto grid = ProcessGrid::create(world, automatic_grid(world.size()));
  const auto kernel =
      test::make_kernel<double>(grid, network(), KernelType::ntk, 7, kDimension, 29, sample);
  const auto single =
      test::make_kernel<float>(grid, network(), KernelType::ntk, 7, kDimension, 29, sample);
  const KernelOperator exact(kernel, silent_monitor());
  const auto outcome = fit_regression(single.assemble_symmetric(Triangle::lower, silent_monitor()),
                                      exact, targets(29), 0.0, {});
  const auto& result = std::get<RegressionFit>(outcome);
  EXPECT_LE(result.backward_error, 10 * test::kEps<float>);
  EXPECT_GE(result.backward_error, test::kEps<double>);
}

TEST(RidgeTest, ScalesWithTheMeanDiagonal) {
  EXPECT_DOUBLE_EQ(absolute_ridge({0.5, RidgeScale::absolute}, 60.0, 10), 0.5);
  EXPECT_DOUBLE_EQ(absolute_ridge({0.5, RidgeScale::mean_diagonal}, 60.0, 10), 3.0);
}

}  // namespace
}  // namespace ntkflow
