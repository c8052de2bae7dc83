#include "ntkflow/regression/krylov_ridge_path.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/numbers.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/base/timer.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/linalg/local.hpp>

namespace ntkflow {
namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();
/// A space is looked at when it has grown by this factor: each look costs an eigenproblem of its
/// dimension, so that all together cost a few times the last.
constexpr double kGrowthBetweenLooks = 1.15;
/// Changes of a score beside its standard error that are as good as none.
constexpr double kUnseenShare = 0.02;
/// Relative changes that rounding explains.
constexpr double kRoundingShare = 1e-12;

Matrix<double> beside(const Matrix<double>& a, const Matrix<double>& b) {
  NTKFLOW_EXPECTS(a.rows() == b.rows(), a.rows(), b.rows());
  Matrix<double> both(a.rows(), a.cols() + b.cols());
  std::copy_n(a.data(), a.size(), both.data());
  std::copy_n(b.data(), b.size(), both.data() + a.size());
  return both;
}

BlockKrylov start_space(const Communicator& comm, const LinearOperator& k,
                        const Matrix<double>& residual, const Matrix<double>& probes,
                        std::int64_t most_columns) {
  Matrix<double> start;
  collectively(comm, [&] { start = beside(residual, probes); });
  return {comm, k, nullptr, start, Matrix<double>{}, most_columns};
}

/// A mean with its standard error.
struct Mean {
  double value = 0.0;
  double error = 0.0;
};
Mean mean_of(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  Mean mean;
  for (const double value : values) {
    mean.value += value / count;
  }
  for (const double value : values) {
    mean.error += (value - mean.value) * (value - mean.value);
  }
  mean.error = values.size() > 1 ? std::sqrt(mean.error / (count - 1.0) / count)
                                 : std::numeric_limits<double>::infinity();
  return mean;
}

/// Whether a score that changed from `before` has stopped changing.
bool is_settled(double before, double now, double standard_error) {
  return std::isnan(now) || std::abs(now - before) <= std::max(kUnseenShare * standard_error,
                                                               kRoundingShare * std::abs(now));
}

/// Blocks of a space, each of a product with K; ridges down to 1e-4 lambda_max need no more.
constexpr std::int64_t kMostBlocks = 100;

}  // namespace

std::int64_t ridge_path_most_columns(std::int64_t n, std::int64_t outputs) {
  return std::min({n, kMostBlocks * (outputs + kTraceProbes), kMostLocalOrder});
}

Matrix<double> trace_probes(std::int64_t n, std::int64_t count) {
  const std::uint64_t seed =
      0x7269646765;  // any fixed number: results must not change from run to run
  const RandomStream stream(seed, 0);
  Matrix<double> probes(n, count);
  for (std::int64_t j = 0; j < count; ++j) {
    for (std::int64_t i = 0; i < n; ++i) {
      const bool is_up =
          (stream.bits(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(j)) & 1U) != 0;
      probes(i, j) = is_up ? 1.0 : -1.0;
    }
  }
  return probes;
}

KrylovRidgePath::KrylovRidgePath(const Communicator& comm, const LinearOperator& k,
                                 const Matrix<double>& residual, const Matrix<double>& probes,
                                 std::vector<double> ridges, const KrylovRidgeOptions& options,
                                 Monitor& monitor)
    : comm_(&comm),
      n_(residual.rows()),
      outputs_(residual.cols()),
      ridges_(std::move(ridges)),
      space_(start_space(comm, k, residual, probes, options.most_columns)) {
  NTKFLOW_EXPECTS(!ridges_.empty() && ridges_.front() >= 0.0 && probes.cols() >= 1, ridges_.size(),
                  probes.cols());
  collectively(comm, [&] { lengths_.resize(static_cast<std::size_t>(outputs_)); });
  for (std::int64_t c = 0; c < outputs_; ++c) {
    lengths_[static_cast<std::size_t>(c)] = euclidean_norm(residual.column(c), n_);
  }
  // With no room for a whole block the one before it still leads out of the space: two count.
  std::int64_t last_begin = 0;
  std::int64_t newest_begin = 0;
  double looked_at = 0.0;
  bool enough = false;
  for (bool more = true; more && !enough;) {
    const std::int64_t dimension = space_.dimension();
    more = !space_.exhausted() && dimension < options.most_columns;
    if (!more || static_cast<double>(dimension) >= kGrowthBetweenLooks * looked_at) {
      const Stopwatch watch;
      const std::vector<RidgeScore> before = std::exchange(scores_, {});
      evaluate(last_begin);
      enough = comm.agree(is_enough(before, options.tolerance)).ok;  // ranks may round differently
      looked_at = static_cast<double>(dimension);
      report_.estimate_seconds += watch.seconds();
    }
    monitor.progress(dimension, options.most_columns);
    if (comm.max(std::int64_t{monitor.stop_requested() ? 1 : 0}) > 0) {
      throw InterruptedError("stopped while the Krylov space of the ridge path grew");
    }
    if (more && !enough) {
      last_begin = std::exchange(newest_begin, dimension);
      space_.extend();
    }
  }
  report_.converged = enough || space_.exhausted();
  report_.dimension = space_.dimension();
  report_.products = space_.products();
  report_.product_seconds = comm.max(space_.product_seconds());
  report_.orthogonalisation_seconds = comm.max(space_.orthogonalisation_seconds());
  report_.estimate_seconds = comm.max(report_.estimate_seconds);
}

