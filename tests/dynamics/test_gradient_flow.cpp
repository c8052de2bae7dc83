#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <ntkflow/base/random.hpp>
#include <ntkflow/dynamics/gradient_flow.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/regression/fit.hpp>
#include <ntkflow/spectrum/summary.hpp>

#include "support/kernel_problem.hpp"
#include "support/mpi_test.hpp"
#include "support/tolerance.hpp"

namespace ntkflow {
namespace {

constexpr std::int64_t kDimension = 4;
constexpr std::int64_t kTrain = 23;
constexpr std::int64_t kTest = 11;
constexpr std::int64_t kOutputs = 2;

double train_sample(std::int64_t position, std::int64_t input) {
  return RandomStream(3, 1).normal(static_cast<std::uint64_t>(position),
                                   static_cast<std::uint64_t>(input));
}
double test_sample(std::int64_t position, std::int64_t input) {
  return RandomStream(3, 2).normal(static_cast<std::uint64_t>(position),
                                   static_cast<std::uint64_t>(input));
}

Architecture network() {
  return {3, {"relu", {}}, 2.0, 0.01, FirstLayer::normalised};
}

/// A small problem on one grid: kernel, eigensystem, residual.
struct Fixture {
  explicit Fixture(GridShape shape, std::int64_t block = 3)
      : grid(ProcessGrid::create(Communicator::world(), shape)),
        kernel(test::make_kernel<double>(grid, network(), KernelType::ntk, block, kDimension,
                                         kTrain, train_sample)),
        cross(test::make_kernel<double>(grid, network(), KernelType::ntk, block, kDimension, kTrain,
                                        train_sample, kTest, test_sample)),
        eigen(std::move(std::get<EigenSystem<double>>(
            diagonalise(kernel.assemble_symmetric(Triangle::lower, silent_monitor()))))),
        residual(kTrain, kOutputs) {
    for (std::int64_t i = 0; i < kTrain; ++i) {
      residual(i, 0) = std::cos(3.0 * train_sample(i, 0));
      residual(i, 1) = train_sample(i, 1) * train_sample(i, 2);
    }
  }

  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const {
    return kernel.multiply_symmetric(x, silent_monitor());
  }
  [[nodiscard]] Matrix<double> predict(const Matrix<double>& coefficients) const {
    return cross.multiply_transposed(coefficients, silent_monitor());
  }

  std::shared_ptr<const ProcessGrid> grid;
  KernelMatrix<double> kernel;
  KernelMatrix<double> cross;
  EigenSystem<double> eigen;
  Matrix<double> residual;
};

double largest_difference(const Matrix<double>& a, const Matrix<double>& b) {
  double worst = 0.0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(a.data()[i] - b.data()[i]));
  }
  return worst;
}

double largest(const Matrix<double>& a) {
  return largest_difference(a, Matrix<double>(a.rows(), a.cols()));
}

TEST(FlowFilterTest, IsEntire) {
  EXPECT_EQ(flow_filter(0.0, 5.0, 10), 0.5);
  EXPECT_EQ(flow_filter(3.0, 0.0, 10), 0.0);
  EXPECT_DOUBLE_EQ(flow_filter(3.0, std::numeric_limits<double>::infinity(), 10), 1.0 / 3.0);
  // Near zero: t/N (1 - t lambda / 2N + ...), where the naive quotient keeps no digit.
  EXPECT_DOUBLE_EQ(flow_filter(1e-18, 5.0, 10), 0.5);
  EXPECT_DOUBLE_EQ(flow_filter(-1e-18, 5.0, 10), 0.5);
  EXPECT_NEAR(flow_filter(2.0, 7.0, 4), (1.0 - std::exp(-3.5)) / 2.0, 1e-16);
}

TEST(GradientFlowTest, StartsAtTheInitialFunctionExactly) {
  const Fixture f(automatic_grid(Communicator::world().size()));
  const GradientFlow flow(f.eigen, f.residual, 0.0);
  const double zero[] = {0.0};
  EXPECT_EQ(largest(flow.coefficients(zero)), 0.0);
  EXPECT_EQ(largest(flow.train_increment(zero)), 0.0);
  EXPECT_EQ(largest(f.predict(flow.coefficients(zero))), 0.0);
}

