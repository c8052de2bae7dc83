#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numbers>
#include <numeric>
#include <utility>
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
  std::vector<std::vector<long double>> matrix;  // K + ridge I
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
  }
  Elimination result;
  result.matrix = a;
  for (std::size_t i = 0; i < size; ++i) {
    for (std::int64_t c = 0; c < y.cols(); ++c) {
      a[i].push_back(y(static_cast<std::int64_t>(i), c));
    }
  }
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

constexpr FitOptions kRefined{Factorization::automatic, RefineOptions{}};

DistMatrix<float> rounded_to_single(const DistMatrix<double>& a) {
  DistMatrix<float> rounded(a.grid(), a.rows(), a.cols(), a.block());
  std::transform(a.local().data, a.local().data + a.local_rows() * a.local_cols(),
                 rounded.local().data, [](double value) { return static_cast<float>(value); });
  return rounded;
}

/// One problem on one grid, to be fitted in each precision.
struct Problem {
  Problem(const std::shared_ptr<const ProcessGrid>& grid, std::int64_t n, std::int64_t block,
          const test::SampleFunction& f = sample)
      : kernel(
            test::make_kernel<double>(grid, network(), KernelType::ntk, block, kDimension, n, f)),
        single(test::make_kernel<float>(grid, network(), KernelType::ntk, block, kDimension, n, f)),
        exact(kernel, silent_monitor()),
        target(targets(n)) {}

  [[nodiscard]] DistMatrix<double> assemble() const {
    return kernel.assemble_symmetric(Triangle::lower, silent_monitor());
  }
  /// The kernel evaluated in double, stored and factored in single.
  [[nodiscard]] auto fit_mixed(double ridge, const FitOptions& options = kRefined) const {
    return fit_regression(rounded_to_single(assemble()), exact, target, ridge, {}, options,
                          silent_monitor());
  }
  [[nodiscard]] RegressionFit fit(Precision precision, double ridge) const {
    switch (precision) {
      case Precision::mixed:
        return fit_of(fit_mixed(ridge));
      case Precision::single_precision:
        return fit_of(fit_regression(single.assemble_symmetric(Triangle::lower, silent_monitor()),
                                     exact, target, ridge, {}, {}, silent_monitor()));
      default:
        return fit_of(fit_regression(assemble(), exact, target, ridge, {}, {}, silent_monitor()));
    }
  }
  template <class Real>
  static RegressionFit fit_of(std::variant<Regression<Real>, NotSolvable> outcome) {
    EXPECT_TRUE(std::holds_alternative<Regression<Real>>(outcome));
    return std::move(std::get<Regression<Real>>(outcome).fit);
  }

  KernelMatrix<double> kernel;
  KernelMatrix<float> single;
  KernelOperator exact;
  Matrix<double> target;
};

/// ||B - A X||_1 and ||X||_1, sums in extended precision.
struct Distance {
  double residual = 0.0;
  double solution = 0.0;
};
Distance distance(const Elimination& exact, const Matrix<double>& x, const Matrix<double>& b) {
  Distance result;
  for (std::int64_t c = 0; c < x.cols(); ++c) {
    long double residual = 0.0L;
    long double size = 0.0L;
    for (std::int64_t i = 0; i < x.rows(); ++i) {
      long double r = b(i, c);
      for (std::int64_t j = 0; j < x.rows(); ++j) {
        r -= exact.matrix[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)] * x(j, c);
      }
      residual += std::abs(r);
      size += std::abs(static_cast<long double>(x(i, c)));
    }
    result.residual = std::max(result.residual, static_cast<double>(residual));
    result.solution = std::max(result.solution, static_cast<double>(size));
  }
  return result;
}

double norm_1(const std::vector<std::vector<long double>>& a) {
  long double largest = 0.0L;
  for (const auto& row : a) {
    largest = std::max(largest, std::accumulate(row.begin(), row.end(), 0.0L,
                                                [](long double sum, long double value) {
                                                  return sum + std::abs(value);
                                                }));
  }
  return static_cast<double>(largest);
}

