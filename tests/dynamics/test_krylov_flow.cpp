#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/numbers.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/dist/redistribute.hpp>
#include <ntkflow/dynamics/gradient_flow.hpp>
#include <ntkflow/dynamics/krylov_flow.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/linalg/local.hpp>

#include "support/kernel_problem.hpp"
#include "support/mpi_test.hpp"
#include "support/tolerance.hpp"

namespace ntkflow {
namespace {

double largest_difference(const Matrix<double>& a, const Matrix<double>& b) {
  double worst = 0.0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    worst = max_or_nan(worst, std::abs(a.data()[i] - b.data()[i]));
  }
  return worst;
}

double largest(const Matrix<double>& a) {
  return largest_difference(a, Matrix<double>(a.rows(), a.cols()));
}

Matrix<double> product(const Matrix<double>& a, const Matrix<double>& b) {
  Matrix<double> c(a.rows(), b.cols());
  multiply<double>(Transpose::no, Transpose::no, 1.0, a.view(), b.view(), 0.0, c.view());
  return c;
}

/// The outputs of one time out of several.
Matrix<double> at_time(const Matrix<double>& all, std::int64_t outputs, std::size_t k) {
  Matrix<double> one(all.rows(), outputs);
  std::copy_n(all.column(static_cast<std::int64_t>(k) * outputs), one.size(), one.data());
  return one;
}

/// A dense matrix that every rank holds and multiplies whole.
struct DenseOperator : LinearOperator {
  explicit DenseOperator(Matrix<double> matrix) : a(std::move(matrix)) {}
  [[nodiscard]] std::int64_t size() const override { return a.rows(); }
  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override {
    return product(a, x);
  }
  [[nodiscard]] double trace() const {
    double sum = 0.0;
    for (std::int64_t i = 0; i < a.rows(); ++i) {
      sum += a(i, i);
    }
    return sum;
  }
  Matrix<double> a;
};

/// Values off the diagonal in single precision, as a stored matrix has them.
DenseOperator rounded(const DenseOperator& k) {
  DenseOperator single(k.a.clone());
  for (std::int64_t j = 0; j < k.a.cols(); ++j) {
    for (std::int64_t i = 0; i < k.a.rows(); ++i) {
      if (i != j) {
        single.a(i, j) = static_cast<double>(static_cast<float>(k.a(i, j)));
      }
    }
  }
  return single;
}

/// K = V diag(lambda) V^T with V a product of two reflections: eigenvalues and eigenvectors known
/// without an eigensolver, all in extended precision.
struct KnownSpectrum {
  explicit KnownSpectrum(std::int64_t size, double smallest = 1e-4) : n(size) {
    const auto order = static_cast<std::size_t>(n);
    for (std::int64_t i = 0; i < n; ++i) {
      lambda.push_back(std::pow(static_cast<long double>(smallest),
                                n > 1 ? static_cast<long double>(i) / (n - 1) : 0.0L) *
                       static_cast<long double>(n));
    }
    v.assign(order * order, 0.0L);
    for (std::size_t i = 0; i < order; ++i) {
      v[i * order + i] = 1.0L;
    }
    for (const std::uint64_t which : {1, 2}) {
      reflect(RandomStream(11, which));
    }
  }

  /// V g(lambda) V^T B.
  template <class Function>
  [[nodiscard]] Matrix<double> function(Function&& g, const Matrix<double>& b) const {
    const auto order = static_cast<std::size_t>(n);
    Matrix<double> result(n, b.cols());
    for (std::int64_t j = 0; j < b.cols(); ++j) {
      std::vector<long double> sum(order, 0.0L);
      for (std::size_t k = 0; k < order; ++k) {
        long double mode = 0.0L;
        for (std::size_t i = 0; i < order; ++i) {
          mode += v[k * order + i] * b.column(j)[i];
        }
        mode *= g(lambda[k]);
        for (std::size_t i = 0; i < order; ++i) {
          sum[i] += v[k * order + i] * mode;
        }
      }
      std::transform(sum.begin(), sum.end(), result.column(j),
                     [](long double value) { return static_cast<double>(value); });
    }
    return result;
  }

  template <class Function>
  [[nodiscard]] DenseOperator matrix(Function&& g) const {
    Matrix<double> identity(n, n);
    for (std::int64_t i = 0; i < n; ++i) {
      identity(i, i) = 1.0;
    }
    return DenseOperator(function(g, identity));
  }

  [[nodiscard]] DenseOperator kernel() const {
    return matrix([](long double x) { return x; });
  }
  [[nodiscard]] DenseOperator inverse(double ridge) const {
    return matrix([ridge](long double x) { return 1.0L / (x + ridge); });
  }
  /// K A_t, or A_t.
  [[nodiscard]] Matrix<double> increment(double t, double ridge, const Matrix<double>& r,
                                         bool times_kernel) const {
    return function(
        [&](long double x) {
          const long double shifted = x + ridge;
          const long double phi =
              -std::expm1(-static_cast<long double>(t) * shifted / static_cast<long double>(n)) /
              shifted;
          return times_kernel ? x * phi : phi;
        },
        r);
  }

