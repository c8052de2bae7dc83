#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <support/mpi_test.hpp>
#include <support/stop_at_question.hpp>
#include <support/tolerance.hpp>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/linalg/local_eigen.hpp>
#include <ntkflow/linalg/stored_symmetric.hpp>

#include "dense_operator.hpp"
#include "matrices.hpp"
#include "ntkflow/linalg/leading_eigenpairs.hpp"

namespace ntkflow::test {
namespace {

/// U diag(values) U^T with U the product of two reflections: symmetric to the last bit, its
/// eigenvalues those given but for rounding.
Matrix<double> with_spectrum(const std::vector<double>& values) {
  const std::int64_t n = std::ssize(values);
  auto a = dense<double>(n, n, [&](std::int64_t i, std::int64_t j) {
    return i == j ? values[static_cast<std::size_t>(i)] : 0.0;
  });
  for (const std::uint64_t row : {1U, 2U}) {
    std::vector<double> u(static_cast<std::size_t>(n));
    RandomStream(3, 1).normals(row, 0, u);
    double square = 0.0;
    for (const double value : u) {
      square += value * value;
    }
    // (I - c u u^T) A (I - c u u^T) = A - w u^T - u w^T for c = 2 / u^T u,
    // w = c A u - (c^2 u^T A u / 2) u.
    const auto size = static_cast<std::size_t>(n);
    std::vector<double> w(size, 0.0);
    double quotient = 0.0;
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = 0; j < size; ++j) {
        w[i] += 2.0 / square * a.data()[i + j * size] * u[j];
      }
      quotient += w[i] * u[i] / square;
    }
    for (std::size_t i = 0; i < size; ++i) {
      w[i] -= quotient * u[i];
    }
    for (std::size_t j = 0; j < size; ++j) {
      for (std::size_t i = 0; i < size; ++i) {
        a.data()[i + j * size] -= w[i] * u[j] + u[i] * w[j];
      }
    }
  }
  return a;
}

std::vector<double> spectrum(std::int64_t n, const std::function<double(std::int64_t)>& value) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < n; ++i) {
    values.push_back(value(i));
  }
  return values;
}

/// Eigenvalues of a function of the inner product on the cube {-1, 1}^d: of degree k, C(d, k)
/// times.
std::vector<double> cube_spectrum(int d) {
  std::vector<double> values;
  double copies = 1.0;
  for (int k = 0; k <= d; ++k) {
    values.insert(values.end(), static_cast<std::size_t>(std::lround(copies)), std::pow(0.5, k));
    copies *= static_cast<double>(d - k) / (k + 1);
  }
  return values;
}

struct Case {
  std::string name;
  Matrix<double> a;
  std::vector<std::int64_t> counts;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto add = [&](const std::string& name, const std::vector<double>& values,
                       const std::vector<std::int64_t>& counts) {
    all.push_back({name, with_spectrum(values), counts});
  };
  for (const std::int64_t n : {1, 2, 3, 17}) {
    add("small", spectrum(n, [](std::int64_t i) { return 1.0 + static_cast<double>(i); }), {1, n});
  }
  const RandomStream stream(4, 1);
  add("random",
      spectrum(211, [&](std::int64_t i) { return stream.uniform(static_cast<std::uint64_t>(i)); }),
      {20, 211});
  add("exponential",
      spectrum(307, [](std::int64_t i) { return std::pow(0.9, static_cast<double>(i)); }), {1, 30});
  add("clustered",
      spectrum(307,
               [](std::int64_t i) {
                 const auto cluster = static_cast<double>(i / 5);
                 return std::pow(0.8, cluster) * (1.0 + 1e-7 * static_cast<double>(i % 5));
               }),
      {7, 30});
  add("cube", cube_spectrum(8), {37, 256});
  add("copies beyond a block",
      spectrum(401,
               [](std::int64_t i) {
                 return i < 45 ? 1.0 : 0.5 * std::pow(static_cast<double>(i - 44), -0.7);
               }),
      {10, 45, 50});
  add("rank 5",
      spectrum(97, [](std::int64_t i) { return i < 5 ? 5.0 - static_cast<double>(i) : 0.0; }),
      {3, 9, 97});
  add("identity", std::vector<double>(301, 1.0), {20});
  all.push_back({"zero", Matrix<double>(301, 301), {20}});
  return all;
}