bool KrylovRidgePath::is_enough(std::span<const RidgeScore> before, double tolerance) const {
  const double longest = *std::max_element(lengths_.begin(), lengths_.end());
  const double top = projected_.eigen.values.empty() ? 0.0 : projected_.eigen.values.back();
  bool enough = !before.empty();
  for (std::size_t i = 0; enough && i < ridges_.size(); ++i) {
    const RidgeScore& score = scores_[i];
    // No more than products with K and sums of N values can give.
    const double rounding = std::sqrt(static_cast<double>(n_)) * kEps * (top + ridges_[i]) *
                            score.coefficient_norm / longest;
    enough = residual_error_[i] <= std::max(tolerance, rounding) &&
             is_settled(before[i].log_marginal_likelihood, score.log_marginal_likelihood,
                        errors_[i].log_marginal_likelihood) &&
             is_settled(before[i].gcv, score.gcv, errors_[i].gcv);
  }
  return enough;
}

double KrylovRidgePath::null_level() const {
  return static_cast<double>(n_) * kEps * std::max(0.0, projected_.eigen.values.back());
}

KrylovRidgePath::Projected KrylovRidgePath::project() const {
  // Rank 0 decides on one basis, and on the modes in it, for all.
  Projected projected;
  projected.eigen = diagonalise_shared(*comm_, space_.projection());
  const MatrixView<const double> start = space_.start_coordinates();
  collectively(*comm_, [&] { projected.modes = Matrix<double>(start.rows, start.cols); });
  multiply<double>(Transpose::yes, Transpose::no, 1.0, projected.eigen.vectors.view(), start, 0.0,
                   projected.modes.view());
  const std::span modes(projected.modes.data(), static_cast<std::size_t>(projected.modes.size()));
  comm_->broadcast(std::as_writable_bytes(modes), 0);
  return projected;
}

Matrix<double> KrylovRidgePath::coordinates(std::span<const double> ridges) const {
  const std::vector<double>& ritz = projected_.eigen.values;
  const std::int64_t m = std::ssize(ritz);
  Matrix<double> weighted;
  Matrix<double> result;
  collectively(*comm_, [&] {
    weighted = Matrix<double>(m, std::ssize(ridges) * outputs_);
    result = Matrix<double>(m, weighted.cols());
  });
  for (std::int64_t k = 0; k < std::ssize(ridges); ++k) {
    for (std::int64_t j = 0; j < m; ++j) {
      const double value = ritz[static_cast<std::size_t>(j)] + ridges[static_cast<std::size_t>(k)];
      const double weight = value > null_level() ? 1.0 / value : 0.0;
      for (std::int64_t c = 0; c < outputs_; ++c) {
        weighted.column(k * outputs_ + c)[j] = weight * projected_.modes.column(c)[j];
      }
    }
  }
  multiply<double>(Transpose::no, Transpose::no, 1.0, projected_.eigen.vectors.view(),
                   weighted.view(), 0.0, result.view());
  return result;
}

Matrix<double> KrylovRidgePath::coefficients(std::span<const double> ridges) const {
  return space_.combine(coordinates(ridges));
}

Matrix<double> KrylovRidgePath::last_images(std::int64_t begin) const {
  const std::int64_t m = space_.dimension();
  const std::int64_t rows = space_.rows().size();
  Matrix<double> outside;
  Matrix<double> gram;
  collectively(*comm_, [&] {
    outside = Matrix<double>(rows, m - begin);
    gram = Matrix<double>(m - begin, m - begin);
    const auto image = space_.image().block(0, begin, rows, m - begin);
    for (std::int64_t j = 0; j < m - begin; ++j) {
      std::copy_n(image.column(j), rows, outside.column(j));
    }
  });
  multiply<double>(Transpose::no, Transpose::no, -1.0, space_.basis(),
                   space_.projection().block(0, begin, m, m - begin), 1.0, outside.view());
  multiply<double>(Transpose::yes, Transpose::no, 1.0, std::as_const(outside).view(),
                   std::as_const(outside).view(), 0.0, gram.view());
  comm_->sum(std::span(gram.data(), static_cast<std::size_t>(gram.size())));
  return gram;
}