  std::int64_t n;
  std::vector<long double> lambda;  ///< descending from n, so that lambda_max = 1
  std::vector<long double> v;       ///< column k belongs to lambda[k]

 private:
  void reflect(const RandomStream& stream) {
    const auto order = static_cast<std::size_t>(n);
    std::vector<long double> u(order);
    long double square = 0.0L;
    for (std::size_t i = 0; i < order; ++i) {
      u[i] = stream.normal(i);
      square += u[i] * u[i];
    }
    for (std::size_t k = 0; k < order; ++k) {
      long double dot = 0.0L;
      for (std::size_t i = 0; i < order; ++i) {
        dot += u[i] * v[k * order + i];
      }
      for (std::size_t i = 0; i < order; ++i) {
        v[k * order + i] -= 2.0L * dot / square * u[i];
      }
    }
  }
};

/// Targets with dependent columns, as one-hot classes less their mean: they sum to zero. A single
/// output is just random.
Matrix<double> class_targets(std::int64_t n, std::int64_t classes) {
  Matrix<double> r(n, classes);
  const RandomStream stream(8, 3);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto label = static_cast<std::int64_t>(stream.bits(static_cast<std::uint64_t>(i)) %
                                                 static_cast<std::uint64_t>(classes));
    for (std::int64_t j = 0; j < classes; ++j) {
      r(i, j) = classes == 1 ? stream.normal(static_cast<std::uint64_t>(i), 1)
                             : (j == label ? 1.0 : 0.0) - 1.0 / static_cast<double>(classes);
    }
  }
  return r;
}

DynamicsOptions at_times(std::vector<double> times, double tolerance = 1e-10) {
  DynamicsOptions options;
  options.times = std::move(times);
  options.method = FlowMethod::krylov;
  options.tolerance = tolerance;
  return options;
}

const std::vector<double> kTimes = {0.0, 0.1, 1.0, 30.0, 1e3, 1e5, 1e7};

TEST(KrylovFlowTest, FollowsAKnownSpectrum) {
  const auto world = Communicator::world();
  for (const std::int64_t n : {1, 2, 3, 10, 37, 101}) {
    for (const std::int64_t outputs : {1, 2, 3}) {
      for (const double ridge : {0.0, 0.7}) {
        for (const bool has_inverse : {false, true}) {
          SCOPED_TRACE(testing::Message() << "n = " << n << ", outputs = " << outputs
                                          << ", ridge = " << ridge << ", inverse " << has_inverse);
          const KnownSpectrum known(n);
          const DenseOperator kernel = known.kernel();
          const DenseOperator inverse = known.inverse(ridge);
          const KrylovOperators operators{&kernel, has_inverse ? &inverse : nullptr, nullptr,
                                          kernel.trace(), 0x1p-53};
          const Matrix<double> r = class_targets(n, outputs);
          const KrylovFlow flow(world, operators, r, nullptr, ridge, at_times(kTimes),
                                silent_monitor());

          EXPECT_TRUE(flow.report().converged);
          EXPECT_NEAR(flow.lambda_max(), 1.0, test::eigen_bound<double>(n, 1.0));
          const Matrix<double> coefficients = flow.coefficients(flow.times());
          const Matrix<double> increment = flow.train_increment(flow.times());
          EXPECT_EQ(largest(at_time(coefficients, outputs, 0)), 0.0);
          EXPECT_EQ(largest(at_time(increment, outputs, 0)), 0.0);
          EXPECT_EQ(flow.error_estimate()[0], 0.0);
          for (std::size_t k = 1; k < kTimes.size(); ++k) {
            EXPECT_NEAR(flow.times()[k] / kTimes[k], 1.0, test::eigen_bound<double>(n, 1.0));
            const auto expected = known.increment(flow.times()[k], ridge, r, true);
            const double error =
                largest_difference(product(kernel.a, at_time(coefficients, outputs, k)), expected);
            const double bound = flow.error_estimate()[k];
            EXPECT_LE(error, bound) << "t = " << kTimes[k];
            EXPECT_LE(largest_difference(at_time(increment, outputs, k), expected), bound);
            EXPECT_LE(bound, 1e-9);
            const auto wrong = known.increment(flow.times()[k] * 1.01, ridge, r, true);
            EXPECT_TRUE(largest(r) == 0.0 || kTimes[k] > 1.0 ||
                        largest_difference(at_time(increment, outputs, k), wrong) > bound)
                << "another time passes";
          }
        }
      }
    }
  }
}

