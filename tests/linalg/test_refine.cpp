#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <support/stop_at_question.hpp>
#include <support/tolerance.hpp>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/numbers.hpp>

#include "matrices.hpp"
#include "ntkflow/linalg/refine.hpp"

namespace ntkflow::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
const std::vector<std::int64_t> kSizes = {1, 2, 5, 37, 101};

/// A matrix whose rows are dealt to the ranks in turn; counts its products.
class SpreadRows : public LinearOperator {
 public:
  explicit SpreadRows(Matrix<double> a) : a_(std::move(a)) {}

  [[nodiscard]] std::int64_t size() const override { return a_.rows(); }
  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override {
    ++calls_;
    const auto world = Communicator::world();
    Matrix<double> mine = product(a_, x);
    for (std::int64_t j = 0; j < mine.cols(); ++j) {
      for (std::int64_t i = 0; i < mine.rows(); ++i) {
        mine(i, j) = i % world.size() == world.rank() ? mine(i, j) : 0.0;
      }
    }
    world.sum(std::span(mine.data(), static_cast<std::size_t>(mine.size())));
    return mine;
  }
  [[nodiscard]] std::int64_t calls() const { return calls_; }

 private:
  Matrix<double> a_;
  mutable std::int64_t calls_ = 0;
};

/// An operator given by a function.
class Given : public LinearOperator {
 public:
  using Function = std::function<Matrix<double>(const Matrix<double>&)>;
  Given(std::int64_t n, Function f) : n_(n), f_(std::move(f)) {}

  [[nodiscard]] std::int64_t size() const override { return n_; }
  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override { return f_(x); }

 private:
  std::int64_t n_;
  Function f_;
};

Given identity(std::int64_t n) {
  return {n, [](const Matrix<double>& x) { return x.clone(); }};
}

/// The second difference, with the condition number 4e3 at n = 101, and its inverse in single
/// precision: what comes in and what goes out is rounded too.
struct Problem {
  explicit Problem(std::int64_t n)
      : matrix(dense<double>(n, n, SecondDifference{})),
        a(matrix.clone()),
        rounded(dense<float>(
            n, n,
            [n](std::int64_t i, std::int64_t j) { return SecondDifference::inverse(n, i, j); })),
        inverse(n, [this](const Matrix<double>& x) {
          const auto round = [](const Matrix<double>& y) {
            return dense<float>(y.rows(), y.cols(),
                                [&](std::int64_t i, std::int64_t j) { return y(i, j); });
          };
          return round(rounded.apply(round(x)));
        }) {}

  [[nodiscard]] std::int64_t size() const { return matrix.rows(); }
  [[nodiscard]] Refined refine(const Matrix<double>& b, const RefineOptions& options = {},
                               Monitor& monitor = silent_monitor()) const {
    return ntkflow::refine(Communicator::world(), a, inverse, b, norm_1(matrix), options, monitor);
  }

  Matrix<double> matrix;
  SpreadRows a;
  SpreadRows rounded;
  Given inverse;
};

Matrix<double> right_side(std::int64_t n, std::int64_t columns) {
  return dense<double>(n, columns, [](std::int64_t i, std::int64_t j) {
    return std::sin(static_cast<double>(1 + 3 * i + 7 * j)) + (i % (j + 2) == 0 ? 1.0 : 0.0);
  });
}

/// max over columns of |b - A x|_inf / (|A|_inf |x|_inf + |b|_inf), all sums anew.
double true_error(const Matrix<double>& a, const Matrix<double>& x, const Matrix<double>& b) {
  const Matrix<double> ax = product(a, x);
  double worst = 0.0;
  for (std::int64_t j = 0; j < b.cols(); ++j) {
    double r = 0.0;
    double size = 0.0;
    double right = 0.0;
    for (std::int64_t i = 0; i < b.rows(); ++i) {
      r = max_or_nan(r, std::abs(b(i, j) - ax(i, j)));
      size = max_or_nan(size, std::abs(x(i, j)));
      right = max_or_nan(right, std::abs(b(i, j)));
    }
    worst = max_or_nan(worst, r == 0.0 ? 0.0 : r / (norm_1(a) * size + right));
  }
  return worst;
}

