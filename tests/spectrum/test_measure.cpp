#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include <ntkflow/linalg/local.hpp>
#include <ntkflow/linalg/local_eigen.hpp>
#include <ntkflow/spectrum/measure.hpp>
#include <ntkflow/spectrum/summary.hpp>

#include "support/mpi_test.hpp"
#include "support/tolerance.hpp"

namespace ntkflow {
namespace {

constexpr std::int64_t kSize = 23;
constexpr std::int64_t kRank = 19;
constexpr std::int64_t kOutputs = 3;

/// A matrix of rank kRank whose eigenvalues fall from about kSize, A = B B^T.
double entry(std::int64_t i, std::int64_t j) {
  double sum = 0.0;
  for (std::int64_t l = 0; l < kRank; ++l) {
    const double scale = std::pow(0.6, static_cast<double>(l));
    sum += scale * std::cos(static_cast<double>((i + 1) * (2 * l + 1))) *
           std::cos(static_cast<double>((j + 1) * (2 * l + 1)));
  }
  return sum;
}

Matrix<double> dense() {
  Matrix<double> a(kSize, kSize);
  for (std::int64_t j = 0; j < kSize; ++j) {
    for (std::int64_t i = 0; i < kSize; ++i) {
      a(i, j) = entry(i, j);
    }
  }
  return a;
}

LocalEigenSystem dense_eigen() {
  const Matrix<double> a = dense();
  return diagonalise_local(a.view());
}

Matrix<double> targets() {
  Matrix<double> y(kSize, kOutputs);
  for (std::int64_t i = 0; i < y.size(); ++i) {
    y.data()[i] = std::sin(1.7 * static_cast<double>(i) + 0.3);
  }
  return y;
}

double trace() {
  double sum = 0.0;
  for (std::int64_t i = 0; i < kSize; ++i) {
    sum += entry(i, i);
  }
  return sum;
}

double squared_norm(const double* values, std::int64_t n) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    sum += values[i] * values[i];
  }
  return sum;
}

SpectralMeasure full_measure(GridShape shape) {
  DistMatrix<double> a(ProcessGrid::create(Communicator::world(), shape), kSize, kSize, 4);
  a.fill(entry);
  const auto outcome = diagonalise(std::move(a));
  const auto& eigen = std::get<EigenSystem<double>>(outcome);
  return spectral_measure(eigen, modes_of(eigen, targets()));
}

/// The `count` leading pairs of the dense eigensystem, shared over the ranks.
SpectralMeasure leading_measure(std::int64_t count) {
  const Communicator comm = Communicator::world();
  const LocalEigenSystem eigen = dense_eigen();
  LeadingEigenpairs pairs;
  pairs.rows = contiguous_share(kSize, comm.size(), comm.rank());
  pairs.vectors = Matrix<double>(pairs.rows.size(), count);
  for (std::int64_t j = 0; j < count; ++j) {
    pairs.values.push_back(eigen.values[static_cast<std::size_t>(kSize - 1 - j)]);
    std::copy_n(eigen.vectors.column(kSize - 1 - j) + pairs.rows.begin, pairs.rows.size(),
                pairs.vectors.column(j));
  }
  pairs.residual.assign(static_cast<std::size_t>(count), 0.0);
  pairs.converged = count;
  return spectral_measure(comm, pairs, targets(), trace());
}

/// y - f after so many steps of gradient descent on 1/2 mean |f - y|^2, one after the other.
double iterated_loss(double learning_rate, std::int64_t steps) {
  const Matrix<double> a = dense();
  Matrix<double> r = targets();
  Matrix<double> next(kSize, kOutputs);
  for (std::int64_t s = 0; s < steps; ++s) {
    std::copy_n(r.data(), r.size(), next.data());
    multiply<double>(Transpose::no, Transpose::no, -learning_rate / static_cast<double>(kSize),
                     a.view(), std::as_const(r).view(), 1.0, next.view());
    std::swap(r, next);
  }
  return 0.5 * squared_norm(r.data(), r.size()) / static_cast<double>(kSize);
}