DynamicsOptions at_steps(const TrainingRule& rule, std::vector<double> steps) {
  DynamicsOptions options = at_times(std::move(steps));
  options.optimizer = rule.optimizer;
  options.learning_rate = rule.learning_rate;
  options.momentum = rule.momentum;
  return options;
}

/// phi after so many steps, by taking each in extended precision.
long double explicit_filter(const TrainingRule& rule, long double lambda, double steps,
                            std::int64_t n) {
  const bool looks_ahead = rule.optimizer == Optimizer::nesterov;
  const long double beta = rule.momentum;
  long double a = 0.0L;
  long double before = 0.0L;
  for (double step = 0.0; step < steps; ++step) {
    const long double ahead = a + beta * (a - before);
    const long double gradient = (lambda * (looks_ahead ? ahead : a) - 1.0L) / n;
    before = a;
    a = ahead - rule.learning_rate * gradient;
  }
  return a;
}

const std::vector<double> kSteps = {0.0, 1.0, 2.0, 5.0, 40.0, 300.0, 2000.0};

TEST(KrylovFlowTest, TakesTheStepsOfEveryRule) {
  const auto world = Communicator::world();
  for (const std::int64_t n : {1, 29}) {
    for (const double ridge : {0.0, 0.7}) {
      for (const bool has_inverse : {false, true}) {
        // Rates in units of 1 / lambda_max = 1, to just below the limits 2, 3.8 and 1.357.
        for (const TrainingRule& rule : {TrainingRule{Optimizer::gradient_descent, 1.0, 0.0},
                                         TrainingRule{Optimizer::gradient_descent, 1.9, 0.0},
                                         TrainingRule{Optimizer::heavy_ball, 1.0, 0.9},
                                         TrainingRule{Optimizer::heavy_ball, 3.5, 0.9},
                                         TrainingRule{Optimizer::nesterov, 1.0, 0.9},
                                         TrainingRule{Optimizer::nesterov, 1.3, 0.9}}) {
          SCOPED_TRACE(testing::Message()
                       << "n = " << n << ", ridge = " << ridge << ", inverse " << has_inverse
                       << ", " << optimizer_text(rule.optimizer) << ", " << rule.learning_rate);
          const KnownSpectrum known(n);
          const DenseOperator kernel = known.kernel();
          const DenseOperator inverse = known.inverse(ridge);
          const KrylovOperators operators{&kernel, has_inverse ? &inverse : nullptr, nullptr,
                                          kernel.trace(), 0x1p-53};
          const Matrix<double> r = class_targets(n, 2);
          if (rule.learning_rate >=
              rule.stable_learning_rate(1.0 + ridge / static_cast<double>(n))) {
            EXPECT_THROW(KrylovFlow(world, operators, r, nullptr, ridge, at_steps(rule, kSteps),
                                    silent_monitor()),
                         ConfigError);
            continue;
          }
          const KrylovFlow flow(world, operators, r, nullptr, ridge, at_steps(rule, kSteps),
                                silent_monitor());
          EXPECT_TRUE(flow.report().converged);
          EXPECT_NEAR(flow.rule().learning_rate, rule.learning_rate,
                      test::eigen_bound<double>(n, rule.learning_rate));
          const Matrix<double> coefficients = flow.coefficients(kSteps);
          const Matrix<double> increment = flow.train_increment(kSteps);
          EXPECT_EQ(largest(at_time(coefficients, 2, 0)), 0.0);
          for (std::size_t k = 1; k < kSteps.size(); ++k) {
            const auto at = [&](double steps) {
              return known.function(
                  [&](long double x) {
                    return x * explicit_filter(flow.rule(), x + ridge, steps, n);
                  },
                  r);
            };
            const Matrix<double> expected = at(kSteps[k]);
            const double bound = flow.error_estimate()[k];
            EXPECT_LE(largest_difference(product(kernel.a, at_time(coefficients, 2, k)), expected),
                      bound)
                << kSteps[k];
            const double error = largest_difference(at_time(increment, 2, k), expected);
            EXPECT_LE(error, std::min(bound, 1e-9)) << kSteps[k];
            EXPECT_LE(bound, 1e-8) << kSteps[k];
            EXPECT_TRUE(n == 1 || kSteps[k] > 2.0 ||
                        largest_difference(expected, at(kSteps[k] + 1.0)) > bound)
                << "another step passes";
          }
        }
      }
    }
  }
}

