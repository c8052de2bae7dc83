#include "degree_spectrum.hpp"

#include <cmath>
#include <limits>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/kernel/zonal_kernels.hpp>

namespace ntkflow {
namespace {

Extended binomial(std::int64_t n, std::int64_t k) {
  Extended result = 1;
  for (std::int64_t i = 1; i <= k; ++i) {
    result = result * (n - k + i) / i;
  }
  return result;
}

/// sum_i weights[k][i] values[stride i] for every k.
std::vector<Extended> weighted_sums(const std::vector<std::vector<Extended>>& weights,
                                    const std::vector<Extended>& values, std::size_t stride) {
  std::vector<Extended> sums;
  for (const auto& row : weights) {
    Extended sum = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      sum += row[i] * values[stride * i];
    }
    sums.push_back(sum);
  }
  return sums;
}

/// Weights of the Clenshaw-Curtis rule for the integral over [-1, 1] from its values at
/// cos(j pi / n), j = 0 ... n, n even.
std::vector<Extended> clenshaw_curtis(std::int64_t n) {
  const Extended pi = acos(Extended(-1));
  std::vector<Extended> cosine;  // of j pi / n over a full turn
  for (std::int64_t j = 0; j < 2 * n; ++j) {
    cosine.push_back(cos(pi * j / n));
  }
  std::vector<Extended> weights;
  for (std::int64_t j = 0; j <= n; ++j) {
    Extended sum = 1;
    for (std::int64_t k = 1; k <= n / 2; ++k) {
      const Extended term = cosine[static_cast<std::size_t>(2 * k * j % (2 * n))] / (4 * k * k - 1);
      sum -= k == n / 2 ? term : Extended(2 * term);
    }
    weights.push_back((j == 0 || j == n ? 1 : 2) * sum / n);
  }
  return weights;
}

/// [degree][node]: weight times P_k(cos u), for the mean over the sphere.
std::vector<std::vector<Extended>> gegenbauer_weights(std::int64_t dimension, std::int64_t degree,
                                                      const std::vector<Extended>& angles,
                                                      const std::vector<Extended>& rule) {
  std::vector<std::vector<Extended>> weights(static_cast<std::size_t>(degree) + 1);
  Extended total = 0;
  for (std::size_t i = 0; i < rule.size(); ++i) {
    const Extended weight = rule[i] * pow(sin(angles[i]), static_cast<int>(dimension - 2));
    total += weight;
    const Extended t = cos(angles[i]);
    Extended before = 0;
    Extended value = 1;
    for (std::int64_t k = 0; k <= degree; ++k) {
      weights[static_cast<std::size_t>(k)].push_back(weight * value);
      // (k + d - 2) P_{k+1} = (2 k + d - 2) t P_k - k P_{k-1}; P_1 = t for d = 2 also.
      const Extended next =
          k == 0
              ? t
              : Extended(((2 * k + dimension - 2) * t * value - k * before) / (k + dimension - 2));
      before = value;
      value = next;
    }
  }
  for (auto& row : weights) {
    for (Extended& weight : row) {
      weight /= total;
    }
  }
  return weights;
}

}  // namespace

CubeTransform::CubeTransform(std::int64_t dimension, std::int64_t degree) : dimension_(dimension) {
  NTKFLOW_EXPECTS(1 <= degree && degree <= dimension && dimension <= kLargestDimension, degree,
                  dimension);
  std::vector<Extended> multiplicities;
  for (std::int64_t k = 0; k <= dimension; ++k) {
    multiplicities.push_back(binomial(dimension, k));
  }
  weights_.resize(static_cast<std::size_t>(degree) + 1);
  for (std::int64_t r = dimension; r >= 0; --r) {
    nodes_.push_back(1 - Extended(2 * r) / dimension);
    // Krawtchouk polynomials are whole numbers: (k+1) K_{k+1} = (d - 2 r) K_k - (d - k + 1) K_{k-1}
    // is exact. Divided by K_k(0) = binom(d, k) they lie in [-1, 1].
    const Extended share =
        ldexp(multiplicities[static_cast<std::size_t>(r)], -static_cast<int>(dimension));
    Extended before = 0;
    Extended value = 1;
    for (std::int64_t k = 0; k <= degree; ++k) {
      const auto at = static_cast<std::size_t>(k);
      weights_[at].push_back(share * value / multiplicities[at]);
      const Extended next = ((dimension - 2 * r) * value - (dimension - k + 1) * before) / (k + 1);
      before = value;
      value = next;
    }
  }
}

