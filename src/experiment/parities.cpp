#include "parities.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>

#include <ntkflow/base/contract.hpp>

namespace ntkflow {
namespace {

/// values[S] becomes sum_i (-1)^|S and i| values[i], in place.
void walsh_hadamard(std::span<double> values) {
  for (std::size_t half = 1; half < values.size(); half *= 2) {
    for (std::size_t start = 0; start < values.size(); start += 2 * half) {
      for (std::size_t i = start; i < start + half; ++i) {
        const double low = values[i];
        const double high = values[i + half];
        values[i] = low + high;
        values[i + half] = low - high;
      }
    }
  }
}

}  // namespace

Matrix<double> all_corners(std::int64_t dimension) {
  Matrix<double> x(dimension, std::int64_t{1} << dimension);
  for (std::int64_t corner = 0; corner < x.cols(); ++corner) {
    for (std::int64_t j = 0; j < dimension; ++j) {
      x.column(corner)[j] = (corner >> j & 1) != 0 ? -1.0 : 1.0;
    }
  }
  return x;
}

double parity_residual(DistMatrix<double> kernel, const std::vector<double>& eigenvalues) {
  const auto n = static_cast<std::size_t>(kernel.rows());
  NTKFLOW_EXPECTS(kernel.local_rows() == kernel.rows() && kernel.rows() == kernel.cols(),
                  kernel.local_rows(), kernel.rows(), kernel.cols());
  NTKFLOW_EXPECTS(n == std::size_t{1} << (eigenvalues.size() - 1), n, eigenvalues.size());
  double distance = 0.0;
  const auto local = kernel.local();
  for (std::int64_t j = 0; j < local.cols; ++j) {
    const std::span<double> column(local.data + j * local.rows, n);
    walsh_hadamard(column);
    const auto y = static_cast<std::size_t>(kernel.col_map().to_global({j}).value);
    for (std::size_t s = 0; s < n; ++s) {
      const double parity = std::popcount(s & y) % 2 == 0 ? 1.0 : -1.0;
      const double eigenvalue = eigenvalues[static_cast<std::size_t>(std::popcount(s))];
      distance =
          std::max(distance, std::abs(column[s] / static_cast<double>(n) - parity * eigenvalue));
    }
  }
  const auto largest =
      std::max_element(eigenvalues.begin(), eigenvalues.end(),
                       [](double a, double b) { return std::abs(a) < std::abs(b); });
  return kernel.grid()->comm().max(distance) / std::abs(*largest);
}

}  // namespace ntkflow