TEST(GradientFlowTest, EndsAtTheClosedForm) {
  for (const GridShape shape : test::all_grids(Communicator::world().size())) {
    const Fixture f(shape);
    for (const double ridge : {0.0, 0.5}) {
      const GradientFlow flow(f.eigen, f.residual, ridge);
      const double forever[] = {std::numeric_limits<double>::infinity()};
      const Matrix<double> at_infinity = f.predict(flow.coefficients(forever));

      const KernelOperator exact(f.kernel, silent_monitor());
      const auto outcome =
          fit_regression(f.kernel.assemble_symmetric(Triangle::lower, silent_monitor()), exact,
                         f.residual, ridge, {}, {}, silent_monitor());
      const Matrix<double> closed_form =
          f.predict(std::get<Regression<double>>(outcome).fit.coefficients);

      EXPECT_LE(largest_difference(at_infinity, closed_form), 1e-10 * largest(closed_form));
    }
  }
}

/// f_t(X) and f_t(x) by many small steps of the classical Runge-Kutta method on the flow itself: no
/// eigensystem, no phi.
std::pair<Matrix<double>, Matrix<double>> integrate(const Fixture& f, double t, double ridge,
                                                    int steps) {
  Matrix<double> coefficients(kTrain, kOutputs);
  const double h = t / steps;
  // d/dt A = (r - (K + ridge) A) / N
  const auto slope = [&](const Matrix<double>& a) {
    Matrix<double> k = f.apply(a);
    for (std::int64_t i = 0; i < k.size(); ++i) {
      k.data()[i] =
          (f.residual.data()[i] - k.data()[i] - ridge * a.data()[i]) / static_cast<double>(kTrain);
    }
    return k;
  };
  const auto moved = [](const Matrix<double>& a, const Matrix<double>& direction, double length) {
    Matrix<double> result = a.clone();
    for (std::int64_t i = 0; i < result.size(); ++i) {
      result.data()[i] += length * direction.data()[i];
    }
    return result;
  };
  for (int step = 0; step < steps; ++step) {
    const Matrix<double> k1 = slope(coefficients);
    const Matrix<double> k2 = slope(moved(coefficients, k1, h / 2));
    const Matrix<double> k3 = slope(moved(coefficients, k2, h / 2));
    const Matrix<double> k4 = slope(moved(coefficients, k3, h));
    for (std::int64_t i = 0; i < coefficients.size(); ++i) {
      coefficients.data()[i] +=
          h / 6 * (k1.data()[i] + 2 * k2.data()[i] + 2 * k3.data()[i] + k4.data()[i]);
    }
  }
  return {f.apply(coefficients), f.predict(coefficients)};
}

TEST(GradientFlowTest, FollowsTheDifferentialEquation) {
  const Fixture f(automatic_grid(Communicator::world().size()));
  for (const double ridge : {0.0, 2.0}) {
    const GradientFlow flow(f.eigen, f.residual, ridge);
    const double times[] = {3.0 / flow.lambda_max()};
    const auto [on_train, on_test] = integrate(f, times[0], ridge, 300);
    // Fourth order: error about (lambda t / steps)^4 / 120 per unit of time.
    const double bound = 1e-9;
    EXPECT_LE(largest_difference(flow.train_increment(times), on_train), bound * largest(on_train));
    EXPECT_LE(largest_difference(f.predict(flow.coefficients(times)), on_test),
              bound * largest(on_test));
    // The twin: another time is another answer.
    const double wrong[] = {times[0] * (1 + 1e-6)};
    EXPECT_GT(largest_difference(flow.train_increment(wrong), on_train), bound * largest(on_train));
  }
}

TEST(GradientFlowTest, IsASemigroup) {
  for (const GridShape shape : test::all_grids(Communicator::world().size())) {
    const Fixture f(shape);
    const GradientFlow flow(f.eigen, f.residual, 0.0);
    const double s = 2.0 / flow.lambda_max();
    const double t = 50.0 / flow.lambda_max();
    const double first[] = {s};
    const double second[] = {t};
    const double both[] = {s + t};

    // Start again from f_s: its residual on the training set, its values on the test set.
    Matrix<double> rest = f.residual.clone();
    const Matrix<double> increment = flow.train_increment(first);
    for (std::int64_t i = 0; i < rest.size(); ++i) {
      rest.data()[i] -= increment.data()[i];
    }
    const GradientFlow continued(f.eigen, rest, 0.0);
    const Matrix<double> start = f.predict(flow.coefficients(first));
    Matrix<double> restarted = f.predict(continued.coefficients(second));
    for (std::int64_t i = 0; i < restarted.size(); ++i) {
      restarted.data()[i] += start.data()[i];
    }

    const Matrix<double> direct = f.predict(flow.coefficients(both));
    EXPECT_LE(largest_difference(restarted, direct), 1e-11 * largest(direct));
    EXPECT_GT(largest_difference(start, direct), 1e-11 * largest(direct));
  }
}