std::vector<Extended> CubeTransform::eigenvalues(const std::vector<Extended>& values) const {
  return weighted_sums(weights_, values, 1);
}

double CubeTransform::multiplicity(std::int64_t degree) const {
  return static_cast<double>(binomial(dimension_, degree));
}

SphereTransform::SphereTransform(std::int64_t dimension, std::int64_t degree,
                                 std::int64_t intervals)
    : dimension_(dimension) {
  NTKFLOW_EXPECTS(dimension >= 2 && degree >= 1 && intervals >= 4 && intervals % 4 == 0, dimension,
                  degree, intervals);
  const Extended pi = acos(Extended(-1));
  std::vector<Extended> angles;
  std::vector<Extended> coarse_angles;
  for (std::int64_t j = 0; j <= intervals; ++j) {
    angles.push_back(pi * (1 + cos(pi * j / intervals)) / 2);
    nodes_.push_back(cos(angles.back()));
    if (j % 2 == 0) {
      coarse_angles.push_back(angles.back());
    }
  }
  nodes_.back() = 1;
  weights_ = gegenbauer_weights(dimension, degree, angles, clenshaw_curtis(intervals));
  coarse_weights_ =
      gegenbauer_weights(dimension, degree, coarse_angles, clenshaw_curtis(intervals / 2));
}

std::vector<Extended> SphereTransform::eigenvalues(const std::vector<Extended>& values) const {
  return weighted_sums(weights_, values, 1);
}

std::vector<double> SphereTransform::rule_errors(const std::vector<Extended>& values) const {
  const std::vector<Extended> fine = weighted_sums(weights_, values, 1);
  const std::vector<Extended> coarse = weighted_sums(coarse_weights_, values, 2);
  std::vector<double> errors;
  for (std::size_t k = 0; k < fine.size(); ++k) {
    errors.push_back(static_cast<double>(abs(fine[k] - coarse[k])));
  }
  return errors;
}

double SphereTransform::multiplicity(std::int64_t degree) const {
  const std::int64_t d = dimension_;
  const Extended all = binomial(d + degree - 1, degree);
  return static_cast<double>(degree < 2 ? all : all - binomial(d + degree - 3, degree - 2));
}

template <class Transform>
DegreeSpectrum degree_spectrum(const Transform& transform, const Architecture& architecture,
                               std::int64_t dimension, std::int64_t degree) {
  const ZonalKernels<Extended> kernels = zonal_kernels(architecture, dimension, transform.nodes());
  DegreeSpectrum spectrum;
  spectrum.depths = architecture.depth;
  spectrum.degrees = degree + 1;
  const auto add = [&](const std::vector<Extended>& values, double value_error) {
    const auto found = transform.eigenvalues(values);
    const auto rule_errors = transform.rule_errors(values);
    spectrum.diagonal.push_back(static_cast<double>(values.back()));
    // The weights of an eigenvalue have absolute values of sum at most 1.
    const double rounding =
        static_cast<double>(std::numeric_limits<Extended>::epsilon() * values.back()) *
        static_cast<double>(values.size());
    for (std::size_t k = 0; k < found.size(); ++k) {
      const double error = value_error + rounding + (rule_errors.empty() ? 0.0 : rule_errors[k]);
      const auto value = static_cast<double>(found[k]);
      spectrum.eigenvalue.push_back(std::abs(value) > error ? value : 0.0);
      spectrum.error.push_back(error);
    }
  };
  for (std::size_t l = 0; l < kernels.ntk.size(); ++l) {
    add(kernels.ntk[l], kernels.ntk_error[l]);
  }
  for (std::size_t l = 0; l < kernels.nngp.size(); ++l) {
    add(kernels.nngp[l], kernels.nngp_error[l]);
  }
  return spectrum;
}

template DegreeSpectrum degree_spectrum(const CubeTransform&, const Architecture&, std::int64_t,
                                        std::int64_t);
template DegreeSpectrum degree_spectrum(const SphereTransform&, const Architecture&, std::int64_t,
                                        std::int64_t);

}  // namespace ntkflow