/// tr A (A + mu I)^-1 from the eigenvalues of a dense matrix.
double dense_dimension(double mu) {
  double sum = 0.0;
  for (const double value : dense_eigen().values) {
    sum += value / (value + mu);
  }
  return sum;
}

constexpr double kTolerance = 1e-12;

TEST(SpectralMeasureTest, EnergiesSumToTheTargets) {
  const Matrix<double> y = targets();
  for (const std::int64_t count : {std::int64_t{1}, std::int64_t{5}, kSize}) {
    const SpectralMeasure measure = leading_measure(count);
    const Matrix<double> cumulative = cumulative_energy(measure);
    for (std::int64_t j = 0; j < kOutputs; ++j) {
      const double total = squared_norm(y.column(j), kSize) / static_cast<double>(kSize);
      double sum = measure.outside[static_cast<std::size_t>(j)];
      for (std::int64_t i = 0; i < count; ++i) {
        sum += measure.energy(i, j);
        EXPECT_GE(cumulative(i, j), i == 0 ? 0.0 : cumulative(i - 1, j));
      }
      EXPECT_LE(test::relative_difference(sum, total), kTolerance);
      EXPECT_NEAR(cumulative(count - 1, j),
                  1.0 - measure.outside[static_cast<std::size_t>(j)] / total, kTolerance);
    }
  }
}

TEST(SpectralMeasureTest, LeadingPairsAreThoseOfTheFullSystem) {
  const SpectralMeasure leading = leading_measure(6);
  for (const GridShape shape : test::all_grids(Communicator::world().size())) {
    const SpectralMeasure full = full_measure(shape);
    EXPECT_EQ(full.rank(), kRank);
    EXPECT_NEAR(full.trace, leading.trace, kTolerance * full.trace);
    for (std::int64_t i = 0; i < 6; ++i) {
      const auto at = static_cast<std::size_t>(i);
      EXPECT_NEAR(full.eigenvalue[at], leading.eigenvalue[at], kTolerance * full.trace);
      EXPECT_NEAR(full.mode_energy(i), leading.mode_energy(i), 1e-10);
    }
    // Delta^0 lies within what six pairs leave out.
    for (std::size_t j = 0; j < kOutputs; ++j) {
      EXPECT_GT(energy_at_rest(full)[j], 1e-6);
      EXPECT_LE(energy_at_rest(full)[j], energy_at_rest(leading)[j]);
    }
  }
}

TEST(SpectralMeasureTest, CurvesAreExponentials) {
  const SpectralMeasure measure = full_measure(automatic_grid(Communicator::world().size()));
  const std::vector<double> times{0.0, 0.5, 20.0};
  const Matrix<double> curves = mode_curves(measure, times, 4);
  const auto left = energy_curve(measure, times);
  EXPECT_NEAR(left[0], squared_norm(targets().data(), kSize * kOutputs) / kSize, kTolerance);
  for (std::size_t k = 0; k < times.size(); ++k) {
    double sum = 0.0;
    for (const double rest : energy_at_rest(measure)) {
      sum += rest;
    }
    for (std::int64_t i = 0; i < kRank; ++i) {
      const double expected =
          std::exp(-2.0 * times[k] * measure.eigenvalue[static_cast<std::size_t>(i)]) *
          measure.mode_energy(i);
      sum += expected;
      if (i < 4) {
        EXPECT_DOUBLE_EQ(curves(static_cast<std::int64_t>(k), i), expected);
      }
    }
    EXPECT_LE(test::relative_difference(left[k], sum), kTolerance);
  }
}

TEST(StepsToLossTest, AreThoseOfDescent) {
  const SpectralMeasure full = full_measure(automatic_grid(Communicator::world().size()));
  for (const double multiple : {0.5, 1.0, 1.9}) {
    const double rate = multiple / full.eigenvalue.front();
    for (const std::int64_t steps : {0, 1, 10, 200}) {
      const double loss = iterated_loss(rate, steps);
      EXPECT_LE(test::relative_difference(descent_loss(full, rate, steps), loss), kTolerance);
      // A little above the loss after `steps` is reached then and not before.
      EXPECT_EQ(steps_to_loss(full, rate, loss * (1.0 + 1e-9)), steps);
      EXPECT_NE(steps_to_loss(full, rate, loss * (1.0 - 1e-9)), steps);
    }
  }
}

