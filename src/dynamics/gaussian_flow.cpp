#include "ntkflow/dynamics/gaussian_flow.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dist/redistribute.hpp>
#include <ntkflow/dynamics/flow.hpp>
#include <ntkflow/linalg/products.hpp>
#include <ntkflow/linalg/stored_symmetric.hpp>
#include <ntkflow/spectrum/summary.hpp>

namespace ntkflow {
namespace {

/// Random numbers of a seed: draw_gaussian_process uses stream 0.
constexpr std::uint64_t kNoiseStream = 1;

/// op(A) B, new. Collective over the grid.
DistMatrix<double> product(Transpose transpose, const DistMatrix<double>& a,
                           const DistMatrix<double>& b) {
  std::optional<DistMatrix<double>> c;
  collectively(a.grid()->comm(), [&] {
    c.emplace(a.grid(), transpose == Transpose::yes ? a.cols() : a.rows(), b.cols(), b.block());
  });
  multiply(transpose, Transpose::no, 1.0, a, b, 0.0, *c);
  return std::move(*c);
}

/// A copy. Collective over the grid.
DistMatrix<double> copy_of(const DistMatrix<double>& a) {
  std::optional<DistMatrix<double>> copy;
  collectively(a.grid()->comm(), [&] { copy.emplace(a.clone()); });
  return std::move(*copy);
}

/// Multiplies row i by factor(i). Local.
template <class Factor>
void scale_rows(DistMatrix<double>& a, const Factor& factor) {
  std::vector<double> factors;
  for (std::int64_t i_loc = 0; i_loc < a.local_rows(); ++i_loc) {
    factors.push_back(factor(static_cast<std::size_t>(a.row_map().to_global({i_loc}).value)));
  }
  const auto local = a.local();
  for (std::int64_t j = 0; j < local.cols; ++j) {
    std::transform(factors.begin(), factors.end(), local.column(j), local.column(j),
                   std::multiplies<>());
  }
}

Matrix<double> columns(const Matrix<double>& a, std::int64_t begin, std::int64_t end) {
  Matrix<double> part(a.rows(), end - begin);
  std::copy_n(a.column(begin), part.size(), part.data());
  return part;
}

}  // namespace

PathStarts start_paths(InitialValues initial, const Matrix<double>& targets, double noise_variance,
                       std::uint64_t seed) {
  const RandomStream stream(seed, kNoiseStream);
  const double deviation = std::sqrt(noise_variance);
  PathStarts starts{std::move(initial.test), std::move(initial.train)};
  for (std::int64_t j = 0; j < starts.residual.cols(); ++j) {
    const double* y = targets.column(j % targets.cols());
    for (std::int64_t i = 0; i < starts.residual.rows(); ++i) {
      const double noise = deviation > 0.0
                               ? deviation * stream.normal(static_cast<std::uint64_t>(i),
                                                           static_cast<std::uint64_t>(j))
                               : 0.0;
      starts.residual.column(j)[i] = y[i] + noise - starts.residual.column(j)[i];
    }
  }
  return starts;
}

void Clipping::add(const Clipping& other) {
  count += other.count;
  relative_bound = std::max(relative_bound, other.relative_bound);
  if (other.largest > largest) {
    largest = other.largest;
    rounding = other.rounding;
  }
}

GaussianFlow::GaussianFlow(std::variant<CholeskyFactor<double>, EigenSystem<double>> theta,
                           std::optional<DistMatrix<double>> prior, double ridge,
                           const Matrix<double>& targets, PathStarts paths)
    : theta_(std::move(theta)),
      prior_(std::move(prior)),
      ridge_(ridge),
      outputs_(targets.cols()),
      initial_(std::move(paths.test)) {
  const DistMatrix<double>& matrix = training_matrix();
  const std::int64_t drawn = paths.residual.cols();
  NTKFLOW_EXPECTS(targets.rows() == matrix.rows(), targets.rows(), matrix.rows());
  NTKFLOW_EXPECTS(drawn == 0 || paths.residual.rows() == matrix.rows(), paths.residual.rows());
  NTKFLOW_EXPECTS(drawn == initial_.cols(), drawn, initial_.cols());
  collectively(matrix.grid()->comm(), [&] {
    values_.emplace(matrix.grid(), matrix.rows(), outputs_ + drawn, matrix.block());
    values_->fill([&](std::int64_t i, std::int64_t j) {
      return j < outputs_ ? targets.column(j)[i] : paths.residual.column(j - outputs_)[i];
    });
  });
  if (const auto* factor = std::get_if<CholeskyFactor<double>>(&theta_)) {
    largest_ = 1.0 / factor->reciprocal_condition();
    return;
  }
  values_ = product(Transpose::yes, matrix, *values_);
  if (prior_) {
    const DistMatrix<double> half = product(Transpose::no, *prior_, matrix);
    multiply(Transpose::yes, Transpose::no, 1.0, matrix, half, 0.0, *prior_);
  }
  const std::vector<double>& lambda = eigen()->values;
  const double level = rounding_level(*eigen());
  const auto least = std::find_if(lambda.begin(), lambda.end(),
                                  [&](double value) { return value + ridge_ > level; });
  if (least != lambda.end()) {
    largest_ = lambda.back() + ridge_;
    least_ = *least + ridge_;
  }
}

const DistMatrix<double>& GaussianFlow::training_matrix() const {
  return eigen() != nullptr ? eigen()->vectors : std::get<CholeskyFactor<double>>(theta_).matrix();
}

GaussianFlow::Block GaussianFlow::block(std::int64_t begin, DistMatrix<double> theta,
                                        std::optional<DistMatrix<double>> prior,
                                        std::vector<double> variance) const {
  NTKFLOW_EXPECTS(prior.has_value() == prior_.has_value());
  NTKFLOW_EXPECTS(theta.rows() == training_matrix().rows(), theta.rows());
  NTKFLOW_EXPECTS(std::ssize(variance) == theta.cols(), variance.size(), theta.cols());
  if (eigen() != nullptr) {
    theta = product(Transpose::yes, eigen()->vectors, theta);
    auto in_basis = prior ? product(Transpose::yes, eigen()->vectors, *prior) : copy_of(theta);
    return {begin, std::move(theta), std::move(in_basis), std::move(variance)};
  }
  auto cross = prior ? std::move(*prior) : copy_of(theta);
  std::get<CholeskyFactor<double>>(theta_).solve_in_place(theta);
  return {begin, std::move(theta), std::move(cross), std::move(variance)};
}

DistMatrix<double> GaussianFlow::coefficients(const Block& block, double t) const {
  DistMatrix<double> result = copy_of(block.theta);
  if (eigen() != nullptr) {
    const double level = rounding_level(*eigen());
    const auto n = static_cast<std::int64_t>(eigen()->values.size());
    scale_rows(result, [&](std::size_t i) {
      const double lambda = eigen()->values[i] + ridge_;
      return lambda > level ? flow_filter(lambda, t, n) : 0.0;
    });
  } else {
    NTKFLOW_EXPECTS(t == 0.0 || t == std::numeric_limits<double>::infinity(), t);
    if (t == 0.0) {
      scale_rows(result, [](std::size_t) { return 0.0; });
    }
  }
  return result;
}

double GaussianFlow::condition(double t) const {
  return std::max(1.0, largest_ * flow_filter(least_, t, training_matrix().rows()));
}

DistMatrix<double> GaussianFlow::image(const Block& block, const DistMatrix<double>& coefficients,
                                       double t) const {
  if (prior_) {
    return product(Transpose::no, *prior_, coefficients);
  }
  if (eigen() == nullptr) {
    return t == 0.0 ? copy_of(coefficients)
                    : copy_of(block.prior);  // (KK + ridge I) (KK + ridge I)^-1 KK(X, x)
  }
  DistMatrix<double> result = copy_of(coefficients);
  scale_rows(result, [&](std::size_t i) { return eigen()->values[i] + ridge_; });
  return result;
}

GaussianFlow::Variances GaussianFlow::variances(const Block& block,
                                                const DistMatrix<double>& coefficients,
                                                const DistMatrix<double>& image, double t) const {
  const Communicator& comm = coefficients.grid()->comm();
  const auto b = static_cast<std::size_t>(coefficients.cols());
  std::vector<double> sums;  // what training takes from the variances, then magnitudes of terms
  Variances result;
  collectively(comm, [&] {
    sums.resize(2 * b, 0.0);
    result.values.resize(b);
  });
  const auto a = coefficients.local();
  const auto k = block.prior.local();
  const auto ka = image.local();
  for (std::int64_t j_loc = 0; j_loc < a.cols; ++j_loc) {
    const auto j = static_cast<std::size_t>(coefficients.col_map().to_global({j_loc}).value);
    for (std::int64_t i = 0; i < a.rows; ++i) {
      const double linear = 2.0 * a.column(j_loc)[i] * k.column(j_loc)[i];
      const double quadratic = a.column(j_loc)[i] * ka.column(j_loc)[i];
      sums[j] += linear - quadratic;
      sums[b + j] += std::abs(linear) + std::abs(quadratic);
    }
  }
  comm.sum(std::span(sums));
  const double noise = static_cast<double>(coefficients.rows()) *
                       std::numeric_limits<double>::epsilon() * condition(t);
  for (std::size_t j = 0; j < b; ++j) {
    const double value = block.variance[j] - sums[j];
    result.values[j] = value < 0.0 ? 0.0 : value;
    const double prior = block.variance[j];
    const double bound = noise * (prior + sums[b + j]);
    result.clipping.add(
        {std::max(0.0, -value), value < 0.0 ? 1 : 0, bound, prior > 0.0 ? bound / prior : 0.0});
  }
  return result;
}

GaussianLaw GaussianFlow::law(const Block& block, double t,
                              std::optional<DistMatrix<double>> prior_covariance) const {
  const DistMatrix<double> a = coefficients(block, t);
  DistMatrix<double> ka = image(block, a, t);
  const Matrix<double> values = replicate(product(Transpose::yes, a, *values_));
  Variances variances = this->variances(block, a, ka, t);
  GaussianLaw law;
  collectively(a.grid()->comm(), [&] {
    law.mean = columns(values, 0, outputs_);
    law.paths = columns(values, outputs_, values.cols());
  });
  for (std::int64_t j = 0; j < law.paths.cols(); ++j) {
    const double* f0 = initial_.column(j) + block.begin;
    std::transform(f0, f0 + law.paths.rows(), law.paths.column(j), law.paths.column(j),
                   std::plus<>());
  }
  law.variance = std::move(variances.values);
  law.clipping = variances.clipping;
  if (prior_covariance) {
    // KK - A^T H - H^T A with H = KK(X, x) - (KK + noise I) A / 2.
    const auto h = ka.local();
    const auto k = block.prior.local();
    for (std::int64_t j = 0; j < h.cols; ++j) {
      std::transform(k.column(j), k.column(j) + h.rows, h.column(j), h.column(j),
                     [](double cross, double image) { return cross - 0.5 * image; });
    }
    law.covariance = std::move(prior_covariance);
    multiply(Transpose::yes, Transpose::no, -1.0, a, ka, 1.0, *law.covariance);
    multiply(Transpose::yes, Transpose::no, -1.0, ka, a, 1.0, *law.covariance);
    for_each_diagonal(*law.covariance, [&](std::int64_t j, double& value) {
      value = law.variance[static_cast<std::size_t>(j)];
    });
    mirror_lower(*law.covariance);
  }
  return law;
}

}  // namespace ntkflow
