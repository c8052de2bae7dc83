#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/kernel/kernel_evaluator.hpp>

#include "example_activations.hpp"
#include "gaussian_mean.hpp"
#include "support/tolerance.hpp"

// What holds for the kernels of every activation, on every path that serves it.
namespace ntkflow {
namespace {

using test::ActivationExample;
using test::DualsKind;
using test::example_activations;

constexpr std::array kPaths = {EvaluationPath::fused, EvaluationPath::layered,
                               EvaluationPath::reference};

/// With these, Sigma^(1) = x.y, Sigma^(2) = F and Theta^(2) = F + G x.y.
Architecture bare_duals(const ActivationSpec& activation) {
  return {2, activation, 1.0, 0.0, FirstLayer::plain};
}

bool has_ntk(const ActivationExample& example) {
  return why_no_ntk(example.spec).empty();
}

/// The evaluator of that path; nothing where the path cannot serve.
template <class Real>
std::optional<KernelEvaluator<Real>> evaluator_by(EvaluationPath path,
                                                  const Architecture& architecture,
                                                  std::int64_t dimension, NormRange norms) {
  try {
    return KernelEvaluator<Real>(architecture, dimension, norms, path);
  } catch (const NumericalError&) {
    return std::nullopt;
  }
}

/// Both kernels at all products of a sample of each norm.
std::vector<KernelPair> kernels_at(const KernelEvaluator<double>& evaluator, double row_norm,
                                   double col_norm, const std::vector<double>& products) {
  const auto m = static_cast<std::int64_t>(products.size());
  Matrix<double> entries(m, 1);
  Matrix<double> nngp(m, 1);
  Matrix<double> ntk(m, 1);
  std::copy(products.begin(), products.end(), entries.data());
  evaluator.evaluate(entries.view(), evaluator.variances(std::vector(products.size(), row_norm)), 0,
                     evaluator.variances(std::vector{col_norm}), 0, nngp.view(), ntk.view());
  std::vector<KernelPair> pairs;
  for (std::int64_t i = 0; i < m; ++i) {
    pairs.push_back({nngp(i, 0), ntk(i, 0)});
  }
  return pairs;
}

TEST(DualsPropertyTest, AtEqualSamplesAreTheMomentsOfTheFunction) {
  const double bound = test::ulp_bound<double>(4096.0, 1.0);  // of the quadrature here
  // The rounding of a correlation of 1 opens an angle of its square root between the samples.
  const double kink_bound = 4.0 * std::sqrt(test::kEps<double>);
  std::array<int, kPaths.size()> served{};
  for (const ActivationExample& example : example_activations()) {
    for (const double share : {0.1, 0.5, 1.0}) {
      const double q = share * example.largest_variance;
      const double f = test::second_moment_of(example, q);
      const double sum = f + (has_ntk(example) ? q * test::slope_moment_of(example, q) : 0.0);
      for (std::size_t k = 0; k < kPaths.size(); ++k) {
        SCOPED_TRACE(example.label() + " q = " + std::to_string(q) + " " + to_string(kPaths[k]));
        const auto evaluator =
            evaluator_by<double>(kPaths[k], bare_duals(example.spec), 1, NormRange{q, q});
        if (!evaluator) {
          continue;
        }
        ++served[k];
        const auto pair = kernels_at(*evaluator, q, q, {q}).front();
        EXPECT_NEAR(evaluator->diagonal(q, KernelType::nngp), f, bound * f);
        EXPECT_NEAR(pair.nngp, f, (has_ntk(example) ? bound : kink_bound) * f);
        EXPECT_GT(std::abs((1.0 + 2.0 * kink_bound) * pair.nngp - f), kink_bound * f);
        if (has_ntk(example)) {
          EXPECT_NEAR(evaluator->diagonal(q, KernelType::ntk), sum, bound * sum);
          EXPECT_NEAR(pair.ntk, sum, (example.kinks.empty() ? bound : kink_bound) * sum);
          EXPECT_GT(std::abs((1.0 + 2.0 * kink_bound) * pair.ntk - sum), kink_bound * sum);
        }
      }
    }
  }
  const auto all = static_cast<int>(3 * example_activations().size());
  EXPECT_EQ(served[2], all);
  EXPECT_GE(served[1], all - 3);  // a series does not serve the expression with a kink
  EXPECT_GE(served[0], all - 6);
}

TEST(DualsPropertyTest, DerivativeCovarianceIsTheSlope) {  // Price (1958)
  // Central differences of order 8.
  const std::array<double, 4> weights = {4.0 / 5.0, -1.0 / 5.0, 4.0 / 105.0, -1.0 / 280.0};
  const double step_share = 0.01;
  for (const ActivationExample& example : example_activations()) {
    if (!has_ntk(example)) {
      continue;
    }
    for (const EvaluationPath path : kPaths) {
      const double q1 = 0.4 * example.largest_variance;
      const double q2 = path == EvaluationPath::fused ? q1 : 0.7 * q1;
      const auto evaluator =
          evaluator_by<double>(path, bare_duals(example.spec), 1, NormRange{q2, q1});
      if (!evaluator) {
        continue;
      }
      const double root = std::sqrt(q1 * q2);
      const double step = step_share * root;
      const double scale = std::sqrt(evaluator->diagonal(q1, KernelType::ntk) *
                                     evaluator->diagonal(q2, KernelType::ntk));
      // What the kernels promise of F, over the step, leaves the truncation far behind.
      const double promised =
          test::ulp_bound<double>(example.kind == DualsKind::numerical ? 4500.0 : 450.0, 1.0);
      const double bound = 4.0 * promised / step_share * scale;
      for (const double rho : {-0.4, 0.05, 0.3}) {
        SCOPED_TRACE(example.label() + " rho = " + std::to_string(rho) + " " + to_string(path));
        std::vector<double> products = {rho * root};
        for (std::size_t k = 1; k <= weights.size(); ++k) {
          products.push_back(rho * root + static_cast<double>(k) * step);
          products.push_back(rho * root - static_cast<double>(k) * step);
        }
        const auto pairs = kernels_at(*evaluator, q1, q2, products);
        double slope = 0.0;
        for (std::size_t k = 0; k < weights.size(); ++k) {
          slope += weights[k] * (pairs[2 * k + 1].nngp - pairs[2 * k + 2].nngp) / step;
        }
        // Both times sqrt(q1 q2), so that they compare with F.
        const double g = (pairs[0].ntk - pairs[0].nngp) / rho;
        EXPECT_NEAR(g, slope * root, bound / std::abs(rho) / 4.0);
        EXPECT_GT(std::abs(g + bound / std::abs(rho) - slope * root), bound / std::abs(rho) / 4.0);
      }
    }
  }
}

// Gram matrices of random points. --------------------------------------------------------------

constexpr std::int64_t kDimension = 8;

enum class Placement { sphere, raw };

/// Points [d x n], the last four of which are neighbours of the first four, at distances that grow
/// from `nearest` by a factor.
template <class Real>
Matrix<Real> make_points(std::int64_t n, Placement placement, double nearest, double growth) {
  const RandomStream random(61, placement == Placement::sphere ? 0 : 1);
  Matrix<double> points(kDimension, n);
  for (std::int64_t i = 0; i < n; ++i) {
    const bool is_neighbour = i >= n - 4;
    const double distance = nearest * std::pow(growth, static_cast<double>(i - (n - 4)));
    double square = 0.0;
    for (std::int64_t k = 0; k < kDimension; ++k) {
      points(k, i) = is_neighbour ? points(k, i - (n - 4)) + distance * random.normal(k, 1000 + i)
                                  : 0.2 + random.normal(k, i);
      square += points(k, i) * points(k, i);
    }
    for (std::int64_t k = 0; placement == Placement::sphere && k < kDimension; ++k) {
      points(k, i) *= std::sqrt(static_cast<double>(kDimension) / square);
    }
  }
  Matrix<Real> rounded(kDimension, n);
  std::copy_n(points.data(), points.size(), rounded.data());
  return rounded;
}

/// A kernel matrix as it is used: the diagonal from the norms alone, nearly parallel pairs from the
/// samples.
template <class Real>
struct Gram {
  Matrix<Real> tile;    ///< as evaluate leaves it
  Matrix<Real> kernel;  ///< as it is used
  std::vector<double> diagonal;
};

template <class Real>
Gram<Real> make_gram(const KernelEvaluator<Real>& evaluator, const Matrix<Real>& x,
                     KernelType type) {
  const std::int64_t n = x.cols();
  const int depth = evaluator.architecture().depth;
  Matrix<Real> products(n, n);
  std::vector<double> norms;
  for (std::int64_t j = 0; j < n; ++j) {
    norms.push_back(accurate_dot(x.column(j), x.column(j), kDimension));
    for (std::int64_t i = 0; i < n; ++i) {
      products(i, j) = static_cast<Real>(accurate_dot(x.column(i), x.column(j), kDimension));
    }
  }
  const auto variances = evaluator.variances(norms);
  Gram<Real> gram{Matrix<Real>(n, n), {}, {}};
  const MatrixView<Real> none;
  evaluator.evaluate(products.view(), variances, 0, variances, 0,
                     type == KernelType::nngp ? gram.tile.view() : none,
                     type == KernelType::ntk ? gram.tile.view() : none);
  gram.kernel = gram.tile.clone();
  std::vector<std::int64_t> memory(static_cast<std::size_t>(n));
  for (std::int64_t j = 0; j < n; ++j) {
    const std::span<const Real> column(products.column(j), static_cast<std::size_t>(n));
    for (const std::int64_t i :
         evaluator.near_parallel(column, variances, 0, variances, j, memory)) {
      const auto near = evaluator.near_kernels(
          norms[static_cast<std::size_t>(i)], norms[static_cast<std::size_t>(j)],
          near_correlation(x.column(std::max(i, j)), x.column(std::min(i, j)), kDimension), depth);
      if (near) {
        gram.kernel(i, j) = static_cast<Real>(type == KernelType::ntk ? near->ntk : near->nngp);
      }
    }
    gram.diagonal.push_back(evaluator.diagonal(norms[static_cast<std::size_t>(j)], type));
    gram.kernel(j, j) = static_cast<Real>(gram.diagonal.back());
  }
  return gram;
}

/// The largest K(x, y)^2 / (K(x, x) K(y, y)) - 1, in eps.
template <class Real>
double cauchy_schwarz_excess(const Matrix<Real>& kernel, const std::vector<double>& diagonal) {
  double worst = -HUGE_VAL;
  for (std::int64_t j = 0; j < kernel.cols(); ++j) {
    for (std::int64_t i = 0; i < kernel.rows(); ++i) {
      const double bound =
          diagonal[static_cast<std::size_t>(i)] * diagonal[static_cast<std::size_t>(j)];
      worst = std::max(worst, std::pow(static_cast<double>(kernel(i, j)), 2.0) / bound - 1.0);
    }
  }
  return worst / test::kEps<Real>;
}

template <class Real>
bool is_symmetric(const Matrix<Real>& kernel) {
  for (std::int64_t j = 0; j < kernel.cols(); ++j) {
    for (std::int64_t i = 0; i < j; ++i) {
      if (kernel(i, j) != kernel(j, i)) {
        return false;
      }
    }
  }
  return true;
}

/// Smallest and largest eigenvalue by cyclic Jacobi rotations. Ref: Golub, Van Loan, Matrix
/// Computations (2013), algorithm 8.5.2.
template <class Real>
std::pair<double, double> extreme_eigenvalues(const Matrix<Real>& kernel) {
  const std::int64_t n = kernel.rows();
  Matrix<long double> a(n, n);
  std::copy_n(kernel.data(), kernel.size(), a.data());
  for (int sweep = 0; sweep < 12; ++sweep) {
    for (std::int64_t p = 0; p < n; ++p) {
      for (std::int64_t q = p + 1; q < n; ++q) {
        if (a(p, q) == 0.0L) {
          continue;
        }
        const long double tau = (a(q, q) - a(p, p)) / (2 * a(p, q));
        const long double t =
            (tau >= 0.0L ? 1.0L : -1.0L) / (std::abs(tau) + std::sqrt(1.0L + tau * tau));
        const long double cosine = 1.0L / std::sqrt(1.0L + t * t);
        const long double sine = t * cosine;
        for (std::int64_t k = 0; k < n; ++k) {
          const long double first = a(k, p);
          a(k, p) = cosine * first - sine * a(k, q);
          a(k, q) = sine * first + cosine * a(k, q);
        }
        for (std::int64_t k = 0; k < n; ++k) {
          const long double first = a(p, k);
          a(p, k) = cosine * first - sine * a(q, k);
          a(q, k) = sine * first + cosine * a(q, k);
        }
      }
    }
  }
  double smallest = HUGE_VAL;
  double largest = -HUGE_VAL;
  for (std::int64_t k = 0; k < n; ++k) {
    smallest = std::min(smallest, static_cast<double>(a(k, k)));
    largest = std::max(largest, static_cast<double>(a(k, k)));
  }
  return {smallest, largest};
}

/// smallest / (n eps largest): at least -1 where a matrix is semidefinite to rounding.
template <class Real>
double definiteness(const Matrix<Real>& kernel) {
  const auto [smallest, largest] = extreme_eigenvalues(kernel);
  return smallest / (static_cast<double>(kernel.rows()) * test::kEps<Real> * largest);
}

TEST(ExtremeEigenvaluesTest, OfAKnownMatrix) {
  // Second differences: 2 - 2 cos(k pi / (n + 1)).
  const std::int64_t n = 17;
  Matrix<double> a(n, n);
  for (std::int64_t i = 0; i < n; ++i) {
    a(i, i) = 2.0;
    if (i > 0) {
      a(i, i - 1) = -1.0;
      a(i - 1, i) = -1.0;
    }
  }
  const auto [smallest, largest] = extreme_eigenvalues(a);
  EXPECT_NEAR(smallest, 2.0 - 2.0 * std::cos(M_PI / 18.0), test::ulp_bound<double>(4.0, 2.0));
  EXPECT_NEAR(largest, 2.0 + 2.0 * std::cos(M_PI / 18.0), test::ulp_bound<double>(4.0, 2.0));
}

template <class Real>
class GramPropertyTest : public testing::Test {};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(GramPropertyTest, Precisions);

template <class Real>
void check_gram(const ActivationExample& example, EvaluationPath path, Placement placement) {
  const auto [weight, bias] = example.networks.front();
  const Architecture architecture{3, example.spec, weight, bias, FirstLayer::normalised};
  const bool by_quadrature = example.kind == DualsKind::numerical &&
                             (path == EvaluationPath::reference || !example.kinks.empty());
  const std::int64_t n = by_quadrature ? 8 : 40;
  // Where pairs have no kernels but those of their rounded product, as with numerical duals of raw
  // data, a kink would show its rounding.
  const bool may_be_near = example.kind != DualsKind::numerical || example.kinks.empty();
  const auto x = may_be_near ? make_points<Real>(n, placement, 100.0 * test::kEps<Real>, 100.0)
                             : make_points<Real>(n, placement, 0.03, 3.0);
  const auto evaluator = evaluator_by<Real>(path, architecture, kDimension, norm_range(x.view()));
  if (!evaluator) {
    return;
  }
  for (const KernelType type : {KernelType::nngp, KernelType::ntk}) {
    if (type == KernelType::ntk && !has_ntk(example)) {
      continue;
    }
    SCOPED_TRACE(example.label() + (placement == Placement::raw ? " raw " : " sphere ") +
                 to_string(evaluator->path()) + (type == KernelType::ntk ? " ntk" : " nngp"));
    Gram<Real> gram = make_gram(*evaluator, x, type);
    const double allowed = 64.0;
    EXPECT_TRUE(is_symmetric(gram.tile));
    EXPECT_TRUE(is_symmetric(gram.kernel));
    EXPECT_LE(cauchy_schwarz_excess(gram.kernel, gram.diagonal), allowed);
    EXPECT_GE(definiteness(gram.kernel), -1.0);

    // Twins: each check sees one wrong pair.
    const std::int64_t last = n - 4;
    gram.kernel(last, 0) = std::nextafter(gram.kernel(last, 0), Real(HUGE_VALF));
    EXPECT_FALSE(is_symmetric(gram.kernel));
    const double root = std::sqrt(gram.diagonal.front() * gram.diagonal[last]);
    gram.kernel(last, 0) = static_cast<Real>((1.0 + allowed * test::kEps<Real>)*root);
    EXPECT_GT(cauchy_schwarz_excess(gram.kernel, gram.diagonal), allowed);
    gram.kernel(last, 0) =
        static_cast<Real>(2.0 * *std::max_element(gram.diagonal.begin(), gram.diagonal.end()));
    gram.kernel(0, last) = gram.kernel(last, 0);
    EXPECT_LT(definiteness(gram.kernel), -1.0);
  }
}

TYPED_TEST(GramPropertyTest, OnTheSphere) {
  for (const ActivationExample& example : example_activations()) {
    check_gram<TypeParam>(example, EvaluationPath::fused, Placement::sphere);
    check_gram<TypeParam>(example, EvaluationPath::layered, Placement::sphere);
  }
}

TYPED_TEST(GramPropertyTest, OfRawData) {
  for (const ActivationExample& example : example_activations()) {
    check_gram<TypeParam>(example, EvaluationPath::layered, Placement::raw);
    check_gram<TypeParam>(example, EvaluationPath::reference, Placement::raw);
  }
}

}  // namespace
}  // namespace ntkflow