/// The vectors of the pairs, whole on every rank.
Matrix<double> whole_vectors(std::int64_t n, const LeadingEigenpairs& pairs) {
  Matrix<double> whole(n, pairs.vectors.cols());
  for (std::int64_t j = 0; j < whole.cols(); ++j) {
    std::copy_n(pairs.vectors.column(j), pairs.rows.size(), whole.column(j) + pairs.rows.begin);
  }
  Communicator::world().sum(std::span(whole.data(), static_cast<std::size_t>(whole.size())));
  return whole;
}

/// max over pairs of |A v - value v|_2.
double largest_residual(const Matrix<double>& a, const std::vector<double>& values,
                        const Matrix<double>& v) {
  const auto image = product(a, v);
  double largest = 0.0;
  for (std::int64_t j = 0; j < v.cols(); ++j) {
    double square = 0.0;
    for (std::int64_t i = 0; i < v.rows(); ++i) {
      square += std::pow(image(i, j) - values[static_cast<std::size_t>(j)] * v(i, j), 2);
    }
    largest = std::max(largest, std::sqrt(square));
  }
  return largest;
}

double largest_of(const std::vector<double>& values) {
  return *std::max_element(values.begin(), values.end());
}

/// Checks all that the pairs claim against A and its full eigensystem.
/// @param bound  for differences of eigenvalues
void expect_leading(const Matrix<double>& a, const LocalEigenSystem& oracle, std::int64_t count,
                    double tolerance, const LeadingEigenpairs& pairs) {
  const std::int64_t n = a.rows();
  const double top = oracle.values.back();
  const double bound = eigen_bound<double>(n, top);
  ASSERT_EQ(std::ssize(pairs.values), count);
  ASSERT_EQ(pairs.vectors.cols(), count);
  ASSERT_EQ(pairs.vectors.rows(), pairs.rows.size());
  EXPECT_EQ(pairs.converged, count);
  for (std::int64_t j = 0; j < count; ++j) {
    EXPECT_NEAR(pairs.values[static_cast<std::size_t>(j)],
                oracle.values[static_cast<std::size_t>(n - 1 - j)], bound)
        << "pair " << j;
  }
  auto v = whole_vectors(n, pairs);
  const double residual = largest_residual(a, pairs.values, v);
  EXPECT_LE(residual, tolerance * top + bound);
  EXPECT_NEAR(residual, largest_of(pairs.residual) * (top > 0.0 ? top : 1.0), bound);
  EXPECT_LE(pairs.orthogonality, eigen_bound<double>(n, 1.0));
  const auto products = product(transpose(v), v);
  double orthogonality = 0.0;
  for (std::int64_t j = 0; j < count; ++j) {
    for (std::int64_t i = 0; i < count; ++i) {
      orthogonality = std::max(orthogonality, std::abs(products(i, j) - (i == j ? 1.0 : 0.0)));
    }
  }
  EXPECT_NEAR(orthogonality, pairs.orthogonality, eigen_bound<double>(n, 1.0));
  EXPECT_GE(pairs.products, count);
}

LeadingOptions lanczos(std::int64_t count) {
  LeadingOptions options;
  options.count = count;
  return options;
}

LeadingOptions power(std::int64_t count) {
  LeadingOptions options = lanczos(count);
  options.method = LeadingMethod::power;
  return options;
}