void expect_same_on_all_ranks(const Refined& refined) {
  EXPECT_TRUE(same_on_all_ranks(static_cast<double>(refined.outcome)));
  EXPECT_TRUE(same_on_all_ranks(static_cast<double>(refined.steps)));
  EXPECT_TRUE(same_on_all_ranks(norm_1(refined.solution)));
  EXPECT_TRUE(same_on_all_ranks(norm_1(refined.residual)));
}

TEST(RefineTest, SolvesToDoubleFromAnInverseInSingle) {
  for (const std::int64_t n : kSizes) {
    const Problem problem(n);
    const Matrix<double> b = right_side(n, 3);

    Refined refined = problem.refine(b);

    EXPECT_EQ(refined.outcome, RefineOutcome::converged);
    expect_same_on_all_ranks(refined);
    const Matrix<double>& a = problem.matrix;
    Matrix<double>& x = refined.solution;
    const double bound = solve_bound<double>(n, norm_1(a), norm_1(x));
    EXPECT_LE(distance_1(b, product(a, x)), bound);
    x(n / 2, 1) += 1e-10 * norm_1(x);
    EXPECT_GT(distance_1(b, product(a, x)), bound) << "a wrong solution passes";
  }
}

TEST(RefineTest, FirstSolutionIsAsTheInverseGivesIt) {
  const Problem problem(101);
  const Matrix<double> b = right_side(101, 3);

  const Refined first = problem.refine(b, {0.0, 0});

  EXPECT_EQ(first.outcome, RefineOutcome::converged);
  EXPECT_EQ(first.steps, 0);
  EXPECT_EQ(problem.a.calls(), 1);
  EXPECT_EQ(problem.rounded.calls(), 1);
  EXPECT_LE(first.backward_error, kEps<float>);
  EXPECT_GT(first.backward_error, 100.0 * refinement_tolerance(101));
  EXPECT_EQ(first.history, std::vector<double>{first.backward_error});
}

TEST(RefineTest, WastesNoProduct) {
  const Problem problem(101);

  const Refined refined = problem.refine(right_side(101, 3));

  EXPECT_GE(refined.steps, 1);
  EXPECT_EQ(problem.a.calls(), 1 + refined.steps);
  EXPECT_EQ(problem.rounded.calls(), 1 + refined.steps);
  EXPECT_EQ(static_cast<std::int64_t>(refined.history.size()), 1 + refined.steps);
}

TEST(RefineTest, EachStepGainsTwoDigits) {
  const Problem problem(101);

  const Refined refined = problem.refine(right_side(101, 3), {1e-15, 40});

  EXPECT_GE(refined.steps, 2);
  // The last step ends in rounding.
  for (std::size_t i = 1; i + 1 < refined.history.size(); ++i) {
    EXPECT_LE(refined.history[i], 0.01 * refined.history[i - 1]) << i;
  }
}

TEST(RefineTest, ReportsTheErrorOfTheSolutionItReturns) {
  for (const std::int64_t n : kSizes) {
    for (const RefineOptions options : {RefineOptions{0.0, 40}, {1e-10, 40}, {0.0, 1}, {0.0, 0}}) {
      const Problem problem(n);
      const Matrix<double> b = right_side(n, 3);

      const Refined refined = problem.refine(b, options);

      const double error = true_error(problem.matrix, refined.solution, b);
      const double rounding = ulp_bound<double>(static_cast<double>(n + refined.steps), 1.0);
      EXPECT_NEAR(refined.backward_error, error, rounding);
      EXPECT_GE(refined.backward_error, refined.steps == 0 ? 0.0 : kEps<double>);
      const double again = distance_1(refined.residual, b);
      EXPECT_NEAR(distance_1(product(problem.matrix, refined.solution), Matrix<double>(n, 3)),
                  again,
                  rounding * static_cast<double>(n) *
                      (norm_1(problem.matrix) * norm_1(refined.solution) + norm_1(b)));
      if (refined.outcome == RefineOutcome::converged && options.max_steps > 0) {
        EXPECT_LE(refined.backward_error,
                  options.tolerance > 0.0 ? options.tolerance : refinement_tolerance(n));
      }
    }
  }
}