TEST(KrylovFlowTest, StepsAreAPolynomialOfTheirNumber) {
  const auto world = Communicator::world();
  const KnownSpectrum known(101);
  const DenseOperator kernel = known.kernel();
  const Matrix<double> r = class_targets(known.n, 1);
  for (const TrainingRule& rule : {TrainingRule{Optimizer::gradient_descent, 1.7, 0.0},
                                   TrainingRule{Optimizer::nesterov, 1.1, 0.9}}) {
    const double steps = 6.0;
    const auto expected = known.function(
        [&](long double x) { return x * explicit_filter(rule, x, steps, known.n); }, r);
    for (const int blocks : {5, 6}) {
      BlockKrylov space(world, kernel, nullptr, r, {}, 20);
      while (space.dimension() < blocks) {
        ASSERT_TRUE(space.extend());
      }
      const LocalEigenSystem eigen = diagonalise_local(space.projection());
      Matrix<double> y(blocks, 1);
      for (std::int64_t k = 0; k < blocks; ++k) {
        double mode = 0.0;
        for (std::int64_t i = 0; i < blocks; ++i) {
          mode += eigen.vectors(i, k) * space.start_coordinates().column(0)[i];
        }
        mode *= rule.filter(eigen.values[static_cast<std::size_t>(k)], steps, known.n);
        for (std::int64_t i = 0; i < blocks; ++i) {
          y(i, 0) += mode * eigen.vectors(i, k);
        }
      }
      const double error = largest_difference(space.combine_image(y), expected);
      const double bound = test::eigen_bound<double>(known.n, largest(r));
      EXPECT_EQ(error <= bound, blocks == 6) << error;
    }
  }
}

TEST(KrylovFlowTest, RefusesAnUnstableRateOrFollowsIt) {
  const auto world = Communicator::world();
  const KnownSpectrum known(60);
  const DenseOperator kernel = known.kernel();
  const KrylovOperators operators{&kernel, nullptr, nullptr, kernel.trace(), 0x1p-53};
  const Matrix<double> r = class_targets(known.n, 2);
  for (const TrainingRule& rule : {TrainingRule{Optimizer::gradient_descent, 2.02, 0.0},
                                   TrainingRule{Optimizer::heavy_ball, 3.83, 0.9},
                                   TrainingRule{Optimizer::nesterov, 1.37, 0.9}}) {
    DynamicsOptions options = at_steps(rule, {0.0, 3.0, 50.0, 400.0, 1e7});
    EXPECT_THROW(KrylovFlow(world, operators, r, nullptr, 0.0, options, silent_monitor()),
                 ConfigError);
    options.unstable = UnstableRate::run;
    const KrylovFlow flow(world, operators, r, nullptr, 0.0, options, silent_monitor());
    EXPECT_TRUE(flow.report().converged);
    const Stability stability = stability_of(flow.rule(), flow.modes());
    EXPECT_NEAR(stability.stable_learning_rate, rule.stable_learning_rate(1.0), 1e-12);
    EXPECT_GE(stability.unstable_modes, 1);
    ASSERT_TRUE(stability.rises_at.has_value());
    EXPECT_EQ(finite_points(flow.rule(), flow.times(), static_cast<double>(known.n), known.n), 4U);
    const std::vector<double> finite{0.0, 3.0, 50.0, 400.0};
    const Matrix<double> increment = flow.train_increment(finite);
    for (std::size_t k = 1; k < finite.size(); ++k) {
      const auto expected = known.function(
          [&](long double x) { return x * explicit_filter(flow.rule(), x, finite[k], known.n); },
          r);
      const double error = largest_difference(at_time(increment, 2, k), expected);
      EXPECT_LE(error, flow.error_estimate()[k]) << finite[k];
      EXPECT_LE(error, 1e-9 * std::max(1.0, largest(expected))) << finite[k];
      EXPECT_LE(flow.error_estimate()[k], 1e-7 * std::max(1.0, largest(expected))) << finite[k];
    }
    EXPECT_GT(largest(at_time(increment, 2, 3)), 10.0 * largest(r));
    EXPECT_TRUE(std::isinf(flow.error_estimate().back()));
  }
}

TEST(KrylovFlowTest, FindsTheFirstModeThatTheResidualDoesNotExcite) {
  const auto world = Communicator::world();
  const KnownSpectrum known(50);
  const DenseOperator kernel = known.kernel();
  Matrix<double> r(known.n, 1);
  for (std::int64_t i = 0; i < known.n; ++i) {
    r(i, 0) = static_cast<double>(known.v[static_cast<std::size_t>(20 * known.n + i)]);
  }
  const KrylovOperators operators{&kernel, nullptr, nullptr, kernel.trace(), 0x1p-53};
  const KrylovFlow flow(world, operators, r, nullptr, 0.0, at_times({1.0}), silent_monitor());
  EXPECT_NEAR(flow.lambda_max(), 1.0, test::eigen_bound<double>(known.n, 1.0));
}

