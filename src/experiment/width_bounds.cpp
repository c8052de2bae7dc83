#include "width_bounds.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <tuple>
#include <vector>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/linalg/local_eigen.hpp>

namespace ntkflow {

namespace {

bool has_one_relu_layer(const Architecture& architecture) {
  return architecture.depth == 2 && architecture.activation.name == "relu";
}

/// Covariance of what a unit of the first layer reads for samples i and j.
double covariance(const Architecture& architecture, const Matrix<double>& x, std::int64_t i,
                  std::int64_t j) {
  const double scale = architecture.first_layer == FirstLayer::plain
                           ? 1.0
                           : architecture.weight_variance / static_cast<double>(x.rows());
  return scale * std::inner_product(x.column(i), x.column(i) + x.rows(), x.column(j), 0.0) +
         architecture.bias_variance;
}

double trace(const Matrix<double>& a) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < a.rows(); ++i) {
    sum += a(i, i);
  }
  return sum;
}

}  // namespace

std::optional<Moments> relu_moments(const Architecture& architecture, const Matrix<double>& x) {
  if (!has_one_relu_layer(architecture)) {
    return std::nullopt;
  }
  double most = 0.0;
  for (std::int64_t i = 0; i < x.cols(); ++i) {
    most = std::max(most, covariance(architecture, x, i, i));
  }
  const double s = architecture.weight_variance * most;
  return Moments{6.0 * s * s, 4.0 * s};
}

std::optional<FirstLayerMoments> relu_first_layer(const Architecture& architecture,
                                                  const Matrix<double>& x) {
  if (!has_one_relu_layer(architecture)) {
    return std::nullopt;
  }
  const std::int64_t n = x.cols();
  Matrix<double> c(n, n);
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t i = 0; i < n; ++i) {
      c(i, j) = covariance(architecture, x, i, j);
    }
  }
  Matrix<double> arcs(n, n);  // asin rho
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t i = 0; i < n; ++i) {
      arcs(i, j) = std::asin(std::clamp(c(i, j) / std::sqrt(c(i, i) * c(j, j)), -1.0, 1.0));
    }
  }
  constexpr double kPi = std::numbers::pi;
  constexpr double kFourthMoment = 3.0;  // of v
  const double scale = architecture.weight_variance;
  FirstLayerMoments moments{Matrix<double>(n, n), Matrix<double>(n, n)};
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t i = 0; i < n; ++i) {
      moments.mean(i, j) = scale * c(i, j) * (0.25 + arcs(i, j) / (2.0 * kPi));
      double sum = 0.0;
      for (std::int64_t k = 0; k < n; ++k) {
        const double all = 0.125 + (arcs(i, j) + arcs(i, k) + arcs(j, k)) / (4.0 * kPi);
        sum += all * c(i, k) * c(k, j);
      }
      moments.mean_square(i, j) = scale * scale * kFourthMoment * sum;
    }
  }
  return moments;
}

double chernoff_width(const FirstLayerMoments& moments, double part, double failure) {
  const std::int64_t n = moments.mean.rows();
  const double least = diagonalise_local(moments.mean.view()).values.front();
  NTKFLOW_EXPECTS(least > 0.0 && part >= 0.0 && part < 1.0, least, part);
  const auto exponent = [&](double theta) {
    Matrix<double> both(n, n);
    for (std::int64_t i = 0; i < both.size(); ++i) {
      both.data()[i] =
          theta * moments.mean.data()[i] - theta * theta / 2.0 * moments.mean_square.data()[i];
    }
    return diagonalise_local(both.view()).values.front() - theta * part * least;
  };
  // Beyond `high` the matrix has a trace below 0. Every theta gives a width that is enough, so that
  // the search for the best need not end at it.
  double low = 0.0;
  double high = 2.0 * trace(moments.mean) / trace(moments.mean_square);
  for (int step = 0; step < 60; ++step) {
    const double third = (high - low) / 3.0;
    if (exponent(low + third) < exponent(high - third)) {
      low += third;
    } else {
      high -= third;
    }
  }
  return std::ceil(std::log(static_cast<double>(n) / failure) / exponent((low + high) / 2.0));
}