TEST(RefineTest, ColumnsDoNotSeeEachOther) {
  constexpr std::int64_t kOrder = 37;
  const Problem problem(kOrder);
  const double tiny = std::ldexp(1.0, -300);  // zero in single precision
  const Matrix<double> b = dense<double>(kOrder, 4, [&](std::int64_t i, std::int64_t j) {
    const double value = right_side(kOrder, 3)(i, j == 3 ? 0 : j);
    return j == 1 ? 0.0 : j == 3 ? tiny * value : value;
  });

  const Refined together = problem.refine(b);

  EXPECT_EQ(together.outcome, RefineOutcome::converged);
  for (std::int64_t j = 0; j < b.cols(); ++j) {
    Matrix<double> column(kOrder, 1);
    std::copy_n(b.column(j), kOrder, column.data());
    const Refined alone = problem.refine(column);
    for (std::int64_t i = 0; i < kOrder; ++i) {
      EXPECT_EQ(together.solution(i, j), alone.solution(i, 0)) << i << ' ' << j;
      EXPECT_EQ(together.residual(i, j), alone.residual(i, 0)) << i << ' ' << j;
    }
  }
  for (std::int64_t i = 0; i < kOrder; ++i) {
    EXPECT_EQ(together.solution(i, 1), 0.0);
    EXPECT_EQ(together.solution(i, 3), tiny * together.solution(i, 0));
  }
  EXPECT_NE(together.solution(0, 3), 0.0);
}

TEST(RefineTest, WithoutAnInverseItIsConjugateGradients) {
  constexpr double kCorrelation = 0.5;
  for (const std::int64_t n : kSizes) {
    const Matrix<double> matrix = dense<double>(n, n, KacMurdockSzego{kCorrelation});
    // Tridiagonal: 1 at the corners, 1 + c^2 between them, -c beside, all over 1 - c^2.
    const Matrix<double> inverse = dense<double>(n, n, [n](std::int64_t i, std::int64_t j) {
      const double square = kCorrelation * kCorrelation;
      if (n == 1) {
        return 1.0;
      }
      const bool corner = i == 0 || i == n - 1;
      const double value = i == j                 ? (corner ? 1.0 : 1.0 + square)
                           : std::abs(i - j) == 1 ? -kCorrelation
                                                  : 0.0;
      return value / (1.0 - square);
    });
    const Matrix<double> b = right_side(n, 2);

    Refined refined = refine(Communicator::world(), SpreadRows(matrix.clone()), identity(n), b,
                             norm_1(matrix), {0.0, 100}, silent_monitor());

    EXPECT_EQ(refined.outcome, RefineOutcome::converged);
    if (n <= 5) {
      EXPECT_LE(refined.steps, n);
    }
    const Matrix<double> expected = product(inverse, b);
    // |dx| <= |A^-1| (|A| |x| + |b|) backward error, columns of n elements; |A^-1|_1 <= 3.
    const double bound = static_cast<double>(n) * 3.0 * refinement_tolerance(n) *
                         (norm_1(matrix) * norm_1(expected) + norm_1(b));
    EXPECT_LE(distance_1(refined.solution, expected), bound);
    refined.solution(n - 1, 1) += 1e-10 * norm_1(expected);
    EXPECT_GT(distance_1(refined.solution, expected), bound) << "a wrong solution passes";
  }
}

TEST(RefineTest, BearsAnInverseThatVaries) {
  constexpr std::int64_t kOrder = 101;
  const Problem problem(kOrder);
  double sign = 1.0;
  const Given varying(kOrder, [&](const Matrix<double>& x) {
    sign = -sign;
    Matrix<double> z = problem.inverse.apply(x);
    for (std::int64_t i = 0; i < z.size(); ++i) {
      z.data()[i] *= 1.0 + sign * 1e-2 * std::sin(static_cast<double>(i * i));
    }
    return z;
  });

  const Refined refined = refine(Communicator::world(), problem.a, varying, right_side(kOrder, 3),
                                 norm_1(problem.matrix), {}, silent_monitor());

  EXPECT_EQ(refined.outcome, RefineOutcome::converged);
  EXPECT_LE(refined.steps, 20);
}