TEST(LeadingEigenpairsTest, LanczosFindsWhatTheFullEigensolveDoes) {
  const auto world = Communicator::world();
  for (const Case& problem : cases()) {
    const DenseOperator a(problem.a.clone());
    const LocalEigenSystem oracle = diagonalise_local(a.a.view());
    for (const std::int64_t count : problem.counts) {
      SCOPED_TRACE(testing::Message()
                   << problem.name << ", n = " << a.size() << ", count = " << count);
      const auto options = lanczos(count);
      const auto pairs = leading_eigenpairs(world, a, nullptr, options, silent_monitor());
      expect_leading(a.a, oracle, count, options.tolerance, pairs);
      EXPECT_EQ(pairs.exact_products, 0);
      EXPECT_EQ(pairs.degenerate_pair, -1);
      EXPECT_LE(a.widest, 16);
      auto v = whole_vectors(a.size(), pairs);
      v(0, 0) += 1e-3;
      if (a.size() > 1 && problem.name != "zero" && problem.name != "identity") {
        EXPECT_GT(largest_residual(a.a, pairs.values, v), 1e-6) << "a wrong vector passes";
      }
    }
  }
}

TEST(LeadingEigenpairsTest, RestartsWhereTheBasisIsFull) {
  // A basis of 190 columns holds a polynomial of degree 11, and gaps of 1/600 take one of several
  // tens.
  const auto world = Communicator::world();
  const std::int64_t n = 600;
  const DenseOperator a(with_spectrum(spectrum(
      n, [n](std::int64_t i) { return 1.0 - static_cast<double>(i) / static_cast<double>(n); })));
  const auto options = lanczos(10);
  const auto pairs = leading_eigenpairs(world, a, nullptr, options, silent_monitor());
  EXPECT_EQ(pairs.converged, options.count);
  EXPECT_GE(pairs.restarts, 3);
  EXPECT_LE(pairs.products, 5 * n / 2);
  for (std::int64_t j = 0; j < options.count; ++j) {
    EXPECT_NEAR(pairs.values[static_cast<std::size_t>(j)], 1.0 - static_cast<double>(j) / n,
                eigen_bound<double>(n, 1.0));
  }
  EXPECT_LE(largest_residual(a.a, pairs.values, whole_vectors(n, pairs)),
            options.tolerance + eigen_bound<double>(n, 1.0));
}

TEST(LeadingEigenpairsTest, BasisIsNeverLargerThanTheWholeSpace) {
  EXPECT_EQ(lanczos_basis_size(1, 1), 1);
  EXPECT_EQ(lanczos_basis_size(100, 100), 100);
  EXPECT_EQ(lanczos_basis_size(1'000'000, 100), 460);
}

/// A product whose values are each wrong by about 1e-6 of themselves, differently each time.
struct NoisyOperator : DenseOperator {
  using DenseOperator::DenseOperator;
  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override {
    auto result = product(a, x);
    for (std::int64_t i = 0; i < result.size(); ++i) {
      result.data()[i] *= 1.0 + 1e-6 * stream.normal(call, static_cast<std::uint64_t>(i));
    }
    ++call;
    return result;
  }
  RandomStream stream{6, 2};
  mutable std::uint64_t call = 0;
};

TEST(LeadingEigenpairsTest, CertificateNoticesWrongPairs) {
  const auto world = Communicator::world();
  const NoisyOperator a(
      with_spectrum(spectrum(97, [](std::int64_t i) { return std::pow(0.8, i); })));
  const auto pairs = leading_eigenpairs(world, a, nullptr, lanczos(5), silent_monitor());
  EXPECT_GT(pairs.residual.front(), 1e-8);
  EXPECT_EQ(pairs.converged, 0);
}

/// The first-order arc-cosine kernel of random samples in 10 dimensions about a common mean.
/// Ref: Cho, Saul (2009).
struct ArcCosineKernel {
  explicit ArcCosineKernel(std::int64_t n) : x(n, 10) {
    const RandomStream stream(8, 1);
    for (std::int64_t j = 0; j < x.cols(); ++j) {
      for (std::int64_t i = 0; i < n; ++i) {
        x(i, j) = 1.0 + stream.normal(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(j));
      }
    }
  }
  double operator()(std::int64_t i, std::int64_t j) const {
    double inner = 0.0;
    double first = 0.0;
    double second = 0.0;
    for (std::int64_t k = 0; k < x.cols(); ++k) {
      inner += x(i, k) * x(j, k);
      first += x(i, k) * x(i, k);
      second += x(j, k) * x(j, k);
    }
    const double lengths = std::sqrt(first * second);
    const double cosine = i == j ? 1.0 : inner / lengths;
    const double angle = std::acos(cosine);
    return lengths / std::numbers::pi *
           (std::sqrt(1.0 - cosine * cosine) + (std::numbers::pi - angle) * cosine);
  }
  Matrix<double> x;
};

