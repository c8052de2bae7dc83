#include "ntkflow/spectrum/summary.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <ntkflow/base/numbers.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dist/redistribute.hpp>
#include <ntkflow/linalg/products.hpp>

namespace ntkflow {
namespace {

Matrix<double> multiply_vectors(const EigenSystem<double>& eigen, Transpose transpose,
                                const Matrix<double>& x) {
  const auto& vectors = eigen.vectors;
  std::optional<DistMatrix<double>> from;
  std::optional<DistMatrix<double>> to;
  collectively(vectors.grid()->comm(), [&] {
    from.emplace(vectors.grid(), x.rows(), x.cols(), vectors.block());
    from->fill([&](std::int64_t i, std::int64_t j) { return x.column(j)[i]; });
    to.emplace(vectors.grid(), x.rows(), x.cols(), vectors.block());
  });
  multiply(transpose, Transpose::no, 1.0, vectors, *from, 0.0, *to);
  return replicate(*to);
}

double column_distance(const Matrix<double>& a, const Matrix<double>& b, std::int64_t j) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < a.rows(); ++i) {
    const double difference = a.column(j)[i] - b.column(j)[i];
    sum += difference * difference;
  }
  return std::sqrt(sum);
}

}  // namespace

double rounding_level(const EigenSystem<double>& eigen) {
  return static_cast<double>(eigen.values.size()) * std::numeric_limits<double>::epsilon() *
         eigen.values.back();
}

Matrix<double> modes_of(const EigenSystem<double>& eigen, const Matrix<double>& r) {
  return multiply_vectors(eigen, Transpose::yes, r);
}

Matrix<double> from_modes(const EigenSystem<double>& eigen, const Matrix<double>& w) {
  return multiply_vectors(eigen, Transpose::no, w);
}

SpectrumSummary summarise_spectrum(const EigenSystem<double>& eigen, const LinearOperator& k,
                                   const Matrix<double>& modes, double ridge) {
  const auto n = static_cast<std::int64_t>(eigen.values.size());
  const double largest = eigen.values.back();
  SpectrumSummary summary;
  for (std::int64_t i = n - 1; i >= 0; --i) {
    const double value = eigen.values[static_cast<std::size_t>(i)];
    summary.eigenvalue.push_back(value / static_cast<double>(n));
    double energy = 0.0;
    for (std::int64_t j = 0; j < modes.cols(); ++j) {
      energy += modes.column(j)[i] * modes.column(j)[i];
    }
    summary.target_energy.push_back(energy / static_cast<double>(n));
    // Rounding leaves zero eigenvalues at +-eps lambda_max; without a ridge each would count as a
    // dimension.
    if (value > rounding_level(eigen)) {
      summary.effective_dimension += value / (value + ridge);
    }
  }
  summary.max_learning_rate = 2.0 * static_cast<double>(n) / largest;

  const std::uint64_t probe_seed =
      0x6e746b666c6f77;  // any fixed number: results must not change from run to run
  const RandomStream stream(probe_seed, 0);
  Matrix<double> probe(n, kProbes);
  Matrix<double> scaled(n, kProbes);
  const Matrix<double> zero(n, kProbes);
  for (std::int64_t j = 0; j < kProbes; ++j) {
    for (std::int64_t i = 0; i < n; ++i) {
      probe(i, j) = stream.normal(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(j));
      scaled(i, j) = eigen.values[static_cast<std::size_t>(i)] * probe(i, j);
    }
  }
  const Matrix<double> mapped = from_modes(eigen, probe);
  const Matrix<double> product = k.apply(mapped);
  const Matrix<double> expected = from_modes(eigen, scaled);
  const Matrix<double> back = modes_of(eigen, mapped);
  for (std::int64_t j = 0; j < kProbes; ++j) {
    const double norm = column_distance(probe, zero, j);
    summary.residual =
        max_or_nan(summary.residual, column_distance(product, expected, j) / (largest * norm));
    summary.orthogonality =
        max_or_nan(summary.orthogonality, column_distance(back, probe, j) / norm);
  }
  return summary;
}

}  // namespace ntkflow
