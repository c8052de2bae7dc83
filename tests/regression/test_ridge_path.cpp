#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <utility>
#include <variant>
#include <vector>

#include <ntkflow/base/random.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/linalg/local_eigen.hpp>
#include <ntkflow/linalg/stored_symmetric.hpp>
#include <ntkflow/regression/krylov_ridge_path.hpp>
#include <ntkflow/regression/ridge_path.hpp>
#include <ntkflow/regression/scores.hpp>

#include "support/kernel_problem.hpp"
#include "support/mpi_test.hpp"
#include "support/tolerance.hpp"

namespace ntkflow {
namespace {

constexpr std::int64_t kOutputs = 3;
const std::vector<double> kRidges = {0.0, 1e-4, 1e-2, 1.0, 30.0};

double sample(std::int64_t position, std::int64_t input) {
  return RandomStream(7, 1).normal(static_cast<std::uint64_t>(position),
                                   static_cast<std::uint64_t>(input));
}

/// The NTK of n random samples in five dimensions, and noisy classes to learn.
struct Problem {
  std::int64_t n;
  KernelMatrix<double> kernel;
  Matrix<double> target;    ///< y
  Matrix<double> residual;  ///< y - f_0
  std::vector<std::int64_t> label;

  Problem(std::int64_t samples, GridShape shape, std::int64_t block,
          const test::SampleFunction& at = sample)
      : n(samples),
        kernel(test::make_kernel<double>(ProcessGrid::create(Communicator::world(), shape),
                                         {3, {"relu", {}}, 2.0, 0.1, FirstLayer::normalised},
                                         KernelType::ntk, block, 5, n, at)),
        target(n, kOutputs),
        residual(n, kOutputs) {
    const RandomStream stream(7, 2);
    for (std::int64_t i = 0; i < n; ++i) {
      const auto row = static_cast<std::uint64_t>(i);
      std::int64_t best = 0;
      for (std::int64_t c = 1; c < kOutputs; ++c) {
        best = at(i, c) + 0.5 * stream.normal(row, 9) > at(i, best) ? c : best;
      }
      label.push_back(best);
      for (std::int64_t c = 0; c < kOutputs; ++c) {
        target(i, c) = c == best ? 0.9 : -0.1;
        residual(i, c) = target(i, c) - 0.2 * stream.normal(row, static_cast<std::uint64_t>(c));
      }
    }
  }

  [[nodiscard]] EigenSystem<double> eigensystem() const {
    auto outcome = diagonalise(kernel.assemble_symmetric(Triangle::lower, silent_monitor()));
    return std::move(std::get<EigenSystem<double>>(outcome));
  }