TEST(StepsToLossTest, OfLeadingPairsAreABound) {
  const SpectralMeasure leading = leading_measure(7);
  double rest = 0.0;
  for (const double energy : energy_at_rest(leading)) {
    rest += 0.5 * energy;
  }
  const double start = iterated_loss(0.0, 0);
  ASSERT_LT(rest, 0.9 * start) << "the pairs hold too little for a test";
  for (const double multiple : {0.5, 1.0, 1.9}) {
    const double rate = multiple / leading.eigenvalue.front();
    EXPECT_EQ(steps_to_loss(leading, rate, rest * (1.0 - 1e-9)), -1);
    for (const double part : {0.3, 0.8}) {
      const double loss = rest + part * (start - rest);
      const std::int64_t bound = steps_to_loss(leading, rate, loss);
      ASSERT_GT(bound, 0);
      ASSERT_LT(bound, 100'000);
      EXPECT_LE(iterated_loss(rate, bound), loss * (1.0 + kTolerance));
      EXPECT_GT(descent_loss(leading, rate, bound - 1), loss) << "a step less would do";
    }
  }
}

TEST(StepsToLossTest, CountsNoFurtherThanADouble) {
  const SpectralMeasure full = full_measure(automatic_grid(Communicator::world().size()));
  const double loss = 0.5 * descent_loss(full, 1.0, 0);
  double rest = 0.0;
  for (const double energy : energy_at_rest(full)) {
    rest += 0.5 * energy;
  }
  ASSERT_LT(rest, loss);
  const double lambda = full.eigenvalue.front();
  EXPECT_EQ(steps_to_loss(full, 1e-30 / lambda, loss), kMostDescentSteps);
  EXPECT_LT(steps_to_loss(full, 1e-3 / lambda, loss), kMostDescentSteps);
  EXPECT_GT(steps_to_loss(full, 1e-3 / lambda, loss), 0);
}

TEST(StepsToLossTest, NeverBelowTheNullSpace) {
  const SpectralMeasure full = full_measure(automatic_grid(Communicator::world().size()));
  const double rate = 1.0 / full.eigenvalue.front();
  double rest = 0.0;
  for (const double energy : energy_at_rest(full)) {
    rest += 0.5 * energy;
  }
  EXPECT_EQ(steps_to_loss(full, rate, 0.999 * rest), -1);
  EXPECT_GT(steps_to_loss(full, rate, 1.001 * rest), 0);
}

TEST(EffectiveDimensionTest, IsTheTraceAndFallsWithTheRidge) {
  const SpectralMeasure full = full_measure(automatic_grid(Communicator::world().size()));
  double before = static_cast<double>(kRank) + kTolerance;
  for (const double mu : {1e-6, 1e-3, 0.1, 1.0, 30.0}) {
    const Bounds exact = effective_dimension(full, mu);
    EXPECT_EQ(exact.lower, exact.upper);
    EXPECT_NEAR(exact.lower, dense_dimension(mu), kTolerance * kSize + 1e-14 * kSize / mu);
    EXPECT_LT(exact.lower, before);
    before = exact.lower;
    for (const std::int64_t count : {1, 4, 12}) {
      const Bounds bounds = effective_dimension(leading_measure(count), mu);
      EXPECT_LE(bounds.lower, exact.lower * (1.0 + kTolerance));
      EXPECT_GE(bounds.upper, exact.lower * (1.0 - kTolerance));
      EXPECT_LT(bounds.lower, bounds.upper);
    }
  }
}

/// Pair `turned` of the exact ones, turned by an angle towards the one after the last: Ritz pairs
/// still, but with a residual. @param converged  what the pairs say of themselves
SpectralMeasure turned_measure(std::int64_t count, std::int64_t turned, double angle,
                               std::int64_t converged) {
  const Communicator comm = Communicator::world();
  const LocalEigenSystem eigen = dense_eigen();
  const auto value = [&](std::int64_t j) {
    return eigen.values[static_cast<std::size_t>(kSize - 1 - j)];
  };
  const double c = std::cos(angle);
  const double s = std::sin(angle);
  LeadingEigenpairs pairs;
  pairs.rows = contiguous_share(kSize, comm.size(), comm.rank());
  pairs.vectors = Matrix<double>(pairs.rows.size(), count);
  pairs.converged = converged;
  for (std::int64_t j = 0; j < count; ++j) {
    const double* v = eigen.vectors.column(kSize - 1 - j) + pairs.rows.begin;
    const double* outside = eigen.vectors.column(kSize - 1 - count) + pairs.rows.begin;
    const bool is_turned = j == turned;
    pairs.values.push_back(is_turned ? c * c * value(j) + s * s * value(count) : value(j));
    pairs.residual.push_back(
        is_turned ? std::abs(c * s * (value(j) - value(count))) / pairs.values.front() : 0.0);
    for (std::int64_t i = 0; i < pairs.rows.size(); ++i) {
      pairs.vectors(i, j) = is_turned ? c * v[i] + s * outside[i] : v[i];
    }
  }
  return spectral_measure(comm, pairs, targets(), trace());
}

TEST(EffectiveDimensionTest, BoundsHoldForPairsWithResiduals) {
  std::int64_t wrong_without_error = 0;
  for (const double mu : {1e-6, 1e-3, 0.1, 1.0, 30.0}) {
    const double exact = dense_dimension(mu);
    const double tolerance = kTolerance * kSize + 1e-14 * kSize / mu;
    for (const std::int64_t count : {1, 4, 12, 18}) {
      for (const double angle : {1e-6, 0.1, 0.785, 1.5}) {
        for (const std::int64_t converged : {std::int64_t{0}, count}) {
          // Only a small residual leaves the last value the largest one outside.
          if (converged == count && angle > 0.785) {
            continue;
          }
          SpectralMeasure measure = turned_measure(count, count - 1, angle, converged);
          const Bounds bounds = effective_dimension(measure, mu);
          EXPECT_LE(bounds.lower, exact + tolerance) << mu << ' ' << count << ' ' << angle;
          EXPECT_GE(bounds.upper, exact - tolerance) << mu << ' ' << count << ' ' << angle;
          EXPECT_GE(bounds.lower, 0.0);
          EXPECT_LE(bounds.upper, static_cast<double>(kSize));
          measure.error = 0.0;
          const Bounds narrow = effective_dimension(measure, mu);
          wrong_without_error += narrow.lower > exact + tolerance ? 1 : 0;
        }
      }
    }
  }
  EXPECT_GT(wrong_without_error, 0) << "the error is not needed";
}

TEST(EffectiveDimensionTest, KnowsTheTraceOnlyOfAnythingElse) {
  SpectralMeasure measure = turned_measure(3, 2, 0.0, 0);
  measure.error = 1e300;
  const double t = measure.trace;
  const Bounds bounds = effective_dimension(measure, 0.5 * kSize);
  EXPECT_DOUBLE_EQ(bounds.lower, t / (t + 0.5));
  EXPECT_LE(bounds.upper, t / (t / kSize + 0.5));
  EXPECT_GT(bounds.upper, bounds.lower);
}

TEST(StandardRidgesTest, ReachTheLargestEigenvalue) {
  const SpectralMeasure full = full_measure(automatic_grid(Communicator::world().size()));
  const auto ridges = standard_ridges(full);
  EXPECT_DOUBLE_EQ(ridges.back(), full.eigenvalue.front() * kSize);
  EXPECT_LE(test::relative_difference(ridges.front(), 1e-6 * ridges.back()), kTolerance);
  EXPECT_TRUE(std::is_sorted(ridges.begin(), ridges.end()));
}

}  // namespace
}  // namespace ntkflow