/// Solutions, determinant and likelihood against elimination, to the accuracy that `Solution` and
/// the factor's `Factor` stand for.
template <class Factor, class Solution>
void expect_agreement(RegressionFit result, const Elimination& exact, const Matrix<double>& y) {
  const std::int64_t n = y.rows();
  EXPECT_EQ(result.refinement, RefineOutcome::converged);
  EXPECT_LE(result.backward_error, 10 * test::kEps<Solution>);

  const double norm = norm_1(exact.matrix);
  Distance found = distance(exact, result.coefficients, y);
  EXPECT_LE(found.residual, test::solve_bound<Solution>(n, norm, found.solution));

  const double determinant = static_cast<double>(exact.log_determinant);
  const double determinant_bound =
      test::log_determinant_bound<Factor>(n, 1.0 / result.reciprocal_condition);
  EXPECT_LE(std::abs(result.log_determinant - determinant), determinant_bound);
  double fitted = 0.0;
  for (std::int64_t c = 0; c < kOutputs; ++c) {
    for (std::int64_t i = 0; i < n; ++i) {
      fitted += result.coefficients(i, c) * y(i, c);
    }
  }
  const double likelihood =
      -0.5 * fitted -
      0.5 * kOutputs * (determinant + static_cast<double>(n) * std::log(2.0 * std::numbers::pi));
  EXPECT_LE(std::abs(result.log_marginal_likelihood - likelihood),
            kOutputs * determinant_bound +
                test::ulp_bound<double>(static_cast<double>(n * kOutputs), fitted));

  result.coefficients(n / 2, 1) += 0.01 * found.solution;
  found = distance(exact, result.coefficients, y);
  EXPECT_GT(found.residual, test::solve_bound<double>(n, norm, found.solution))
      << "a wrong solution passes";
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
          const Problem problem(grid, n, block);
          expect_agreement<double, double>(problem.fit(Precision::double_precision, ridge), exact,
                                           y);
          expect_agreement<float, double>(problem.fit(Precision::mixed, ridge), exact, y);
          expect_agreement<float, float>(problem.fit(Precision::single_precision, ridge), exact, y);
        }
      }
    }
  }
}

TEST(FitRegressionTest, DoubleMeetsTheExactSolution) {
  constexpr std::int64_t kOrder = 29;
  const auto grid =
      ProcessGrid::create(Communicator::world(), automatic_grid(Communicator::world().size()));
  const Matrix<double> y = targets(kOrder);
  const Elimination exact = eliminate(kOrder, 0.0, y);
  for (const Precision precision : {Precision::double_precision, Precision::mixed}) {
    const RegressionFit result = Problem(grid, kOrder, 7).fit(precision, 0.0);
    double worst = 0.0;
    double largest = 0.0;
    for (std::size_t c = 0; c < kOutputs; ++c) {
      for (std::size_t i = 0; i < kOrder; ++i) {
        const auto alpha = static_cast<double>(exact.solution[i][c]);
        worst = std::max(worst, std::abs(result.coefficients(static_cast<std::int64_t>(i),
                                                             static_cast<std::int64_t>(c)) -
                                         alpha));
        largest = std::max(largest, std::abs(alpha));
      }
    }
    // Forward error <= condition x backward error; the condition number stays below 1e4 here.
    EXPECT_LE(worst, 1e-11 * largest);
  }
}

TEST(FitRegressionTest, RefinementGainsTwoDigitsPerStep) {
  constexpr std::int64_t kOrder = 150;
  const auto world = Communicator::world();
  for (const GridShape shape : test::all_grids(world.size())) {
    const Problem problem(ProcessGrid::create(world, shape), kOrder, 16);
    const RegressionFit result = problem.fit(Precision::mixed, 0.0);
    EXPECT_LE(result.reciprocal_condition, 1e-3);
    EXPECT_EQ(result.refinement, RefineOutcome::converged);
    EXPECT_GE(result.refinement_steps, 1);
    const std::vector<double>& history = result.refinement_history;
    EXPECT_EQ(static_cast<std::int64_t>(history.size()), 1 + result.refinement_steps);
    EXPECT_EQ(std::max(history.back(), test::kEps<double>), result.backward_error);
    EXPECT_LE(result.backward_error, test::refinement_tolerance(kOrder));
    for (std::size_t i = 1; i < history.size(); ++i) {
      EXPECT_LE(history[i], std::max(0.01 * history[i - 1], test::refinement_tolerance(kOrder)));
    }

    // Its twin, which may not refine.
    const RegressionFit plain = Problem::fit_of(problem.fit_mixed(0.0, {}));
    EXPECT_EQ(plain.refinement_steps, 0);
    EXPECT_GT(plain.backward_error, test::refinement_tolerance(kOrder));
  }
}

