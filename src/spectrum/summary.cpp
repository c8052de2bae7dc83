#include "ntkflow/spectrum/summary.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
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

double rounding_level(std::int64_t n, double lambda_max) {
  return static_cast<double>(n) * std::numeric_limits<double>::epsilon() * lambda_max;
}

double rounding_level(const EigenSystem<double>& eigen) {
  return rounding_level(std::ssize(eigen.values), eigen.values.back());
}

Matrix<double> modes_of(const EigenSystem<double>& eigen, const Matrix<double>& r) {
  return multiply_vectors(eigen, Transpose::yes, r);
}

Matrix<double> from_modes(const EigenSystem<double>& eigen, const Matrix<double>& w) {
  return multiply_vectors(eigen, Transpose::no, w);
}

Matrix<double> leading_vectors(const EigenSystem<double>& eigen, std::int64_t count) {
  const std::int64_t n = eigen.vectors.rows();
  Matrix<double> chosen;
  collectively(eigen.vectors.grid()->comm(), [&] { chosen = Matrix<double>(n, count); });
  for (std::int64_t j = 0; j < count; ++j) {
    chosen(n - 1 - j, j) = 1.0;
  }
  return from_modes(eigen, chosen);
}

Matrix<double> EigenOperator::apply(const Matrix<double>& x) const {
  Matrix<double> modes = modes_of(*eigen_, x);
  for (std::int64_t j = 0; j < modes.cols(); ++j) {
    std::transform(modes.column(j), modes.column(j) + modes.rows(), eigen_->values.begin(),
                   modes.column(j), std::multiplies<>());
  }
  return from_modes(*eigen_, modes);
}

EigenCertificate certify(const EigenSystem<double>& eigen, const LinearOperator& k) {
  const std::int64_t n = std::ssize(eigen.values);
  const double largest = eigen.values.back() > 0.0 ? eigen.values.back() : 1.0;
  EigenCertificate certificate;
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
    certificate.residual =
        max_or_nan(certificate.residual, column_distance(product, expected, j) / (largest * norm));
    certificate.orthogonality =
        max_or_nan(certificate.orthogonality, column_distance(back, probe, j) / norm);
  }
  return certificate;
}

}  // namespace ntkflow