TEST(RefineTest, StallsWithoutAGoodInverse) {
  constexpr std::int64_t kOrder = 101;
  const Problem problem(kOrder);  // with its own inverse it converges: the cases above
  Matrix<double> b(kOrder, 1);
  b(0, 0) = 1.0;  // one step carries it one row further: the residual hardly falls

  const Refined refined = refine(Communicator::world(), problem.a, identity(kOrder), b,
                                 norm_1(problem.matrix), {}, silent_monitor());

  EXPECT_EQ(refined.outcome, RefineOutcome::stalled);
  expect_same_on_all_ranks(refined);
  EXPECT_LT(refined.steps, 20);
  EXPECT_EQ(refined.backward_error,
            *std::min_element(refined.history.begin(), refined.history.end()));
  EXPECT_NEAR(true_error(problem.matrix, refined.solution, b), refined.backward_error,
              ulp_bound<double>(kOrder, 1.0));
  EXPECT_EQ(problem.refine(b).outcome, RefineOutcome::converged);
}

TEST(RefineTest, ReturnsTheBestIterateNotTheLast) {
  constexpr std::int64_t kOrder = 37;
  const Matrix<double> matrix = dense<double>(kOrder, kOrder, [](std::int64_t i, std::int64_t j) {
    return i == j ? std::pow(2.0, static_cast<double>(i)) : 0.0;
  });
  const Matrix<double> b = right_side(kOrder, 1);

  const Refined refined = refine(Communicator::world(), SpreadRows(matrix.clone()),
                                 identity(kOrder), b, norm_1(matrix), {}, silent_monitor());

  EXPECT_EQ(refined.outcome, RefineOutcome::stalled);
  const double least = *std::min_element(refined.history.begin(), refined.history.end());
  EXPECT_GT(refined.history.back(), 1.1 * least);
  EXPECT_EQ(refined.backward_error, least);
  EXPECT_NEAR(true_error(matrix, refined.solution, b), least, ulp_bound<double>(kOrder, 1.0));
}

TEST(RefineTest, StopsAfterTheStepsItMayTake) {
  const Problem problem(101);
  const Matrix<double> b = right_side(101, 3);

  const Refined refined = problem.refine(b, {0.0, 1});

  EXPECT_EQ(refined.outcome, RefineOutcome::stalled);
  EXPECT_EQ(refined.steps, 1);
  EXPECT_LT(refined.history[1], refined.history[0]);
  EXPECT_EQ(problem.refine(b, {0.0, 10}).outcome, RefineOutcome::converged);
}

TEST(RefineTest, StallsOnAMatrixThatIsNotPositiveDefinite) {
  for (const std::int64_t n : kSizes) {
    const Matrix<double> negative =
        dense<double>(n, n, [](std::int64_t i, std::int64_t j) { return i == j ? -1.0 : 0.0; });

    const Refined refined = refine(Communicator::world(), SpreadRows(negative.clone()), identity(n),
                                   right_side(n, 2), 1.0, {}, silent_monitor());

    EXPECT_EQ(refined.outcome, RefineOutcome::stalled);
    EXPECT_EQ(refined.steps, 0);
    expect_same_on_all_ranks(refined);
    EXPECT_TRUE(std::isfinite(norm_1(refined.solution)));
  }
}