  /// K, whole on every rank.
  [[nodiscard]] Matrix<double> dense() const {
    Matrix<double> unit(n, n);
    for (std::int64_t i = 0; i < n; ++i) {
      unit(i, i) = 1.0;
    }
    return kernel.multiply_symmetric(unit, silent_monitor());
  }
};

/// L of A = L L^T by the textbook's loops.
Matrix<double> cholesky(Matrix<double> a) {
  for (std::int64_t j = 0; j < a.rows(); ++j) {
    for (std::int64_t l = 0; l < j; ++l) {
      for (std::int64_t i = j; i < a.rows(); ++i) {
        a(i, j) -= a(i, l) * a(j, l);
      }
    }
    const double pivot = std::sqrt(a(j, j));
    for (std::int64_t i = j; i < a.rows(); ++i) {
      a(i, j) /= pivot;
    }
  }
  return a;
}

/// A^-1 B by the factor.
Matrix<double> solve(const Matrix<double>& l, Matrix<double> b) {
  const std::int64_t n = l.rows();
  for (std::int64_t c = 0; c < b.cols(); ++c) {
    double* x = b.column(c);
    for (std::int64_t j = 0; j < n; ++j) {
      x[j] /= l(j, j);
      for (std::int64_t i = j + 1; i < n; ++i) {
        x[i] -= l(i, j) * x[j];
      }
    }
    for (std::int64_t j = n - 1; j >= 0; --j) {
      for (std::int64_t i = j + 1; i < n; ++i) {
        x[j] -= l(i, j) * x[i];
      }
      x[j] /= l(j, j);
    }
  }
  return b;
}

Matrix<double> shifted(const Matrix<double>& k, double ridge) {
  Matrix<double> a = k.clone();
  for (std::int64_t i = 0; i < a.rows(); ++i) {
    a(i, i) += ridge;
  }
  return a;
}

/// Scores of one ridge by the textbook's formulas with A and its inverse, all dense, and
/// leave-one-out by so many fits.
RidgeScore textbook(const Problem& problem, const Matrix<double>& k, double ridge) {
  const std::int64_t n = problem.n;
  const auto samples = static_cast<double>(n);
  const Matrix<double> l = cholesky(shifted(k, ridge));
  const Matrix<double> alpha = solve(l, problem.residual.clone());
  Matrix<double> unit(n, n);
  for (std::int64_t i = 0; i < n; ++i) {
    unit(i, i) = 1.0;
  }
  const Matrix<double> inverse = solve(l, std::move(unit));
  double trace = 0.0;
  double log_determinant = 0.0;
  double squared_norm = 0.0;
  double fitted = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    trace += inverse(i, i);
    log_determinant += 2.0 * std::log(l(i, i));
    for (std::int64_t c = 0; c < kOutputs; ++c) {
      squared_norm += alpha(i, c) * alpha(i, c);
      fitted += alpha(i, c) * problem.residual(i, c);
    }
  }
  RidgeScore score;
  score.gcv = samples * squared_norm / (trace * trace) / kOutputs;
  score.log_marginal_likelihood = -0.5 * fitted - 0.5 * kOutputs * log_determinant -
                                  0.5 * kOutputs * samples * std::log(2.0 * std::numbers::pi);
  score.log_marginal_likelihood_gradient = 0.5 * (squared_norm - kOutputs * trace);
  score.effective_dimension = samples - ridge * trace;
  score.coefficient_norm = std::sqrt(squared_norm);
  score.train_mse = ridge * ridge * squared_norm / (samples * kOutputs);
  return score;
}

/// Mean squared error and accuracy of n fits, each without the sample that it is looked at.
std::pair<double, double> refits(const Problem& problem, const Matrix<double>& k, double ridge) {
  const std::int64_t n = problem.n;
  double squared_error = 0.0;
  Matrix<double> prediction(n, kOutputs);
  for (std::int64_t out = 0; out < n; ++out) {
    const auto old = [&](std::int64_t i) { return i < out ? i : i + 1; };
    Matrix<double> a(n - 1, n - 1);
    Matrix<double> r(n - 1, kOutputs);
    for (std::int64_t j = 0; j < n - 1; ++j) {
      for (std::int64_t i = 0; i < n - 1; ++i) {
        a(i, j) = k(old(i), old(j)) + (i == j ? ridge : 0.0);
      }
      for (std::int64_t c = 0; c < kOutputs; ++c) {
        r(j, c) = problem.residual(old(j), c);
      }
    }
    const Matrix<double> alpha = solve(cholesky(std::move(a)), std::move(r));
    for (std::int64_t c = 0; c < kOutputs; ++c) {
      double f = 0.0;
      for (std::int64_t i = 0; i < n - 1; ++i) {
        f += k(old(i), out) * alpha(i, c);
      }
      const double missed = problem.residual(out, c) - f;
      squared_error += missed * missed;
      prediction(out, c) = problem.target(out, c) - missed;
    }
  }
  return {squared_error / static_cast<double>(n * kOutputs),
          accuracy(std::as_const(prediction).view(), problem.label)};
}

/// Largest relative difference of the scores; training errors of ridge 0 are both rounding.
double distance(const RidgeScore& a, const RidgeScore& b) {
  double largest = 0.0;
  for (const auto field :
       {&RidgeScore::gcv, &RidgeScore::log_marginal_likelihood,
        &RidgeScore::log_marginal_likelihood_gradient, &RidgeScore::effective_dimension,
        &RidgeScore::coefficient_norm, &RidgeScore::train_mse}) {
    const bool is_rounding = std::max(std::abs(a.*field), std::abs(b.*field)) < 1e-20;
    largest =
        is_rounding ? largest : std::max(largest, test::relative_difference(a.*field, b.*field));
  }
  return largest;
}

TEST(SpectralRidgePathTest, LeaveOneOutIsThatOfSoManyFits) {
  const int ranks = Communicator::world().size();
  const Problem problem(ranks == 1 ? 200 : 61, automatic_grid(ranks), 9);
  const Matrix<double> k = problem.dense();
  const auto eigen = problem.eigensystem();
  const SpectralRidgePath path(eigen, problem.residual);
  const auto scores = path.scores(kRidges, problem.target, problem.label, 2);
  for (std::size_t i = 0; i < kRidges.size(); ++i) {
    const auto [mse, right] = refits(problem, k, kRidges[i]);
    EXPECT_LE(test::relative_difference(scores[i].leave_one_out_mse, mse), 1e-9) << kRidges[i];
    EXPECT_DOUBLE_EQ(scores[i].leave_one_out_accuracy, right) << kRidges[i];
    // The check can fail: another ridge has other errors.
    const auto& other = scores[i == 0 ? kRidges.size() - 1 : i - 1];
    EXPECT_GT(test::relative_difference(other.leave_one_out_mse, mse), 1e-7);
  }
}

TEST(SpectralRidgePathTest, ScoresAreThoseOfTheTextbook) {
  for (const GridShape shape : test::all_grids(Communicator::world().size())) {
    const Problem problem(53, shape, 6);
    const Matrix<double> k = problem.dense();
    const auto eigen = problem.eigensystem();
    const SpectralRidgePath path(eigen, problem.residual);
    const auto scores = path.scores(kRidges, problem.target, problem.label, 100);
    const Matrix<double> alpha = path.coefficients(kRidges);
    for (std::size_t i = 0; i < kRidges.size(); ++i) {
      const RidgeScore expected = textbook(problem, k, kRidges[i]);
      EXPECT_LE(distance(scores[i], expected), 1e-9) << kRidges[i];
      EXPECT_GT(distance(scores[(i + 1) % kRidges.size()], expected), 1e-4);
      const Matrix<double> exact =
          solve(cholesky(shifted(k, kRidges[i])), problem.residual.clone());
      for (std::int64_t c = 0; c < kOutputs; ++c) {
        for (std::int64_t j = 0; j < problem.n; ++j) {
          EXPECT_LE(std::abs(alpha(j, static_cast<std::int64_t>(i) * kOutputs + c) - exact(j, c)),
                    1e-9 * expected.coefficient_norm);
        }
      }
    }
  }
}

TEST(SpectralRidgePathTest, GradientIsThatOfTheLikelihood) {
  const Problem problem(53, automatic_grid(Communicator::world().size()), 6);
  const auto eigen = problem.eigensystem();
  const SpectralRidgePath path(eigen, problem.residual);
  for (const double ridge : {1e-2, 1.0, 30.0}) {
    // Fourth-order central difference: its error is h^4 of a function that varies over a ridge.
    const double h = 1e-3 * ridge;
    const std::vector<double> ridges = {ridge - 2.0 * h, ridge - h, ridge, ridge + h,
                                        ridge + 2.0 * h};
    const auto s = path.scores(ridges, problem.target, {}, 5);
    const auto at = [&](std::size_t i) { return s[i].log_marginal_likelihood; };
    const double difference = (at(0) - 8.0 * at(1) + 8.0 * at(3) - at(4)) / (12.0 * h);
    EXPECT_LE(test::relative_difference(s[2].log_marginal_likelihood_gradient, difference), 1e-8);
    EXPECT_TRUE(std::isnan(s[2].leave_one_out_accuracy));  // without labels
  }
}

TEST(SpectralRidgePathTest, NoCriterionExistsWhereTheMatrixIsSingular) {
  // Every sample twice: 20 modes are zero.
  const auto twice = [](std::int64_t position, std::int64_t input) {
    return sample(position / 2, input);
  };
  for (const GridShape shape : test::all_grids(Communicator::world().size())) {
    const Problem problem(40, shape, 6, twice);
    const auto eigen = problem.eigensystem();
    const SpectralRidgePath path(eigen, problem.residual);
    const auto scores = path.scores(std::vector{0.0, 0.5}, problem.target, problem.label, 2);
    EXPECT_TRUE(std::isnan(scores[0].leave_one_out_mse));
    EXPECT_TRUE(std::isnan(scores[0].leave_one_out_accuracy));
    EXPECT_TRUE(std::isnan(scores[0].gcv));
    EXPECT_TRUE(std::isnan(scores[0].log_marginal_likelihood));
    EXPECT_NEAR(scores[0].effective_dimension, 20.0, 1e-9);
    EXPECT_GT(scores[0].train_mse, 1e-3);  // the targets of the same sample differ
    EXPECT_LT(scores[0].coefficient_norm, 1e3);
    EXPECT_EQ(best_ridge(scores, RidgeCriterion::leave_one_out), std::optional<std::size_t>(1));
    EXPECT_EQ(best_ridge(std::span(scores).first(1), RidgeCriterion::gcv), std::nullopt);
  }
}

TEST(BestRidgeTest, TakesTheLeastErrorAndTheGreatestLikelihood) {
  std::vector<RidgeScore> scores(4);
  for (std::size_t i = 0; i < 4; ++i) {
    const auto x = static_cast<double>(i);
    scores[i].leave_one_out_mse = std::abs(x - 1.0);
    scores[i].gcv = i == 0 ? RidgeScore::kNone : 5.0 - x;
    scores[i].log_marginal_likelihood = 1.0;  // all alike
  }
  EXPECT_EQ(best_ridge(scores, RidgeCriterion::leave_one_out), std::optional<std::size_t>(1));
  EXPECT_EQ(best_ridge(scores, RidgeCriterion::gcv), std::optional<std::size_t>(3));
  EXPECT_EQ(best_ridge(scores, RidgeCriterion::likelihood), std::optional<std::size_t>(0));
  EXPECT_EQ(best_ridge({}, RidgeCriterion::gcv), std::nullopt);
}

TEST(KrylovRidgePathTest, AgreesWithTheEigensystem) {
  const std::vector<double> ridges = {1.0, 10.0, 100.0};
  for (const GridShape shape : test::all_grids(Communicator::world().size())) {
    const Problem problem(307, shape, 32);
    const auto eigen = problem.eigensystem();
    const SpectralRidgePath exact(eigen, problem.residual);
    const auto expected = exact.scores(ridges, problem.target, problem.label, 3);
    const KernelOperator k(problem.kernel, silent_monitor());
    const KrylovRidgePath path(problem.kernel.grid()->comm(), k, problem.residual,
                               trace_probes(problem.n, 12), ridges, {1e-10, 300}, silent_monitor());
    EXPECT_TRUE(path.report().converged);
    EXPECT_LT(path.report().dimension, problem.n);
    const Matrix<double> alpha = path.coefficients(ridges);
    const Matrix<double> exact_alpha = exact.coefficients(ridges);
    for (std::size_t i = 0; i < ridges.size(); ++i) {
      const RidgeScore& score = path.scores()[i];
      const RidgeScore& error = path.standard_errors()[i];
      EXPECT_LE(path.residual_error()[i], 1e-10);
      EXPECT_LE(test::relative_difference(score.train_mse, expected[i].train_mse), 1e-8);
      EXPECT_LE(test::relative_difference(score.coefficient_norm, expected[i].coefficient_norm),
                1e-8);
      for (std::int64_t j = 0; j < problem.n; ++j) {
        for (std::int64_t c = 0; c < kOutputs; ++c) {
          const std::int64_t column = static_cast<std::int64_t>(i) * kOutputs + c;
          EXPECT_LE(std::abs(alpha(j, column) - exact_alpha(j, column)),
                    1e-8 * score.coefficient_norm);
        }
      }
      for (const auto field :
           {&RidgeScore::gcv, &RidgeScore::log_marginal_likelihood,
            &RidgeScore::log_marginal_likelihood_gradient, &RidgeScore::effective_dimension}) {
        EXPECT_GT(error.*field, 0.0);
        EXPECT_LE(std::abs(score.*field - expected[i].*field), 5.0 * (error.*field));
        EXPECT_LE(error.*field, 0.2 * std::abs(expected[i].*field));
      }
      EXPECT_TRUE(std::isnan(score.leave_one_out_mse));
    }
  }
}

TEST(KrylovRidgePathTest, OrthonormalProbesMakeTracesExact) {
  const Problem problem(41, automatic_grid(Communicator::world().size()), 6);
  const auto eigen = problem.eigensystem();
  const SpectralRidgePath exact(eigen, problem.residual);
  const auto expected = exact.scores(kRidges, problem.target, problem.label, 5);
  Matrix<double> unit(problem.n, problem.n);
  for (std::int64_t i = 0; i < problem.n; ++i) {
    unit(i, i) = 1.0;
  }
  const KernelOperator k(problem.kernel, silent_monitor());
  const KrylovRidgePath path(problem.kernel.grid()->comm(), k, problem.residual, unit, kRidges,
                             {1e-10, problem.n}, silent_monitor());
  EXPECT_TRUE(path.report().converged);
  for (std::size_t i = 0; i < kRidges.size(); ++i) {
    EXPECT_LE(distance(path.scores()[i], expected[i]), 1e-9) << kRidges[i];
  }
}

TEST(KrylovRidgePathTest, SaysWhenTheSpaceIsTooSmall) {
  const Problem problem(307, automatic_grid(Communicator::world().size()), 32);
  const KernelOperator k(problem.kernel, silent_monitor());
  const KrylovRidgePath path(problem.kernel.grid()->comm(), k, problem.residual,
                             trace_probes(problem.n, 4), {1e-6, 1.0}, {1e-10, 40},
                             silent_monitor());
  EXPECT_FALSE(path.report().converged);
  EXPECT_LE(path.report().dimension, 40);
  // The residual is what it is said to be.
  const std::vector<double> ridges = {1e-6, 1.0};
  const Matrix<double> alpha = path.coefficients(ridges);
  const Matrix<double> image = k.apply(alpha);
  for (std::int64_t i = 0; i < 2; ++i) {
    double largest = 0.0;
    for (std::int64_t c = 0; c < kOutputs; ++c) {
      double missed = 0.0;
      double length = 0.0;
      for (std::int64_t j = 0; j < problem.n; ++j) {
        const std::int64_t column = i * kOutputs + c;
        const double r = problem.residual(j, c);
        const double difference =
            r - image(j, column) - ridges[static_cast<std::size_t>(i)] * alpha(j, column);
        missed += difference * difference;
        length += r * r;
      }
      largest = std::max(largest, std::sqrt(missed / length));
    }
    EXPECT_LE(
        test::relative_difference(path.residual_error()[static_cast<std::size_t>(i)], largest),
        1e-8);
  }
}

}  // namespace
}  // namespace ntkflow