double bernstein_width(const Moments& moments, double deviation, std::int64_t samples,
                       double failure) {
  const auto n = static_cast<double>(samples);
  return std::ceil(2.0 * (moments.variance + moments.range * deviation) / (deviation * deviation) *
                   std::log(n * (n + 1.0) / failure));
}

double arora_width(int layers, double epsilon, double failure) {
  const auto depth = static_cast<double>(layers);
  return std::pow(depth, 6) / std::pow(epsilon, 4) * std::log(depth / failure);
}

double du_start_width(std::int64_t samples, double least, double failure) {
  const auto n = static_cast<double>(samples);
  return std::pow(n / least, 2) * std::log(n / failure);
}

double du_training_width(std::int64_t samples, double least, double failure) {
  return std::pow(static_cast<double>(samples), 6) / (std::pow(least, 4) * std::pow(failure, 3));
}

double quantile_at(std::span<const double> values, double fraction) {
  NTKFLOW_EXPECTS(!values.empty() && fraction > 0.0 && fraction < 1.0, fraction);
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  // 0.9 of 100 is 90.00000000000001 in binary.
  constexpr double kRounding = 1e-9;
  const double rank = std::ceil(fraction * static_cast<double>(sorted.size()) - kRounding);
  return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

WidthFound width_within(std::span<const double> log2_widths, std::span<const double> values,
                        double most) {
  NTKFLOW_EXPECTS(log2_widths.size() == values.size() && !values.empty(), values.size());
  std::size_t first = values.size();
  while (first > 0 && values[first - 1] <= most) {
    --first;
  }
  if (first == values.size()) {
    return {WidthFound::Side::more_than, std::exp2(log2_widths.back())};
  }
  if (first == 0) {
    return {WidthFound::Side::at_most, std::exp2(log2_widths[0])};
  }
  const double part = (values[first - 1] - most) / (values[first - 1] - values[first]);
  return {WidthFound::Side::exactly,
          std::exp2(log2_widths[first - 1] + part * (log2_widths[first] - log2_widths[first - 1]))};
}

Comparison compare_widths(std::span<const double> least, std::span<const WidthFound> needed) {
  using Side = WidthFound::Side;
  NTKFLOW_EXPECTS(least.size() == needed.size(), least.size(), needed.size());
  Comparison found;
  for (std::size_t a = 0; a < least.size(); ++a) {
    for (std::size_t b = 0; b < least.size(); ++b) {
      const bool is_told = needed[a].side != needed[b].side || needed[a].side == Side::exactly;
      if (2.0 * least[a] <= least[b] && is_told) {
        ++found.pairs;
        // Sides ascend with the width.
        found.growing +=
            std::tie(needed[a].side, needed[a].width) > std::tie(needed[b].side, needed[b].width)
                ? 1
                : 0;
      }
    }
  }
  return found;
}

Matrix<double> brought_together(const Matrix<double>& x, double separation) {
  NTKFLOW_EXPECTS(x.cols() >= 2, x.cols());
  const std::int64_t d = x.rows();
  const double* a = x.column(0);
  const double* b = x.column(1);
  const double aa = std::inner_product(a, a + d, a, 0.0);
  const double bb = std::inner_product(b, b + d, b, 0.0);
  const double ab = std::inner_product(a, a + d, b, 0.0);
  std::vector<double> across(b, b + d);
  for (std::int64_t i = 0; i < d; ++i) {
    across[static_cast<std::size_t>(i)] -= ab / aa * a[i];
  }
  const double height =
      std::sqrt(std::inner_product(across.begin(), across.end(), across.begin(), 0.0));
  constexpr double kParallel = 1e-8;
  if (!(height > kParallel * std::sqrt(bb))) {
    throw NumericalError(
        "the first two training samples lie on a line through the origin, so that there is no arc "
        "on which to bring them together; take other samples");
  }
  Matrix<double> moved = x.clone();
  const double norm = std::sqrt(bb);
  for (std::int64_t i = 0; i < d; ++i) {
    moved(i, 1) = norm * (std::cos(separation) * a[i] / std::sqrt(aa) +
                          std::sin(separation) * across[static_cast<std::size_t>(i)] / height);
  }
  return moved;
}

}  // namespace ntkflow