TEST(LeadingEigenpairsTest, StoredMatricesInBothPrecisions) {
  const std::int64_t n = 337;
  const std::int64_t count = 25;
  const ArcCosineKernel kernel(n);
  const DenseOperator exact(dense<double>(n, n, kernel));
  const LocalEigenSystem oracle = diagonalise_local(exact.a.view());
  std::vector<double> diagonal;
  std::vector<double> rounded;
  for (std::int64_t i = 0; i < n; ++i) {
    diagonal.push_back(exact.a(i, i));
    rounded.push_back(static_cast<float>(exact.a(i, i)));
  }
  for_each_grid([&](const auto& grid) {
    const Communicator& comm = grid->comm();
    const auto options = lanczos(count);
    const auto stored = distribute<double>(grid, n, n, 16, kernel);
    const StoredSymmetric<double> a(stored, diagonal);
    expect_leading(exact.a, oracle, count, options.tolerance,
                   leading_eigenpairs(comm, a, nullptr, options, silent_monitor()));

    const auto stored_rounded = distribute<float>(grid, n, n, 16, kernel);
    const StoredSymmetric<float> a_rounded(stored_rounded, rounded);
    const auto corrected = leading_eigenpairs(comm, a_rounded, &exact, options, silent_monitor());
    expect_leading(exact.a, oracle, count, options.tolerance, corrected);
    EXPECT_GT(corrected.exact_products, count);
    EXPECT_LE(corrected.exact_products, 5 * count);
    const auto raw = leading_eigenpairs(comm, a_rounded, nullptr, options, silent_monitor());
    EXPECT_LE(largest_of(raw.residual), options.tolerance);
    EXPECT_GT(largest_residual(exact.a, raw.values, whole_vectors(n, raw)),
              3.0 * options.tolerance * raw.values.front())
        << "rounding cannot be seen, nor what corrects it";
  });
}

TEST(LeadingEigenpairsTest, CorrectsMultipleEigenvaluesAndCountN) {
  const auto world = Communicator::world();
  for (const std::int64_t count : {8, 20, 64}) {
    const DenseOperator exact(with_spectrum(cube_spectrum(6)));
    const DenseOperator a(
        dense<float>(64, 64, [&](std::int64_t i, std::int64_t j) { return exact.a(i, j); }));
    const LocalEigenSystem oracle = diagonalise_local(exact.a.view());
    const auto options = lanczos(count);
    expect_leading(exact.a, oracle, count, options.tolerance,
                   leading_eigenpairs(world, a, &exact, options, silent_monitor()));
  }
}

TEST(LeadingEigenpairsTest, PowerFindsPairsThatAreApart) {
  const auto world = Communicator::world();
  for (const std::int64_t n : {1, 4, 61}) {
    const DenseOperator exact(with_spectrum(
        spectrum(n, [](std::int64_t i) { return std::pow(0.6, static_cast<double>(i)); })));
    const LocalEigenSystem oracle = diagonalise_local(exact.a.view());
    const auto options = power(std::min<std::int64_t>(n, 6));
    const auto pairs = leading_eigenpairs(world, exact, nullptr, options, silent_monitor());
    expect_leading(exact.a, oracle, options.count, options.tolerance, pairs);
    EXPECT_EQ(pairs.degenerate_pair, -1);

    const DenseOperator a(
        dense<float>(n, n, [&](std::int64_t i, std::int64_t j) { return exact.a(i, j); }));
    const auto corrected = leading_eigenpairs(world, a, &exact, options, silent_monitor());
    expect_leading(exact.a, oracle, options.count, options.tolerance, corrected);
  }
}