TEST(RefineTest, StallsOnNumbersThatAreNotFinite) {
  constexpr std::int64_t kOrder = 37;
  const Problem problem(kOrder);
  Matrix<double> b = right_side(kOrder, 3);
  b(5, 1) = kNan;

  const Refined from_right_side = problem.refine(b);

  EXPECT_EQ(from_right_side.outcome, RefineOutcome::stalled);
  EXPECT_TRUE(std::isnan(from_right_side.backward_error));
  EXPECT_TRUE(std::isnan(true_error(problem.matrix, from_right_side.solution, b)));

  int calls = 0;
  const Given breaks(kOrder, [&](const Matrix<double>& x) {
    Matrix<double> z = problem.inverse.apply(x);
    z(3, 0) = ++calls == 2 ? kNan : z(3, 0);
    return z;
  });
  const Refined from_inverse =
      refine(Communicator::world(), problem.a, breaks, right_side(kOrder, 3),
             norm_1(problem.matrix), {}, silent_monitor());
  EXPECT_EQ(from_inverse.outcome, RefineOutcome::stalled);
  EXPECT_TRUE(std::isfinite(from_inverse.backward_error));
  EXPECT_TRUE(std::isfinite(norm_1(from_inverse.solution)));

  const Matrix<double> huge = dense<double>(
      kOrder, kOrder, [](std::int64_t i, std::int64_t j) { return i == j ? 1e200 : 0.0; });
  const Refined overflow = refine(Communicator::world(), SpreadRows(huge.clone()), identity(kOrder),
                                  right_side(kOrder, 1), 1e200, {}, silent_monitor());
  EXPECT_EQ(overflow.outcome, RefineOutcome::stalled);
  EXPECT_EQ(overflow.steps, 0);
}

TEST(RefineTest, ABadColumnStopsNoOther) {
  constexpr std::int64_t kOrder = 37;
  const Problem problem(kOrder);
  const Matrix<double> good = right_side(kOrder, 3);
  Matrix<double> b = good.clone();
  b(5, 1) = kNan;
  const Refined expected = problem.refine(good);
  ASSERT_EQ(expected.outcome, RefineOutcome::converged);
  const auto expect_others = [&](const Refined& refined) {
    EXPECT_EQ(refined.outcome, RefineOutcome::stalled);
    for (const std::int64_t j : {0, 2}) {
      for (std::int64_t i = 0; i < kOrder; ++i) {
        EXPECT_EQ(refined.solution(i, j), expected.solution(i, j)) << i << ' ' << j;
      }
    }
  };
  expect_others(problem.refine(b));

  // A solve that fails for one column after the first.
  int calls = 0;
  const Given breaks(kOrder, [&](const Matrix<double>& x) {
    Matrix<double> z = problem.inverse.apply(x);
    for (std::int64_t i = 0; i < kOrder; ++i) {
      z(i, 1) = calls == 0 ? z(i, 1) : 0.0;
    }
    ++calls;
    return z;
  });
  const Refined no_curvature = refine(Communicator::world(), problem.a, breaks, good,
                                      norm_1(problem.matrix), {}, silent_monitor());
  expect_others(no_curvature);
  EXPECT_GT(no_curvature.backward_error, refinement_tolerance(kOrder));
  EXPECT_LE(no_curvature.backward_error, kEps<float>);
}

TEST(RefineTest, TakesRightSidesOfAnySize) {
  constexpr std::int64_t kOrder = 37;
  const Problem problem(kOrder);
  const Matrix<double> b = right_side(kOrder, 3);
  const Refined expected = problem.refine(b);
  ASSERT_EQ(expected.outcome, RefineOutcome::converged);
  ASSERT_GE(expected.steps, 1);
  for (const int exponent : {-900, -540, 540, 1000}) {
    const Matrix<double> sized = dense<double>(
        kOrder, 3, [&](std::int64_t i, std::int64_t j) { return std::ldexp(b(i, j), exponent); });

    const Refined refined = problem.refine(sized);

    EXPECT_EQ(refined.outcome, RefineOutcome::converged);
    EXPECT_EQ(refined.history, expected.history);
    for (std::int64_t i = 0; i < b.size(); ++i) {
      EXPECT_EQ(refined.solution.data()[i], std::ldexp(expected.solution.data()[i], exponent));
    }
  }
}