TEST(GradientFlowTest, IdentityErrorIsRoundingAndSeesAWrongCoefficient) {
  const Fixture f(automatic_grid(Communicator::world().size()));
  const KernelOperator k(f.kernel, silent_monitor());
  const GradientFlow flow(f.eigen, f.residual, 0.25);
  const double times[] = {0.0, 0.1 / flow.lambda_max(), 1e3 / flow.lambda_max(),
                          1e6 / flow.lambda_max()};
  Matrix<double> coefficients = flow.coefficients(times);
  const double bound = 30.0 * static_cast<double>(kTrain) * test::kEps<double>;
  for (const double error : flow.identity_errors(k, times, coefficients)) {
    EXPECT_LE(error, bound);
  }
  coefficients(5, 6) += 1e-9 * largest(coefficients);
  EXPECT_GT(flow.identity_errors(k, times, coefficients)[6 / kOutputs], bound);
}

/// The whole matrix of a kernel, on every rank.
Matrix<double> whole(const Fixture& f) {
  Matrix<double> identity(kTrain, kTrain);
  for (std::int64_t i = 0; i < kTrain; ++i) {
    identity(i, i) = 1.0;
  }
  return f.apply(identity);
}

/// A after so many steps of the rule, each a product with the dense matrix, in extended precision.
Matrix<double> explicit_steps(const Matrix<double>& k, const Matrix<double>& r, double ridge,
                              const TrainingRule& rule, std::int64_t steps) {
  constexpr auto n = static_cast<std::size_t>(kTrain);
  Matrix<double> result(kTrain, kOutputs);
  for (std::int64_t j = 0; j < kOutputs; ++j) {
    std::vector<long double> a(n, 0.0L);
    std::vector<long double> before(n, 0.0L);
    std::vector<long double> ahead(n, 0.0L);
    for (std::int64_t step = 0; step < steps; ++step) {
      for (std::size_t i = 0; i < n; ++i) {
        ahead[i] = a[i] + static_cast<long double>(rule.momentum) * (a[i] - before[i]);
      }
      before = a;
      const std::vector<long double>& at = rule.optimizer == Optimizer::nesterov ? ahead : before;
      for (std::size_t i = 0; i < n; ++i) {
        const auto row = static_cast<std::int64_t>(i);
        long double gradient = ridge * at[i] - r(row, j);
        for (std::size_t l = 0; l < n; ++l) {
          gradient += k(static_cast<std::int64_t>(l), row) * at[l];
        }
        a[i] = ahead[i] - rule.learning_rate * gradient / static_cast<long double>(n);
      }
    }
    std::transform(a.begin(), a.end(), result.column(j),
                   [](long double value) { return static_cast<double>(value); });
  }
  return result;
}

TEST(GradientFlowTest, TakesTheStepsOfEveryRule) {
  const Fixture f(automatic_grid(Communicator::world().size()));
  const Matrix<double> k = whole(f);
  const KernelOperator exact(f.kernel, silent_monitor());
  for (const double ridge : {0.0, 0.5}) {
    for (TrainingRule rule : {TrainingRule{Optimizer::gradient_descent, 0.0, 0.0},
                              TrainingRule{Optimizer::heavy_ball, 0.0, 0.9},
                              TrainingRule{Optimizer::nesterov, 0.0, 0.9}}) {
      const double top = f.eigen.values.back() / kTrain;
      for (const double part : {0.1, 0.5, 0.99}) {
        rule.learning_rate = part * rule.stable_learning_rate(top + ridge / kTrain);
        const GradientFlow flow(f.eigen, f.residual, ridge, rule);
        for (const std::int64_t steps : {0, 1, 2, 7, 100, 5000}) {
          SCOPED_TRACE(testing::Message()
                       << optimizer_text(rule.optimizer) << ", ridge " << ridge << ", " << part
                       << " of the limit, " << steps << " steps");
          const Matrix<double> a = explicit_steps(k, f.residual, ridge, rule, steps);
          const Matrix<double> on_test = f.predict(a);
          const Matrix<double> on_train = f.apply(a);
          const double points[] = {static_cast<double>(steps)};
          const Matrix<double> coefficients = flow.coefficients(points);
          EXPECT_LE(largest_difference(f.predict(coefficients), on_test), 1e-11 * largest(on_test));
          EXPECT_LE(largest_difference(flow.train_increment(points), on_train),
                    1e-11 * largest(on_train));
          for (const double error : flow.identity_errors(exact, points, coefficients)) {
            EXPECT_LE(error, test::eigen_bound<double>(kTrain, 1.0) / (1.0 - part));
          }
          const double wrong[] = {static_cast<double>(steps + 1)};
          EXPECT_TRUE(steps > 100 || largest_difference(flow.train_increment(wrong), on_train) >
                                         1e-11 * largest(on_train));
        }
        const Stability stability = stability_of(flow.rule(), flow.modes());
        EXPECT_EQ(stability.unstable_modes, 0);
        EXPECT_FALSE(stability.rises_at.has_value());
      }
    }
  }
}