/// What became of a fit, the same number on all ranks.
double verdict(const std::variant<Regression<float>, NotSolvable>& outcome) {
  if (const auto* failure = std::get_if<NotSolvable>(&outcome)) {
    return -static_cast<double>(failure->order);
  }
  return std::get<Regression<float>>(outcome).fit.refinement == RefineOutcome::converged ? 1.0
                                                                                         : 0.0;
}

TEST(FitRegressionTest, EndsForSamplesHoweverClose) {
  constexpr std::int64_t kOrder = 61;
  const auto world = Communicator::world();
  for (const GridShape shape : test::all_grids(world.size())) {
    for (const double spread : {1.0, 1e-3, 1e-5, 1e-7, 1e-9, 1e-11}) {
      const auto close = [spread](std::int64_t position, std::int64_t input) {
        return 1.0 + spread * sample(position, input);
      };
      const Problem problem(ProcessGrid::create(world, shape), kOrder, 7, close);
      const auto outcome = problem.fit_mixed(0.0);
      const double result = verdict(outcome);
      EXPECT_TRUE(world.agree(world.min(result) == world.max(result)).ok) << spread;
      if (const auto* done = std::get_if<Regression<float>>(&outcome)) {
        EXPECT_TRUE(std::isfinite(done->fit.backward_error)) << spread;
      }
      if (spread == 1.0) {
        EXPECT_EQ(result, 1.0);
      }
      if (spread <= 1e-9) {  // beyond the reciprocal epsilon of single precision
        EXPECT_NE(result, 1.0);
      }
    }
  }
}

TEST(FitRegressionTest, SaysInWhichPrecisionThereIsNoFactor) {
  constexpr std::int64_t kOrder = 61;
  const auto close = [](std::int64_t position, std::int64_t input) {
    return 1.0 + 1e-9 * sample(position, input);
  };
  const auto world = Communicator::world();
  const Problem problem(ProcessGrid::create(world, automatic_grid(world.size())), kOrder, 7, close);

  const auto mixed = problem.fit_mixed(0.0);
  ASSERT_ALL_RANKS(std::holds_alternative<NotSolvable>(mixed), world);
  const NotSolvable& failure = std::get<NotSolvable>(mixed);
  EXPECT_EQ(failure.epsilon, test::kEps<float>);
  EXPECT_GT(failure.factor_seconds, 0.0);
  EXPECT_GE(failure.suggested_ridge, 10.0 * kOrder * test::kEps<float> * failure.norm);
  EXPECT_EQ(verdict(problem.fit_mixed(failure.suggested_ridge)), 1.0);

  const RegressionFit in_double = problem.fit(Precision::double_precision, 0.0);
  EXPECT_LE(in_double.backward_error, 10 * test::kEps<double>);
}

TEST(FitRegressionTest, ReportsARefinementThatStalls) {
  constexpr std::int64_t kOrder = 61;
  const auto world = Communicator::world();
  for (const GridShape shape : test::all_grids(world.size())) {
    const Problem problem(ProcessGrid::create(world, shape), kOrder, 7);
    const auto fit_factor_of = [&](double ridge_in_factor) {
      DistMatrix<float> k = rounded_to_single(problem.assemble());
      for_each_diagonal(
          k, [&](std::int64_t, float& entry) { entry += static_cast<float>(ridge_in_factor); });
      return Problem::fit_of(fit_regression(std::move(k), problem.exact, problem.target, 0.0, {},
                                            {Factorization::automatic, {.max_steps = 5}},
                                            silent_monitor()));
    };
    // The factor of another matrix is a poor inverse.
    const RegressionFit stalled = fit_factor_of(1e3);
    EXPECT_EQ(stalled.refinement, RefineOutcome::stalled);
    EXPECT_GT(stalled.backward_error, test::refinement_tolerance(kOrder));
    EXPECT_EQ(fit_factor_of(0.0).refinement, RefineOutcome::converged);
  }
}

TEST(FitRegressionTest, KeepsTheFactorForMoreSolves) {
  constexpr std::int64_t kOrder = 29;
  const auto world = Communicator::world();
  const Problem problem(ProcessGrid::create(world, automatic_grid(world.size())), kOrder, 7);
  const auto both = problem.kernel.assemble_symmetric(Triangle::both, silent_monitor());
  const auto outcome =
      fit_regression(both.clone(), problem.exact, problem.target, 0.0, {}, {}, silent_monitor());

  const auto& factor = std::get<Regression<double>>(outcome).factor;
  EXPECT_EQ(factor.norm(), std::get<Regression<double>>(outcome).fit.norm);
  for (std::int64_t j = 0; j < both.local_cols(); ++j) {
    for (std::int64_t i = 0; i < both.local_rows(); ++i) {
      if (both.row_map().to_global({i}).value < both.col_map().to_global({j}).value) {
        EXPECT_EQ(factor.matrix().local()(i, j), both.local()(i, j));
      }
    }
  }
}