TEST(LeadingEigenpairsTest, PowerReportsADegeneratePair) {
  const auto world = Communicator::world();
  const std::int64_t n = 53;
  for (const double distance : {0.0, 1e-12, 1e-6}) {
    SCOPED_TRACE(distance);
    const DenseOperator a(with_spectrum(spectrum(n, [distance](std::int64_t i) {
      return i == 0 ? 1.0 : i == 2 ? 0.5 * (1.0 - distance) : std::pow(0.5, i == 1 ? 1 : i - 1);
    })));
    for (const std::int64_t count : {1, 2, 4}) {
      auto options = power(count);
      options.most_steps = 100;
      const auto pairs = leading_eigenpairs(world, a, nullptr, options, silent_monitor());
      EXPECT_EQ(pairs.degenerate_pair, count == 1 ? -1 : 1);
      // A pair that does not converge is the last one that is sought; others take about 35 steps.
      EXPECT_LE(pairs.products,
                (distance < 1e-6 ? 60 * (count + 1) : 60 + options.most_steps) + count);
      EXPECT_NEAR(pairs.values.front(), 1.0, eigen_bound<double>(n, 1.0));
      if (count > 1) {
        EXPECT_NEAR(pairs.values[1], 0.5, distance + eigen_bound<double>(n, 1.0));
        if (distance < 1e-6) {
          EXPECT_EQ(pairs.converged, count);
        } else if (count == 2) {
          EXPECT_EQ(pairs.converged, 1);
        }
      }
    }
  }
  const DenseOperator zero(Matrix<double>(7, 7));
  const auto pairs = leading_eigenpairs(world, zero, nullptr, power(3), silent_monitor());
  EXPECT_EQ(pairs.degenerate_pair, 0);
  EXPECT_EQ(pairs.converged, 3);
  EXPECT_EQ(pairs.values, std::vector<double>(3, 0.0));
}

TEST(LeadingEigenpairsTest, IsSameBitsOnAllRanks) {
  const auto world = Communicator::world();
  const DenseOperator a(with_spectrum(cube_spectrum(7)));
  for (const auto& options : {lanczos(20), power(1)}) {
    const auto pairs = leading_eigenpairs(world, a, nullptr, options, silent_monitor());
    for (std::size_t i = 0; i < pairs.values.size(); ++i) {
      EXPECT_TRUE(same_on_all_ranks(pairs.values[i]));
      EXPECT_TRUE(same_on_all_ranks(pairs.residual[i]));
    }
    EXPECT_TRUE(same_on_all_ranks(pairs.orthogonality));
    EXPECT_TRUE(same_on_all_ranks(static_cast<double>(pairs.products)));
    EXPECT_TRUE(same_on_all_ranks(pairs.product_seconds));
  }
}

TEST(LeadingEigenpairsTest, RefusesValuesThatAreNotFinite) {
  const auto world = Communicator::world();
  const auto matrix = with_spectrum(spectrum(31, [](std::int64_t i) { return std::pow(0.5, i); }));
  for (const int good : {0, 1}) {
    for (const auto& options : {lanczos(2), power(2)}) {
      const FailingOperator a(matrix.clone(), good);
      EXPECT_THROW((void)leading_eigenpairs(world, a, nullptr, options, silent_monitor()),
                   NumericalError);
    }
    const FailingOperator inverse(matrix.clone(), good);
    EXPECT_THROW((void)smallest_eigenvalue(world, inverse, 0.0, 1.0, 0, silent_monitor()),
                 NumericalError);
    const DenseOperator rounded(
        dense<float>(31, 31, [&](std::int64_t i, std::int64_t j) { return matrix(i, j); }));
    const FailingOperator exact(matrix.clone(), good);
    EXPECT_THROW((void)leading_eigenpairs(world, rounded, &exact, lanczos(2), silent_monitor()),
                 NumericalError);
  }
}