TEST(GradientFlowTest, SaysHowAnUnstableRateDiverges) {
  const Fixture f(automatic_grid(Communicator::world().size()));
  const TrainingRule rule{Optimizer::gradient_descent, 2.02 / (f.eigen.values.back() / kTrain),
                          0.0};
  const GradientFlow flow(f.eigen, f.residual, 0.0, rule);
  const Stability stability = stability_of(rule, flow.modes());
  EXPECT_EQ(stability.unstable_modes, 1);
  ASSERT_TRUE(stability.rises_at.has_value());
  const auto squared_residual = [&](double steps) {
    const double points[] = {steps};
    const Matrix<double> increment = flow.train_increment(points);
    double sum = 0.0;
    for (std::int64_t i = 0; i < increment.size(); ++i) {
      const double left = f.residual.data()[i] - increment.data()[i];
      sum += left * left;
    }
    return sum;
  };
  EXPECT_GT(squared_residual(*stability.rises_at), squared_residual(0.0));
  EXPECT_LE(squared_residual(*stability.rises_at - 1.0), squared_residual(0.0));
}

TEST(GradientFlowTest, NullSpaceNeverMoves) {
  // Two equal samples with different targets: half the difference of their targets is out of reach.
  const auto repeated = [](std::int64_t position, std::int64_t input) {
    return train_sample(position == 7 ? 2 : position, input);
  };
  const auto world = Communicator::world();
  const auto grid = ProcessGrid::create(world, automatic_grid(world.size()));
  const auto kernel =
      test::make_kernel<double>(grid, network(), KernelType::ntk, 3, kDimension, kTrain, repeated);
  const auto outcome = diagonalise(kernel.assemble_symmetric(Triangle::lower, silent_monitor()));
  Matrix<double> residual(kTrain, 1);
  residual(2, 0) = 1.0;
  residual(7, 0) = -1.0;
  const GradientFlow flow(std::get<EigenSystem<double>>(outcome), residual, 0.0);
  const double late[] = {1e9 / flow.lambda_max()};
  EXPECT_LE(largest(flow.coefficients(late)), 1e-10);
  EXPECT_LE(largest(flow.train_increment(late)), 1e-10);
}

TEST(GradientFlowTest, IdentityHoldsInTheNullSpace) {
  // Of 12 equal samples 11 eigenvalues are zero but for rounding, of either sign.
  constexpr std::int64_t kFirst = kTrain / 2;
  const auto repeated = [=](std::int64_t position, std::int64_t input) {
    return train_sample(std::min(position, kFirst), input);
  };
  const auto world = Communicator::world();
  const auto grid = ProcessGrid::create(world, automatic_grid(world.size()));
  const auto kernel =
      test::make_kernel<double>(grid, network(), KernelType::ntk, 3, kDimension, kTrain, repeated);
  const auto outcome = diagonalise(kernel.assemble_symmetric(Triangle::lower, silent_monitor()));
  const auto& eigen = std::get<EigenSystem<double>>(outcome);
  const KernelOperator k(kernel, silent_monitor());
  Matrix<double> residual(kTrain, 1);
  for (std::int64_t i = 0; i < kTrain; ++i) {
    residual(i, 0) = std::cos(static_cast<double>(i * i));
  }
  const double forever = std::numeric_limits<double>::infinity();
  double null_part = 0.0;  // of modes that would decay by the sign of their eigenvalue
  const Matrix<double> modes = modes_of(eigen, residual);
  for (std::int64_t i = 0; i < kTrain - kFirst - 1; ++i) {
    if (eigen.values[static_cast<std::size_t>(i)] > 0.0) {
      null_part += modes(i, 0) * modes(i, 0);
    }
  }
  const double bound = test::eigen_bound<double>(kTrain, 1.0);
  EXPECT_GT(null_part, bound) << "no eigenvalue that is positive by rounding: nothing is tested";
  for (const TrainingRule& rule :
       {TrainingRule{}, TrainingRule{Optimizer::gradient_descent, 0.5, 0.0}}) {
    TrainingRule scaled = rule;
    scaled.learning_rate *= static_cast<double>(kTrain) / eigen.values.back();
    const GradientFlow flow(eigen, residual, 0.0, scaled);
    const std::vector<double> points{0.0, 10.0, forever};
    for (const double error : flow.identity_errors(k, points, flow.coefficients(points))) {
      EXPECT_LE(error, bound);
    }
  }
}

}  // namespace
}  // namespace ntkflow