TEST(FitRegressionTest, NoOutputs) {
  const auto world = Communicator::world();
  const Problem problem(ProcessGrid::create(world, automatic_grid(world.size())), 5, 2);
  const RegressionFit result =
      Problem::fit_of(fit_regression(rounded_to_single(problem.assemble()), problem.exact,
                                     Matrix<double>(5, 0), 0.0, {}, kRefined, silent_monitor()));
  EXPECT_EQ(result.coefficients.rows(), 5);
  EXPECT_EQ(result.coefficients.cols(), 0);
  EXPECT_EQ(result.log_marginal_likelihood, 0.0);
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
  const auto outcome =
      fit_regression(kernel.assemble_symmetric(Triangle::lower, silent_monitor()),
                     Perturbed(perturbed), targets(29), 0.0, {}, {}, silent_monitor());
  EXPECT_GT(std::get<Regression<double>>(outcome).fit.backward_error, 10 * test::kEps<double>);
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
    const auto fit = [&](double ridge) {
      return fit_regression(assemble(), exact, targets(29), ridge, duplicate, {}, silent_monitor());
    };
    const auto outcome = fit(0.0);
    ASSERT_ALL_RANKS(std::holds_alternative<NotSolvable>(outcome), world);
    const NotSolvable& failure = std::get<NotSolvable>(outcome);
    EXPECT_EQ(failure.order, 24);
    EXPECT_EQ(failure.epsilon, test::kEps<double>);
    EXPECT_GT(failure.factor_seconds, 0.0);
    const auto second = fit(failure.suggested_ridge);
    ASSERT_ALL_RANKS(std::holds_alternative<Regression<double>>(second), world);
    const auto& result = std::get<Regression<double>>(second).fit;
    EXPECT_GE(result.reciprocal_condition, 29 * test::kEps<double>);
    EXPECT_LE(result.smallest_pivot.value, 4.0 * failure.suggested_ridge);
    EXPECT_EQ(result.smallest_pivot.index, 23);
  }
}

TEST(FitRegressionTest, NamesTheRepeatedSampleInMixedPrecision) {
  const auto repeated = [](std::int64_t position, std::int64_t input) {
    return sample(position == 23 ? 4 : position, input);
  };
  const auto world = Communicator::world();
  const std::vector<std::int64_t> duplicate{23};
  for (const GridShape shape : test::all_grids(world.size())) {
    const Problem problem(ProcessGrid::create(world, shape), 29, 7, repeated);
    const auto fit = [&](double ridge) {
      return fit_regression(rounded_to_single(problem.assemble()), problem.exact, problem.target,
                            ridge, duplicate, kRefined, silent_monitor());
    };
    const auto outcome = fit(0.0);
    ASSERT_ALL_RANKS(std::holds_alternative<NotSolvable>(outcome), world);
    const NotSolvable& failure = std::get<NotSolvable>(outcome);
    EXPECT_EQ(failure.order, 24);
    EXPECT_EQ(failure.epsilon, test::kEps<float>);
    EXPECT_EQ(verdict(fit(failure.suggested_ridge)), 1.0);
  }
}

TEST(FitRegressionTest, SinglePrecisionReportsItsErrorInDouble) {
  const auto world = Communicator::world();
  const Problem problem(ProcessGrid::create(world, automatic_grid(world.size())), 29, 7);
  const RegressionFit result = problem.fit(Precision::single_precision, 0.0);
  EXPECT_LE(result.backward_error, 10 * test::kEps<float>);
  EXPECT_GE(result.backward_error, test::kEps<double>);
}

TEST(RidgeTest, ScalesWithTheMeanDiagonal) {
  EXPECT_DOUBLE_EQ(absolute_ridge({0.5, RidgeScale::absolute}, 60.0, 10), 0.5);
  EXPECT_DOUBLE_EQ(absolute_ridge({0.5, RidgeScale::mean_diagonal}, 60.0, 10), 3.0);
}

}  // namespace
}  // namespace ntkflow