Matrix<double> KrylovRidgePath::squared_residuals(const Matrix<double>& y,
                                                  const Matrix<double>& tail) const {
  const std::int64_t size = tail.rows();
  const auto last = y.view().block(y.rows() - size, 0, size, y.cols());
  Matrix<double> product(size, y.cols());
  multiply<double>(Transpose::no, Transpose::no, 1.0, tail.view(), last, 0.0, product.view());
  Matrix<double> squares(std::ssize(ridges_), outputs_);
  for (std::int64_t k = 0; k < squares.rows(); ++k) {
    for (std::int64_t c = 0; c < outputs_; ++c) {
      double sum = 0.0;
      for (std::int64_t i = 0; i < size; ++i) {
        sum += last.column(k * outputs_ + c)[i] * product.column(k * outputs_ + c)[i];
      }
      squares(k, c) = std::max(sum, 0.0);
    }
  }
  return squares;
}

void KrylovRidgePath::evaluate(std::int64_t last_begin) {
  projected_ = project();
  collectively(*comm_, [&] {
    scores_.assign(ridges_.size(), {});
    errors_.assign(ridges_.size(), {});
    residual_error_.assign(ridges_.size(), 0.0);
  });
  if (projected_.eigen.values.empty()) {  // r is zero, and so is all else
    return;
  }
  const Matrix<double> y = coordinates(ridges_);
  const Matrix<double> tail = last_images(last_begin);
  collectively(*comm_, [&] { score(y, tail); });
}

void KrylovRidgePath::score(const Matrix<double>& y, const Matrix<double>& tail) {
  const std::vector<double>& ritz = projected_.eigen.values;
  const std::int64_t m = std::ssize(ritz);
  const auto n = static_cast<double>(n_);
  const std::int64_t probes = projected_.modes.cols() - outputs_;
  const Matrix<double> squares = squared_residuals(y, tail);
  for (std::size_t i = 0; i < ridges_.size(); ++i) {
    const auto k = static_cast<std::int64_t>(i);
    const double ridge = ridges_[i];
    const bool is_singular = !(ritz.front() + ridge > null_level());
    double fitted = 0.0;
    double squared_norm = 0.0;
    double squared_error = 0.0;
    for (std::int64_t c = 0; c < outputs_; ++c) {
      const double norm = euclidean_norm(y.column(k * outputs_ + c), m);
      squared_norm += norm * norm;
      // r - K alpha = mu alpha, which lies in the space, and what leads out of it.
      squared_error += ridge * ridge * norm * norm + squares(k, c);
      if (lengths_[static_cast<std::size_t>(c)] > 0.0) {
        residual_error_[i] = max_or_nan(
            residual_error_[i], std::sqrt(squares(k, c)) / lengths_[static_cast<std::size_t>(c)]);
      }
    }
    // The mean over the probes of z^T f(K) z N / z^T z.
    const auto trace = [&](const std::function<double(double)>& f) {
      std::vector<double> forms;
      for (std::int64_t q = 0; q < probes; ++q) {
        const double* z = projected_.modes.column(outputs_ + q);
        double form = 0.0;
        double length = 0.0;
        for (std::int64_t j = 0; j < m; ++j) {
          length += z[j] * z[j];
          const double value = ritz[static_cast<std::size_t>(j)] + ridge;
          form += value > null_level() ? f(value) * z[j] * z[j] : 0.0;
        }
        forms.push_back(n * form / length);
      }
      return mean_of(forms);
    };
    for (std::int64_t j = 0; j < m; ++j) {
      const double value = ritz[static_cast<std::size_t>(j)] + ridge;
      for (std::int64_t c = 0; c < outputs_; ++c) {
        const double mode = projected_.modes.column(c)[j];
        if (value > null_level()) {
          fitted += mode * mode / value;
        } else {
          squared_error += mode * mode;
        }
      }
    }
    const Mean inverse = trace([](double value) { return 1.0 / value; });
    const Mean logarithm = trace([](double value) { return std::log(value); });
    const Mean dimension = trace([&](double value) { return (value - ridge) / value; });
    RidgeScore& score = scores_[i];
    score = score_of_sums({inverse.value, logarithm.value, dimension.value}, fitted,
                          std::sqrt(squared_norm), n_, outputs_);
    score.train_mse = squared_error / (n * static_cast<double>(outputs_));
    errors_[i].effective_dimension = dimension.error;
    if (is_singular) {
      score.gcv = RidgeScore::kNone;
      score.log_marginal_likelihood = RidgeScore::kNone;
      score.log_marginal_likelihood_gradient = RidgeScore::kNone;
    } else {
      const double columns = static_cast<double>(outputs_);
      errors_[i].gcv = score.gcv * 2.0 * inverse.error / inverse.value;
      errors_[i].log_marginal_likelihood = 0.5 * columns * logarithm.error;
      errors_[i].log_marginal_likelihood_gradient = 0.5 * columns * inverse.error;
    }
  }
}

}  // namespace ntkflow
