#include <cmath>
#include <string>

#include <boost/math/special_functions/bessel.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <boost/math/special_functions/legendre.hpp>
#include <gtest/gtest.h>

#include <ntkflow/kernel/zonal_kernels.hpp>

#include "../kernel/multiprecision.hpp"
#include "degree_spectrum.hpp"

namespace ntkflow::test {
namespace {

const Architecture kKernels[] = {
    {4, {"relu", {}}, 2.0, 2.0, FirstLayer::normalised},
    {4, {"relu", {}}, 2.0, 0.0, FirstLayer::normalised},
    {4, {"erf", {}}, 4.0, 0.0, FirstLayer::normalised},
    {3, {"erf", {}}, 1.5, 0.1, FirstLayer::plain},
    {4, {"gelu", {}}, 2.0, 0.5, FirstLayer::normalised},
    {3, {"leaky_relu", {{"negative_slope", {0.125}}}}, 1.5, 0.25, FirstLayer::normalised},
    {3, {"hermite", {{"degree", {2.0}}}}, 0.5, 0.5, FirstLayer::normalised}};

/// The mean of Phi(mean(x)) x_1 ... x_k over all corners x, one by one.
Digits50 mean_over_corners(const std::vector<Digits50>& phi, std::int64_t dimension,
                           std::int64_t degree) {
  Digits50 sum = 0;
  for (std::uint64_t corner = 0; corner < (std::uint64_t{1} << dimension); ++corner) {
    std::size_t ones = 0;
    int sign = 1;
    for (std::int64_t j = 0; j < dimension; ++j) {
      const bool is_one = (corner >> j & 1) != 0;
      ones += is_one ? 1 : 0;
      sign = j < degree && !is_one ? -sign : sign;
    }
    sum += sign * phi[ones];
  }
  return ldexp(sum, -static_cast<int>(dimension));
}

/// ((I - T) / 2)^k ((I + T) / 2)^(d - k) of the d+1 values, T the shift by one node.
Digits50 by_differences(std::vector<Digits50> phi, std::int64_t degree) {
  for (std::int64_t step = 0; phi.size() > 1; ++step) {
    for (std::size_t i = 0; i + 1 < phi.size(); ++i) {
      phi[i] = (step < degree ? Digits50(phi[i + 1] - phi[i]) : Digits50(phi[i + 1] + phi[i])) / 2;
    }
    phi.pop_back();
  }
  return phi.front();
}

struct ExactValues {
  std::vector<std::vector<Digits50>> by_type_and_depth;  // the NTK first
};

ExactValues exact_values(const Architecture& kernel, std::int64_t dimension) {
  ExactValues exact;
  exact.by_type_and_depth.resize(2 * static_cast<std::size_t>(kernel.depth));
  for (std::int64_t r = 0; r <= dimension; ++r) {
    const auto values =
        exact_kernels_by_depth(kernel, dimension, dimension, dimension, 2 * r - dimension);
    for (std::size_t l = 0; l < values.size(); ++l) {
      exact.by_type_and_depth[l].push_back(values[l].ntk);
      exact.by_type_and_depth[values.size() + l].push_back(values[l].nngp);
    }
  }
  return exact;
}

template <class Oracle>
void expect_cube(const Architecture& kernel, std::int64_t dimension, std::int64_t degree,
                 double tolerance, const Oracle& oracle) {
  SCOPED_TRACE(kernel.activation.name + " on " + std::to_string(dimension));
  const DegreeSpectrum found =
      degree_spectrum(CubeTransform(dimension, degree), kernel, dimension, degree);
  const ExactValues exact = exact_values(kernel, dimension);
  ASSERT_EQ(found.degrees, degree + 1);
  std::size_t at = 0;
  for (const auto& phi : exact.by_type_and_depth) {
    for (std::int64_t k = 0; k <= degree; ++k, ++at) {
      const Digits50 expected = oracle(phi, k);
      const double value = found.eigenvalue[at];
      // Exact zeros: what the oracle leaves of them is its own rounding.
      if (abs(expected) < 1e-44 * phi.back()) {
        EXPECT_EQ(value, 0.0) << at << " of degree " << k;
      } else {
        EXPECT_LT(relative_error(value, expected), tolerance) << at << " of degree " << k;
      }
      EXPECT_GT(found.error[at], 0.0);
    }
  }
}

TEST(CubeTransformTest, AgreesWithSumsOverAllCorners) {
  for (const Architecture& kernel : kKernels) {
    for (const std::int64_t dimension : {1, 2, 5, 12}) {
      if (dimension == 12 && kernel.activation.name == "gelu") {
        continue;  // its oracle for G differentiates numerically
      }
      expect_cube(kernel, dimension, dimension, 1e-12, [&](const auto& phi, std::int64_t k) {
        return mean_over_corners(phi, dimension, k);
      });
    }
  }
}

TEST(CubeTransformTest, AgreesWithDifferencesInHighDimension) {
  for (const Architecture& kernel : {kKernels[0], kKernels[2], kKernels[5]}) {
    expect_cube(kernel, 128, 12, 1e-10,
                [](const auto& phi, std::int64_t k) { return by_differences(phi, k); });
  }
}

// Phi(t) = exp(a t) has mu_k = cosh(a/d)^(d-k) sinh(a/d)^k: from 1 down to 1e-66 and, at the last
// degree, 1e-270, where nothing is left of it.
TEST(CubeTransformTest, KeepsItsDigitsOverTheWholeSpectrum) {
  constexpr std::int64_t kDimension = 128;
  const Architecture kernel{2, {"exp", {}}, 1.0, 0.0, FirstLayer::normalised};
  const DegreeSpectrum found =
      degree_spectrum(CubeTransform(kDimension, kDimension), kernel, kDimension, kDimension);
  const auto nngp = found.eigenvalue.begin() + 3 * (kDimension + 1);
  const auto error = found.error.begin() + 3 * (kDimension + 1);
  const Extended step = Extended(1) / kDimension;
  int resolved = 0;
  for (int k = 0; k <= kDimension; ++k) {
    const Extended exact =
        exp(Extended(1)) * pow(cosh(step), static_cast<int>(kDimension) - k) * pow(sinh(step), k);
    if (nngp[k] != 0.0) {
      const auto distance = static_cast<double>(abs(nngp[k] - exact));
      EXPECT_LE(distance, error[k] + 1e-15 * nngp[k]) << k;
      EXPECT_LT(distance, nngp[k]) << k;
      ++resolved;
    } else {
      EXPECT_LE(exact, 2.0 * error[k]) << k;
    }
  }
  EXPECT_GT(resolved, 40);
  EXPECT_LT(resolved, 60);
}

// Duals that are integrated have the digits of a double, and eigenvalues below are marked by 0.
TEST(CubeTransformTest, BoundsTheErrorsOfIntegratedDuals) {
  constexpr std::int64_t kDimension = 12;
  for (const char* name : {"tanh", "hard_tanh"}) {
    const Architecture kernel{3, {name, {}}, 1.5, 0.1, FirstLayer::normalised};
    const DegreeSpectrum found =
        degree_spectrum(CubeTransform(kDimension, kDimension), kernel, kDimension, kDimension);
    std::size_t at = 0;
    for (const auto& phi : exact_values(kernel, kDimension).by_type_and_depth) {
      for (std::int64_t k = 0; k <= kDimension; ++k, ++at) {
        const auto exact = static_cast<double>(by_differences(phi, k));
        EXPECT_LE(std::abs(found.eigenvalue[at] - exact), 2.0 * found.error[at]) << name << k;
        EXPECT_LE(found.error[at], 1e-10 * static_cast<double>(phi.back())) << name << k;
      }
    }
    EXPECT_GT(found.eigenvalue[found.eigenvalue.size() - kDimension], 0.0);
  }
}

TEST(CubeTransformTest, CountsDegrees) {
  double sum = 0.0;
  const CubeTransform cube(12, 12);
  for (const auto& [degree, count] : {std::pair{0, 1.0}, {1, 12.0}, {4, 495.0}, {12, 1.0}}) {
    EXPECT_EQ(cube.multiplicity(degree), count);
  }
  for (int k = 0; k <= 12; ++k) {
    sum += cube.multiplicity(k);
  }
  EXPECT_EQ(sum, 4096.0);
}

std::vector<Extended> at_nodes(const SphereTransform& sphere, auto&& phi) {
  std::vector<Extended> values;
  for (const Extended& t : sphere.nodes()) {
    values.push_back(phi(t));
  }
  return values;
}

// Of t^n: n! Gamma(d/2) / (2^n ((n-k)/2)! Gamma((n+k+d)/2)) where n - k is even and not negative.
TEST(SphereTransformTest, KnowsPowers) {
  constexpr std::int64_t kDegree = 9;
  for (const std::int64_t d : {2, 3, 4, 10, 50}) {
    const SphereTransform sphere(d, kDegree, 256);
    for (int n = 0; n <= 6; ++n) {
      const auto values = at_nodes(sphere, [&](const Extended& t) { return Extended(pow(t, n)); });
      const auto found = sphere.eigenvalues(values);
      const auto errors = sphere.rule_errors(values);
      for (int k = 0; k <= kDegree; ++k) {
        const bool is_there = k <= n && (n - k) % 2 == 0;
        const Extended half = Extended(static_cast<double>(d)) / 2;
        const Extended exact =
            is_there
                ? Extended(boost::math::tgamma(Extended(n + 1)) * boost::math::tgamma(half) /
                           (ldexp(Extended(1), n) * boost::math::tgamma(Extended((n - k) / 2 + 1)) *
                            boost::math::tgamma(Extended(half + Extended(n + k) / 2))))
                : Extended(0);
        EXPECT_LT(abs(found[static_cast<std::size_t>(k)] - exact), 1e-60)
            << d << " " << n << " " << k;
        EXPECT_LT(errors[static_cast<std::size_t>(k)], 1e-25);
      }
    }
  }
}

// Of exp(t): Gamma(d/2) 2^(d/2-1) I_{k+d/2-1}(1).
TEST(SphereTransformTest, KnowsTheExponential) {
  constexpr int kDegree = 20;
  for (const std::int64_t d : {2, 3, 5, 10}) {
    const SphereTransform sphere(d, kDegree, 256);
    const auto found =
        sphere.eigenvalues(at_nodes(sphere, [](const Extended& t) { return Extended(exp(t)); }));
    const double order = static_cast<double>(d) / 2.0 - 1.0;
    for (int k = 0; k <= kDegree; ++k) {
      const double exact = std::tgamma(order + 1.0) * std::pow(2.0, order) *
                           boost::math::cyl_bessel_i(k + order, 1.0);
      EXPECT_NEAR(static_cast<double>(found[static_cast<std::size_t>(k)]) / exact, 1.0, 1e-12);
    }
  }
}

/// Coefficients of P_k by powers of t, degree by degree.
std::vector<std::vector<Extended>> gegenbauer(std::int64_t d, int degree) {
  std::vector<std::vector<Extended>> p = {{1}, {0, 1}};
  for (int k = 1; k < degree; ++k) {
    std::vector<Extended> next(static_cast<std::size_t>(k) + 2);
    for (std::size_t j = 0; j < p.back().size(); ++j) {
      next[j + 1] += (2 * k + d - 2) * p.back()[j] / (k + d - 2);
    }
    for (std::size_t j = 0; j + 1 < p.back().size(); ++j) {
      next[j] -= k * p[p.size() - 2][j] / (k + d - 2);
    }
    p.push_back(next);
  }
  return p;
}

// The covariance of one layer of relu without bias has eigenvalues d eta_k^2, eta_k that of max(t,
// 0): w is a uniform direction times a length whose mean square is d (Bach 2017, appendix D). With
// t^(j+1) integrated over (0, 1) by Beta functions.
TEST(SphereTransformTest, KnowsTheArcCosineKernel) {
  constexpr int kDegree = 16;
  for (const std::int64_t d : {2, 3, 4, 10}) {
    const Architecture kernel{2, {"relu", {}}, 2.0, 0.0, FirstLayer::normalised};
    const DegreeSpectrum found = degree_spectrum(SphereTransform(d, kDegree), kernel, d, kDegree);
    const auto nngp = found.eigenvalue.begin() + 3 * (kDegree + 1);
    const auto error = found.error.begin() + 3 * (kDegree + 1);
    const auto p = gegenbauer(d, kDegree);
    const Extended half = Extended(static_cast<double>(d - 1)) / 2;
    const auto beta = [](const Extended& a, const Extended& b) {
      return Extended(boost::math::tgamma(a) * boost::math::tgamma(b) /
                      boost::math::tgamma(Extended(a + b)));
    };
    for (int k = 0; k <= kDegree; ++k) {
      Extended eta = 0;
      for (std::size_t j = 0; j < p[static_cast<std::size_t>(k)].size(); ++j) {
        eta += p[static_cast<std::size_t>(k)][j] *
               beta(Extended(static_cast<double>(j) / 2.0 + 1.0), half) / 2;
      }
      eta /= beta(Extended(0.5), half);
      // sigma_w^2 q = 4 times the kernel of a unit vector, 1/d of that of length sqrt(d).
      const auto exact = static_cast<double>(4 * d * eta * eta);
      EXPECT_LT(error[k], 1e-30);
      if (k % 2 == 1 && k > 1) {
        EXPECT_EQ(nngp[k], 0.0) << k;
      } else {
        EXPECT_NEAR(nngp[k] / exact, 1.0, 1e-14) << d << " " << k;
      }
    }
  }
}

// Fourier coefficients on the circle, and an explicit Legendre sum in three dimensions, of deep
// kernels in double.
TEST(SphereTransformTest, IsFourierOnTheCircleAndLegendreInSpace) {
  constexpr int kDegree = 6;
  constexpr int kPoints = 1 << 13;
  for (const Architecture& kernel : {kKernels[0], kKernels[3]}) {
    for (const std::int64_t d : {2, 3}) {
      const DegreeSpectrum found = degree_spectrum(SphereTransform(d, kDegree), kernel, d, kDegree);
      const auto last = found.eigenvalue.end() - kDegree - 1;
      std::vector<double> t;
      for (int i = kPoints; i >= 0; --i) {
        t.push_back(i == 0 ? 1.0 : std::cos(M_PI * i / kPoints));
      }
      const std::vector<double> phi = zonal_kernels(kernel, d, t).nngp.back();
      for (int k = 0; k <= kDegree; ++k) {
        double sum = 0.0;
        double total = 0.0;
        for (int i = 0; i <= kPoints; ++i) {
          const double u = M_PI * (kPoints - i) / kPoints;
          const auto at = static_cast<std::size_t>(i);
          const double ends = i == 0 || i == kPoints ? 0.5 : 1.0;
          const double weight = ends * (d == 2 ? 1.0 : std::sin(u));
          total += weight;
          sum += weight * phi[at] * (d == 2 ? std::cos(k * u) : boost::math::legendre_p(k, t[at]));
        }
        // The trapezoid rule is of second order.
        EXPECT_NEAR(last[k], sum / total, 1e-6 * phi.back()) << d << " " << k;
      }
    }
  }
}

TEST(SphereTransformTest, CountsHarmonics) {
  for (int k = 0; k <= 6; ++k) {
    EXPECT_EQ(SphereTransform(2, 1, 8).multiplicity(k), k == 0 ? 1.0 : 2.0);
    EXPECT_EQ(SphereTransform(3, 1, 8).multiplicity(k), 2.0 * k + 1.0);
    EXPECT_EQ(SphereTransform(4, 1, 8).multiplicity(k), (k + 1.0) * (k + 1.0));
  }
  EXPECT_EQ(SphereTransform(10, 1, 8).multiplicity(3), 210.0);
}

}  // namespace
}  // namespace ntkflow::test