TEST(LeadingEigenpairsTest, StopsOnAllRanksWhenOneAsks) {
  const auto world = Communicator::world();
  const DenseOperator a(
      with_spectrum(spectrum(301, [](std::int64_t i) { return std::pow(0.97, i); })));
  for (const int question : {0, 3}) {
    for (const auto& options : {lanczos(5), power(2)}) {
      StopAtQuestion monitor(world.rank() == world.size() - 1 ? question : 1'000'000);
      EXPECT_THROW((void)leading_eigenpairs(world, a, nullptr, options, monitor), InterruptedError);
    }
    StopAtQuestion monitor(world.rank() == 0 ? question : 1'000'000);
    EXPECT_THROW((void)smallest_eigenvalue(world, a, 0.0, 1.0, 0, monitor), InterruptedError);
  }
}

TEST(SmallestEigenvalueTest, BoundsItsError) {
  const auto world = Communicator::world();
  for (const std::int64_t n : {1, 2, 5, 211}) {
    const auto values = spectrum(
        n, [](std::int64_t i) { return 1e-3 * std::pow(1.0 + static_cast<double>(i), 1.3); });
    for (const double shift : {0.0, 1e-2, 10.0}) {
      SCOPED_TRACE(testing::Message() << "n = " << n << ", shift = " << shift);
      const DenseOperator inverse(with_spectrum(spectrum(
          n, [&](std::int64_t i) { return 1.0 / (values[static_cast<std::size_t>(i)] + shift); })));
      const auto smallest =
          smallest_eigenvalue(world, inverse, shift, values.back(), 0, silent_monitor());
      EXPECT_TRUE(smallest.converged);
      // The reflections round the matrix a little.
      EXPECT_LE(std::abs(smallest.value - 1e-3),
                smallest.error + eigen_bound<double>(1, 1e-3 + shift));
      EXPECT_LE(smallest.error,
                2e-9 * (1e-3 + shift) + eigen_bound<double>(n, values.back() + shift));
      EXPECT_GE(smallest.solves, 1);
      EXPECT_TRUE(same_on_all_ranks(smallest.value));
      EXPECT_GT(std::abs(smallest.value - 1.001e-3), shift == 10.0 ? 0.0 : smallest.error)
          << "the bound holds for any value";
    }
  }
}

TEST(SmallestEigenvalueTest, ReportsAnInverseThatIsNone) {
  const auto world = Communicator::world();
  for (const double value : {-1.0, 0.0}) {
    const DenseOperator inverse(with_spectrum(std::vector<double>(7, value)));
    const auto smallest = smallest_eigenvalue(world, inverse, 0.0, 1.0, 0, silent_monitor());
    EXPECT_FALSE(smallest.converged);
    EXPECT_TRUE(std::isinf(smallest.error));
    EXPECT_EQ(smallest.value, 0.0);
  }
}

TEST(CentredOperatorTest, IsTheProductWithBothMeansTakenOff) {
  for (const std::int64_t n : {1, 2, 37}) {
    const DenseOperator a(dense<double>(n, n, RandomSymmetric{3.0}));
    const auto h = dense<double>(n, n, [n](std::int64_t i, std::int64_t j) {
      return (i == j ? 1.0 : 0.0) - 1.0 / static_cast<double>(n);
    });
    const auto x = dense<double>(n, 3, [](std::int64_t i, std::int64_t j) {
      return RandomStream(9, 1).normal(static_cast<std::uint64_t>(i),
                                       static_cast<std::uint64_t>(j));
    });
    const auto expected = product(h, product(a.a, product(h, x)));
    const CentredOperator centred(a);
    EXPECT_EQ(centred.size(), n);
    const double bound = product_bound<double>(n, norm_1(a.a), norm_1(x));
    EXPECT_LE(distance_1(centred.apply(x), expected), bound);
    if (n > 1) {
      EXPECT_GT(distance_1(a.apply(x), expected), bound);
    }
  }
}

}  // namespace
}  // namespace ntkflow::test