TEST(KrylovFlowTest, StaysWhereNothingIsToLearn) {
  const auto world = Communicator::world();
  const KnownSpectrum known(31);
  const DenseOperator kernel = known.kernel();
  const DenseOperator inverse = known.inverse(0.0);
  const Matrix<double> zero(known.n, 2);
  for (const LinearOperator* solver : {static_cast<const LinearOperator*>(nullptr),
                                       static_cast<const LinearOperator*>(&inverse)}) {
    const KrylovOperators operators{&kernel, solver, &kernel, kernel.trace(), 0x1p-53};
    const KrylovFlow flow(world, operators, zero, nullptr, 0.0, at_times(kTimes), silent_monitor());
    EXPECT_TRUE(flow.report().converged);
    EXPECT_NEAR(flow.lambda_max(), 1.0, test::eigen_bound<double>(known.n, 1.0));
    EXPECT_EQ(largest(flow.coefficients(flow.times())), 0.0);
    EXPECT_EQ(flow.error_estimate(), std::vector<double>(kTimes.size(), 0.0));
  }
}

TEST(KrylovFlowTest, SaysWhenTheSpaceWasTooSmall) {
  const auto world = Communicator::world();
  // An inverse that knows nothing of K: its chain ends at once, and products alone need as many
  // steps at late times as the spectrum has scales.
  const KnownSpectrum known(300, 1e-9);
  const DenseOperator kernel = known.kernel();
  const DenseOperator identity = known.matrix([](long double) { return 1.0L; });
  const KrylovOperators operators{&kernel, &identity, nullptr, kernel.trace(), 0x1p-53};
  const Matrix<double> r = class_targets(known.n, 1);
  const KrylovFlow flow(world, operators, r, nullptr, 0.0, at_times({1.0, 1e9}), silent_monitor());
  EXPECT_FALSE(flow.report().converged);
  EXPECT_EQ(flow.report().dimension, krylov_most_columns(known.n, 1, true));
  const Matrix<double> coefficients = flow.coefficients(flow.times());
  for (const std::size_t k : {0, 1}) {
    const double error = largest_difference(product(kernel.a, at_time(coefficients, 1, k)),
                                            known.increment(flow.times()[k], 0.0, r, true));
    EXPECT_LE(error, flow.error_estimate()[k]);
  }
  EXPECT_LE(flow.error_estimate()[0], 1e-9);
  EXPECT_GT(flow.error_estimate()[1], 1e-6);
}

TEST(KrylovFlowTest, SeesBeforeALateTimeWhatTheSpaceLeftOut) {
  const auto world = Communicator::world();
  const KnownSpectrum known(200, 1e-9);
  const DenseOperator kernel = known.kernel();
  const DenseOperator exact = known.inverse(0.0);
  const DenseOperator identity = known.matrix([](long double) { return 1.0L; });
  const Matrix<double> r = class_targets(known.n, 1);
  // With it, the late end of the flow is in the space whatever the inverse is worth.
  const Matrix<double> closed_form = product(exact.a, r);
  for (const DenseOperator* inverse : {&exact, &identity}) {
    const KrylovOperators operators{&kernel, inverse, nullptr, kernel.trace(), 0x1p-53};
    for (const double tolerance : {1e-3, 10.0}) {
      for (int decade = 1; decade <= 12; ++decade) {
        const KrylovFlow flow(world, operators, r, &closed_form, 0.0,
                              at_times({std::pow(10.0, decade)}, tolerance), silent_monitor());
        const double error = largest_difference(product(kernel.a, flow.coefficients(flow.times())),
                                                known.increment(flow.times()[0], 0.0, r, true));
        EXPECT_LE(error, flow.error_estimate()[0])
            << "t = 1e" << decade << ", tolerance " << tolerance << ", exact inverse "
            << (inverse == &exact);
      }
    }
  }
}

/// An inverse that gives a direction of the other chain, then nothing new: both chains end.
struct MisleadingInverse : DenseOperator {
  explicit MisleadingInverse(const DenseOperator& k) : DenseOperator(k.a.clone()) {}
  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override {
    const bool first = !applied;
    applied = true;
    return first ? product(a, x) : x.clone();
  }
  mutable bool applied = false;
};

TEST(KrylovFlowTest, AnEndedSpaceThatLeavesSomethingOutHasNotConverged) {
  const auto world = Communicator::world();
  const KnownSpectrum known(101);
  const DenseOperator kernel = known.kernel();
  const MisleadingInverse inverse(kernel);
  const KrylovOperators operators{&kernel, &inverse, nullptr, kernel.trace(), 0x1p-53};
  const Matrix<double> r = class_targets(known.n, 1);
  const KrylovFlow flow(world, operators, r, nullptr, 0.0, at_times(kTimes), silent_monitor());
  EXPECT_LT(flow.report().dimension, 10);
  EXPECT_FALSE(flow.report().converged);
  const Matrix<double> coefficients = flow.coefficients(flow.times());
  for (std::size_t k = 1; k < kTimes.size(); ++k) {
    const double error = largest_difference(product(kernel.a, at_time(coefficients, 1, k)),
                                            known.increment(flow.times()[k], 0.0, r, true));
    EXPECT_LE(error, flow.error_estimate()[k]) << "t = " << kTimes[k];
  }
  EXPECT_GT(flow.error_estimate().back(), 1e-3);
}

