#include "ntkflow/regression/ridge_path.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dist/local_rows.hpp>
#include <ntkflow/linalg/local.hpp>
#include <ntkflow/regression/scores.hpp>
#include <ntkflow/spectrum/summary.hpp>

namespace ntkflow {
namespace {

/// The value that a criterion wants small.
double loss_of(const RidgeScore& score, RidgeCriterion criterion) {
  switch (criterion) {
    case RidgeCriterion::leave_one_out:
      return score.leave_one_out_mse;
    case RidgeCriterion::gcv:
      return score.gcv;
    case RidgeCriterion::likelihood:
      break;
  }
  return -score.log_marginal_likelihood;
}

}  // namespace

RidgeScore score_of_sums(const RidgeSums& sums, double fitted, double coefficient_norm,
                         std::int64_t n, std::int64_t outputs) {
  const auto samples = static_cast<double>(n);
  const auto columns = static_cast<double>(outputs);
  const double squared_norm = coefficient_norm * coefficient_norm;
  RidgeScore score;
  score.gcv = samples * squared_norm / (sums.trace_inverse * sums.trace_inverse) / columns;
  score.log_marginal_likelihood =
      -0.5 *
      (fitted + columns * (sums.log_determinant + samples * std::log(2.0 * std::numbers::pi)));
  score.log_marginal_likelihood_gradient = 0.5 * (squared_norm - columns * sums.trace_inverse);
  score.effective_dimension = sums.effective_dimension;
  score.coefficient_norm = coefficient_norm;
  return score;
}

std::optional<std::size_t> best_ridge(std::span<const RidgeScore> scores,
                                      RidgeCriterion criterion) {
  std::optional<std::size_t> best;
  for (std::size_t k = 0; k < scores.size(); ++k) {
    const double loss = loss_of(scores[k], criterion);
    if (std::isfinite(loss) && (!best || loss < loss_of(scores[*best], criterion))) {
      best = k;
    }
  }
  return best;
}

SpectralRidgePath::SpectralRidgePath(const EigenSystem<double>& eigen,
                                     const Matrix<double>& residual)
    : eigen_(&eigen), modes_(modes_of(eigen, residual)) {}

bool SpectralRidgePath::is_singular(double ridge) const {
  return !(eigen_->values.front() + ridge > rounding_level(*eigen_));
}

double SpectralRidgePath::filter(std::int64_t j, double ridge) const {
  const double value = eigen_->values[static_cast<std::size_t>(j)] + ridge;
  return value > rounding_level(*eigen_) ? 1.0 / value : 0.0;
}

Matrix<double> SpectralRidgePath::coefficients(std::span<const double> ridges) const {
  const std::int64_t outputs = modes_.cols();
  Matrix<double> weighted;
  collectively(eigen_->vectors.grid()->comm(),
               [&] { weighted = Matrix<double>(modes_.rows(), std::ssize(ridges) * outputs); });
  for (std::int64_t k = 0; k < std::ssize(ridges); ++k) {
    for (std::int64_t j = 0; j < modes_.rows(); ++j) {
      const double weight = filter(j, ridges[static_cast<std::size_t>(k)]);
      for (std::int64_t c = 0; c < outputs; ++c) {
        weighted.column(k * outputs + c)[j] = weight * modes_.column(c)[j];
      }
    }
  }
  return from_modes(*eigen_, weighted);
}

RidgeScore SpectralRidgePath::score_of_modes(double ridge) const {
  const std::int64_t n = modes_.rows();
  const double null = rounding_level(*eigen_);
  RidgeSums sums;
  double fitted = 0.0;
  double squared_norm = 0.0;
  double squared_error = 0.0;
  for (std::int64_t j = 0; j < n; ++j) {
    const double lambda = eigen_->values[static_cast<std::size_t>(j)];
    const double inverse = filter(j, ridge);
    double energy = 0.0;
    for (std::int64_t c = 0; c < modes_.cols(); ++c) {
      energy += modes_.column(c)[j] * modes_.column(c)[j];
    }
    const double missed = inverse > 0.0 ? ridge * inverse : 1.0;
    squared_error += missed * missed * energy;
    fitted += inverse * energy;
    squared_norm += inverse * inverse * energy;
    sums.trace_inverse += inverse;
    sums.log_determinant += inverse > 0.0 ? -std::log(inverse) : 0.0;
    sums.effective_dimension += lambda > null ? lambda * inverse : 0.0;
  }
  RidgeScore score = score_of_sums(sums, fitted, std::sqrt(squared_norm), n, modes_.cols());
  if (is_singular(ridge)) {
    score.gcv = RidgeScore::kNone;
    score.log_marginal_likelihood = RidgeScore::kNone;
    score.log_marginal_likelihood_gradient = RidgeScore::kNone;
  }
  score.train_mse = squared_error / static_cast<double>(n * modes_.cols());
  return score;
}

Matrix<double> SpectralRidgePath::inverse_diagonals(std::span<const double> ridges) const {
  constexpr std::int64_t kPanel = 64;
  const DistMatrix<double>& vectors = eigen_->vectors;
  const MatrixView<const double> local = vectors.local();
  Matrix<double> diagonals;
  Matrix<double> squares;
  Matrix<double> weights;
  collectively(vectors.grid()->comm(), [&] {
    diagonals = Matrix<double>(local.rows, std::ssize(ridges));
    squares = Matrix<double>(local.rows, kPanel);
    weights = Matrix<double>(kPanel, std::ssize(ridges));
  });
  for (std::int64_t first = 0; first < local.cols; first += kPanel) {
    const std::int64_t count = std::min(kPanel, local.cols - first);
    for (std::int64_t l = 0; l < count; ++l) {
      const double* column = local.column(first + l);
      std::transform(column, column + local.rows, squares.column(l),
                     [](double value) { return value * value; });
      const std::int64_t j = vectors.col_map().to_global({first + l}).value;
      for (std::int64_t k = 0; k < std::ssize(ridges); ++k) {
        weights(l, k) = filter(j, ridges[static_cast<std::size_t>(k)]);
      }
    }
    multiply<double>(Transpose::no, Transpose::no, 1.0,
                     squares.view().block(0, 0, local.rows, count),
                     weights.view().block(0, 0, count, weights.cols()), 1.0, diagonals.view());
  }
  vectors.grid()->row_comm().sum(
      std::span(diagonals.data(), static_cast<std::size_t>(diagonals.size())));
  return diagonals;
}

void SpectralRidgePath::add_leave_one_out(std::span<const double> ridges,
                                          const Matrix<double>& target,
                                          std::span<const std::int64_t> label,
                                          std::int64_t ridges_per_pass,
                                          std::span<RidgeScore> scores) const {
  const ProcessGrid& grid = *eigen_->vectors.grid();
  const BlockCyclic& rows = eigen_->vectors.row_map();
  const std::int64_t outputs = modes_.cols();
  const std::int64_t count = std::ssize(ridges);
  const Matrix<double> diagonals = inverse_diagonals(ridges);
  // All ranks of a grid row hold the same rows: those of its first column speak for them.
  const std::int64_t mine = grid.col() == 0 ? rows.local_size() : 0;
  std::vector<std::int64_t> my_label;
  for (std::int64_t i = 0; i < mine && !label.empty(); ++i) {
    my_label.push_back(label[static_cast<std::size_t>(rows.to_global({i}).value)]);
  }
  const Matrix<double> my_target = rows_of<double>(target, rows);
  std::vector<double> sums(static_cast<std::size_t>(2 * count), 0.0);  // errors, right answers
  for (std::int64_t begin = 0; begin < count; begin += ridges_per_pass) {
    const std::int64_t size = std::min(ridges_per_pass, count - begin);
    const Matrix<double> alpha =
        rows_of<double>(coefficients(ridges.subspan(static_cast<std::size_t>(begin),
                                                    static_cast<std::size_t>(size))),
                        rows);
    Matrix<double> prediction;
    collectively(grid.comm(), [&] { prediction = Matrix<double>(mine, outputs); });
    for (std::int64_t k = 0; k < size && mine > 0; ++k) {
      double& error = sums[static_cast<std::size_t>(begin + k)];
      for (std::int64_t c = 0; c < outputs; ++c) {
        for (std::int64_t i = 0; i < mine; ++i) {
          const double missed = alpha.column(k * outputs + c)[i] / diagonals.column(begin + k)[i];
          error += missed * missed;
          prediction.column(c)[i] = my_target.column(c)[i] - missed;
        }
      }
      if (!label.empty()) {
        sums[static_cast<std::size_t>(count + begin + k)] =
            accuracy(std::as_const(prediction).view(), my_label) * static_cast<double>(mine);
      }
    }
  }
  grid.comm().sum(std::span(sums));
  const auto n = static_cast<double>(modes_.rows());
  for (std::int64_t k = 0; k < count; ++k) {
    if (is_singular(ridges[static_cast<std::size_t>(k)])) {
      continue;
    }
    RidgeScore& score = scores[static_cast<std::size_t>(k)];
    score.leave_one_out_mse =
        sums[static_cast<std::size_t>(k)] / (n * static_cast<double>(outputs));
    if (!label.empty()) {
      score.leave_one_out_accuracy = sums[static_cast<std::size_t>(count + k)] / n;
    }
  }
}

std::vector<RidgeScore> SpectralRidgePath::scores(std::span<const double> ridges,
                                                  const Matrix<double>& target,
                                                  std::span<const std::int64_t> label,
                                                  std::int64_t ridges_per_pass) const {
  NTKFLOW_EXPECTS(target.rows() == modes_.rows() && target.cols() == modes_.cols(), target.rows(),
                  target.cols());
  NTKFLOW_EXPECTS(ridges_per_pass >= 1, ridges_per_pass);
  std::vector<RidgeScore> scores;
  scores.reserve(ridges.size());
  for (const double ridge : ridges) {
    scores.push_back(score_of_modes(ridge));
  }
  add_leave_one_out(ridges, target, label, ridges_per_pass, scores);
  return scores;
}

}  // namespace ntkflow