/// Orthogonal eigenvectors and known eigenvalues: a Householder reflector on both sides of a
/// diagonal.
Matrix<double> with_spectrum(const std::vector<double>& eigenvalues) {
  const auto n = static_cast<std::int64_t>(eigenvalues.size());
  const Matrix<double> v = right_side(n, 1);
  const double square = std::inner_product(v.data(), v.data() + n, v.data(), 0.0);
  const Matrix<double> q = dense<double>(n, n, [&](std::int64_t i, std::int64_t j) {
    return (i == j ? 1.0 : 0.0) - 2.0 * v(i, 0) * v(j, 0) / square;
  });
  const Matrix<double> scaled = dense<double>(n, n, [&](std::int64_t i, std::int64_t j) {
    return eigenvalues[static_cast<std::size_t>(i)] * q(i, j);
  });
  const Matrix<double> a = product(q, scaled);
  return dense<double>(n, n,
                       [&](std::int64_t i, std::int64_t j) { return 0.5 * (a(i, j) + a(j, i)); });
}

/// A nearly singular system, whose smallest eigenvalue the inverse takes for one 2^10 times
/// smaller, as a factor in a precision below that of the eigenvalue may: the first solution is by
/// that much too large, and its rounding stays in the updated residual.
TEST(RefineTest, ReportsTheTrueErrorWhereTheFirstSolutionIsHuge) {
  constexpr std::int64_t kOrder = 37;
  std::vector<double> eigenvalues(kOrder, 1.0);
  std::vector<double> seen(kOrder);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    seen[i] = 1.0 + 0.25 * std::sin(static_cast<double>(i));
  }
  eigenvalues[3] = std::ldexp(1.0, -20);
  seen[3] = std::ldexp(1.0, -30);
  const Matrix<double> matrix = with_spectrum(eigenvalues);
  std::transform(seen.begin(), seen.end(), seen.begin(), [](double value) { return 1.0 / value; });
  const Matrix<double> rough = with_spectrum(seen);
  const Given inverse(kOrder, [&](const Matrix<double>& x) { return product(rough, x); });
  const SpreadRows a(matrix.clone());
  const Matrix<double> b = right_side(kOrder, 2);

  const Refined refined =
      refine(Communicator::world(), a, inverse, b, norm_1(matrix), {0.0, 100}, silent_monitor());

  EXPECT_EQ(refined.outcome, RefineOutcome::converged);
  EXPECT_GT(refined.steps, 5);
  EXPECT_GT(norm_1(product(rough, b)), 100.0 * norm_1(refined.solution));
  EXPECT_GT(a.calls(), 1 + refined.steps) << "no product confirmed the solution";
  const double error = true_error(matrix, refined.solution, b);
  EXPECT_LE(refined.backward_error, refinement_tolerance(kOrder));
  EXPECT_NEAR(refined.backward_error, error, ulp_bound<double>(kOrder, 1.0));
  expect_same_on_all_ranks(refined);
}

TEST(RefineTest, StopsOnAllRanksWhenOneIsAsked) {
  const auto world = Communicator::world();
  const Problem problem(101);
  const Matrix<double> b = right_side(101, 3);
  const std::int64_t steps = problem.refine(b).steps;
  ASSERT_GE(steps, 1);
  const auto run = [&](int question) {
    StopAtQuestion monitor(world.rank() == world.size() - 1 ? question : 1000);
    return problem.refine(b, {}, monitor);
  };
  EXPECT_THROW(run(0), InterruptedError);
  EXPECT_THROW(run(static_cast<int>(steps) - 1), InterruptedError);
  EXPECT_EQ(run(static_cast<int>(steps)).outcome, RefineOutcome::converged);
}

TEST(RefineTest, NothingToSolve) {
  for (const auto& [n, columns] : {std::pair{0, 0}, {0, 3}, {5, 0}}) {
    const Refined refined = refine(Communicator::world(), identity(n), identity(n),
                                   Matrix<double>(n, columns), 1.0, {}, silent_monitor());

    EXPECT_EQ(refined.outcome, RefineOutcome::converged);
    EXPECT_EQ(refined.solution.rows(), n);
    EXPECT_EQ(refined.solution.cols(), columns);
    EXPECT_EQ(refined.residual.cols(), columns);
    EXPECT_EQ(refined.history, std::vector<double>{0.0});
  }
}

}  // namespace
}  // namespace ntkflow::test