TEST(KrylovFlowTest, RefusesTimesWithoutAUnit) {
  const auto world = Communicator::world();
  const KnownSpectrum known(31);
  const DenseOperator kernel = known.kernel();
  const DenseOperator zero(Matrix<double>(known.n, known.n));
  const Matrix<double> r = class_targets(known.n, 2);
  const auto build = [&](const DenseOperator& k, double ridge, TimeUnit unit) {
    const KrylovOperators operators{&k, nullptr, nullptr, k.trace(), 0x1p-53};
    DynamicsOptions options = at_times(kTimes);
    options.time_unit = unit;
    const KrylovFlow flow(world, operators, r, nullptr, ridge, options, silent_monitor());
    EXPECT_TRUE(flow.report().converged);
    return largest(flow.coefficients(flow.times()));
  };
  EXPECT_THROW(build(zero, 0.0, TimeUnit::inverse_lambda_max), NumericalError);
  EXPECT_THROW(build(zero, 1.0, TimeUnit::inverse_lambda_max), NumericalError);
  EXPECT_THROW(build(kernel, 1e20, TimeUnit::inverse_lambda_max), NumericalError);
  EXPECT_EQ(build(zero, 0.0, TimeUnit::absolute), 0.0);
  EXPECT_NEAR(build(zero, 4.0, TimeUnit::absolute), largest(r) / 4.0,
              test::ulp_bound<double>(100.0, 1.0));
  // Beside 1e9 of ridge, lambda_max still has six digits.
  EXPECT_NEAR(build(kernel, 1e9, TimeUnit::inverse_lambda_max) * 1e9, largest(r), 1e-6);
}

TEST(KrylovFlowTest, RefusesAnExactProductThatIsNotFinite) {
  const auto world = Communicator::world();
  const KnownSpectrum known(31);
  const DenseOperator kernel = known.kernel();
  DenseOperator exact(kernel.a.clone());
  exact.a(30, 30) = std::numeric_limits<double>::quiet_NaN();  // in the rows of one rank
  const KrylovOperators operators{&kernel, nullptr, &exact, kernel.trace(), 0x1p-53};
  EXPECT_THROW(KrylovFlow(world, operators, class_targets(known.n, 2), nullptr, 0.0,
                          at_times(kTimes), silent_monitor()),
               NumericalError);
}

TEST(KrylovMostColumnsTest, StaysBelowWhatTheEigensolverCounts) {
  const std::int64_t most = krylov_most_columns(1000000, 1000, true);
  EXPECT_LE(1 + 6 * most + 2 * most * most, std::numeric_limits<std::int32_t>::max());
  EXPECT_EQ(most, 32766);
  EXPECT_EQ(krylov_most_columns(1000000, 10, true), 1320);
  EXPECT_EQ(krylov_most_columns(100, 10, false), 100);
}

class StopAtOnce : public Monitor {
 public:
  explicit StopAtOnce(bool stop) : stop_(stop) {}
  [[nodiscard]] bool stop_requested() const override { return stop_; }

 private:
  bool stop_;
};

TEST(KrylovFlowTest, StopsOnAllRanksWhenOneIsAsked) {
  const auto world = Communicator::world();
  const KnownSpectrum known(31);
  const DenseOperator kernel = known.kernel();
  const KrylovOperators operators{&kernel, nullptr, nullptr, kernel.trace(), 0x1p-53};
  StopAtOnce monitor(world.rank() == world.size() - 1);
  EXPECT_THROW(KrylovFlow(world, operators, class_targets(known.n, 2), nullptr, 0.0,
                          at_times(kTimes), monitor),
               InterruptedError);
}

/// The NTK of random points on a sphere: a few large eigenvalues and a long tail, as images have.
struct KernelProblem {
  static constexpr std::int64_t kTrain = 300;
  static constexpr std::int64_t kTest = 80;
  static constexpr std::int64_t kOutputs = 10;

  static double sample(std::int64_t position, std::int64_t input) {
    const RandomStream stream(3, 1);
    const auto row = static_cast<std::uint64_t>(position);
    double square = 0.0;
    for (std::uint64_t i = 0; i < 12; ++i) {
      square += std::pow(stream.normal(row, i) / static_cast<double>(1 + i), 2);
    }
    return stream.normal(row, static_cast<std::uint64_t>(input)) / static_cast<double>(1 + input) /
           std::sqrt(square);
  }

  explicit KernelProblem(GridShape shape)
      : grid(ProcessGrid::create(Communicator::world(), shape)),
        kernel(test::make_kernel<double>(grid, network(), KernelType::ntk, 16, 12, kTrain, sample)),
        cross(test::make_kernel<double>(grid, network(), KernelType::ntk, 16, 12, kTrain, sample,
                                        kTest,
                                        [](std::int64_t position, std::int64_t input) {
                                          return sample(position + kTrain, input);
                                        })),
        k(replicate(kernel.assemble_symmetric(Triangle::both, silent_monitor()))),
        eigen(std::move(std::get<EigenSystem<double>>(
            diagonalise(kernel.assemble_symmetric(Triangle::lower, silent_monitor()))))),
        residual(class_targets(kTrain, kOutputs)) {}

  static Architecture network() { return {3, {"relu", {}}, 2.0, 0.01, FirstLayer::normalised}; }

  [[nodiscard]] Matrix<double> predict(const Matrix<double>& coefficients) const {
    return cross.multiply_transposed(coefficients, silent_monitor());
  }

  std::shared_ptr<const ProcessGrid> grid;
  KernelMatrix<double> kernel;
  KernelMatrix<double> cross;
  DenseOperator k;
  EigenSystem<double> eigen;
  Matrix<double> residual;
};

/// (K + ridge I)^-1 from the eigensystem, each element rounded as by a solver of this precision.
class EigenInverse : public LinearOperator {
 public:
  EigenInverse(const EigenSystem<double>& eigen, double ridge, double roundoff)
      : eigen_(&eigen), ridge_(ridge), roundoff_(roundoff) {}
  [[nodiscard]] std::int64_t size() const override { return std::ssize(eigen_->values); }
  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override {
    const double forever[] = {std::numeric_limits<double>::infinity()};
    Matrix<double> solution = GradientFlow(*eigen_, x, ridge_).coefficients(forever);
    const RandomStream stream(4, 9);
    for (std::int64_t i = 0; i < solution.size(); ++i) {
      solution.data()[i] *= 1.0 + roundoff_ * stream.normal(static_cast<std::uint64_t>(i));
    }
    return solution;
  }

 private:
  const EigenSystem<double>* eigen_;
  double ridge_;
  double roundoff_;
};

/// Largest error over test points for each time, against the eigensystem of the exact kernel.
std::vector<double> prediction_errors(const KernelProblem& problem, const KrylovFlow& flow,
                                      double ridge) {
  const GradientFlow spectral(problem.eigen, problem.residual, ridge, flow.rule());
  const Matrix<double> krylov = problem.predict(flow.coefficients(flow.times()));
  const Matrix<double> expected = problem.predict(spectral.coefficients(flow.times()));
  std::vector<double> errors;
  for (std::size_t k = 0; k < flow.times().size(); ++k) {
    errors.push_back(largest_difference(at_time(krylov, KernelProblem::kOutputs, k),
                                        at_time(expected, KernelProblem::kOutputs, k)));
  }
  return errors;
}

std::vector<double> decades() {
  std::vector<double> times;
  for (int i = -2; i <= 12; ++i) {
    times.push_back(std::pow(10.0, 0.5 * i));
  }
  return times;
}

/// The estimate never understates the error and is within a factor of 100 of it, where it is above
/// rounding. It takes all errors for those of the mode that resonates most; most do not.
/// @param resonance  the largest transmission of a mode, 1 where there is none
void expect_honest(const KrylovFlow& flow, const std::vector<double>& errors,
                   double resonance = 1.0) {
  const double rounding = test::ulp_bound<double>(10.0, 1.0);
  const double factor = std::max(100.0, 60.0 * resonance);
  for (std::size_t k = 0; k < errors.size(); ++k) {
    EXPECT_LE(errors[k], flow.error_estimate()[k]) << "time " << k;
    EXPECT_LE(flow.error_estimate()[k], factor * (errors[k] + rounding)) << "time " << k;
  }
}

TEST(KrylovFlowTest, PredictsAsTheEigensystemOnEveryGrid) {
  for (const GridShape shape : test::all_grids(Communicator::world().size())) {
    const KernelProblem problem(shape);
    const KernelOperator products(problem.kernel, silent_monitor());
    for (const double ridge : {0.0, 2.0}) {
      const EigenInverse inverse(problem.eigen, ridge, 0.0);
      const KrylovOperators operators{&products, &inverse, nullptr, problem.k.trace(), 0x1p-53};
      const KrylovFlow flow(problem.grid->comm(), operators, problem.residual, nullptr, ridge,
                            at_times(decades()), silent_monitor());
      const GradientFlow spectral(problem.eigen, problem.residual, ridge);
      EXPECT_NEAR(flow.lambda_max() / spectral.lambda_max(), 1.0,
                  test::eigen_bound<double>(KernelProblem::kTrain, 1.0));
      for (const double error : prediction_errors(problem, flow, ridge)) {
        EXPECT_LE(error, 1e-10);
      }
      EXPECT_LE(flow.report().identity_error, 1e-9);
      EXPECT_LT(flow.report().dimension, KernelProblem::kTrain);
    }
  }
}

TEST(KrylovFlowTest, EstimateFollowsTheErrorWhereverTheSpaceEnds) {
  const KernelProblem problem(automatic_grid(Communicator::world().size()));
  const EigenInverse inverse(problem.eigen, 0.0, 0.0);
  for (const bool has_inverse : {false, true}) {
    double last = 0.0;
    for (const double tolerance : {1e-10, 1e-7, 1e-4}) {
      SCOPED_TRACE(testing::Message() << "tolerance " << tolerance << ", inverse " << has_inverse);
      const KrylovOperators operators{&problem.k, has_inverse ? &inverse : nullptr, nullptr,
                                      problem.k.trace(), 0x1p-53};
      const KrylovFlow flow(problem.grid->comm(), operators, problem.residual, nullptr, 0.0,
                            at_times(decades(), tolerance), silent_monitor());
      expect_honest(flow, prediction_errors(problem, flow, 0.0));
      const double worst =
          *std::max_element(flow.error_estimate().begin(), flow.error_estimate().end());
      EXPECT_GT(worst, 10.0 * last) << "a space cut short has the same estimate";
      last = worst;
    }
  }
}

TEST(KrylovFlowTest, EstimateFollowsTheErrorOfSteps) {
  const KernelProblem problem(automatic_grid(Communicator::world().size()));
  const DenseOperator single = rounded(problem.k);
  const EigenInverse inverse(problem.eigen, 0.0, 0.0);
  const EigenInverse rough(problem.eigen, 0.0, 1e-5);
  const std::vector<double> steps{1.0, 2.0, 5.0, 11.0, 30.0, 100.0, 1e3, 1e4, 1e6};
  for (const TrainingRule& rule : {TrainingRule{Optimizer::gradient_descent, 1.0, 0.0},
                                   TrainingRule{Optimizer::gradient_descent, 1.95, 0.0},
                                   TrainingRule{Optimizer::heavy_ball, 1.0, 0.9},
                                   TrainingRule{Optimizer::heavy_ball, 3.6, 0.9},
                                   TrainingRule{Optimizer::nesterov, 1.3, 0.9}}) {
    SCOPED_TRACE(testing::Message()
                 << optimizer_text(rule.optimizer) << ", rate " << rule.learning_rate);
    const double trace = problem.k.trace();
    for (const KrylovOperators& operators :
         {KrylovOperators{&problem.k, nullptr, nullptr, trace, 0x1p-53},
          KrylovOperators{&problem.k, &inverse, nullptr, trace, 0x1p-53},
          KrylovOperators{&single, &rough, &problem.k, trace, 0x1p-24}}) {
      SCOPED_TRACE(testing::Message() << "roundoff " << operators.roundoff << ", inverse "
                                      << (operators.inverse != nullptr));
      const KrylovFlow flow(problem.grid->comm(), operators, problem.residual, nullptr, 0.0,
                            at_steps(rule, steps), silent_monitor());
      const std::vector<double> errors = prediction_errors(problem, flow, 0.0);
      double resonance = 1.0;
      for (const double lambda : problem.eigen.values) {
        resonance = std::max(
            resonance, flow.rule().transmission(lambda, steps.back(), 1.0, KernelProblem::kTrain));
      }
      EXPECT_EQ(resonance > 1.01, rule.learning_rate != 1.0 || rule.momentum != 0.0);
      expect_honest(flow, errors, resonance);
      if (operators.exact == nullptr) {
        EXPECT_LE(*std::max_element(errors.begin(), errors.end()), 1e-9);
      }
    }
  }
}

TEST(KrylovFlowTest, EstimateSeesSinglePrecision) {
  const KernelProblem problem(automatic_grid(Communicator::world().size()));
  const DenseOperator single = rounded(problem.k);
  const EigenInverse inverse(problem.eigen, 0.0, 1e-5);
  const Matrix<double> closed_form = EigenInverse(problem.eigen, 0.0, 0.0).apply(problem.residual);
  const KrylovOperators operators{&single, &inverse, &problem.k, problem.k.trace(), 0x1p-24};
  const KrylovFlow flow(problem.grid->comm(), operators, problem.residual, &closed_form, 0.0,
                        at_times(decades()), silent_monitor());
  const std::vector<double> errors = prediction_errors(problem, flow, 0.0);
  EXPECT_TRUE(flow.report().converged);
  EXPECT_EQ(flow.report().exact_products, 1);
  expect_honest(flow, errors);
  EXPECT_LE(*std::max_element(errors.begin(), errors.end()), 5e-6);
  EXPECT_GE(*std::max_element(errors.begin(), errors.end()), 1e-9) << "single precision unseen";
}

}  // namespace
}  // namespace ntkflow
