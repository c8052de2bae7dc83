#include "ntkflow/linalg/block_krylov.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/base/timer.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/linalg/local.hpp>

#include "shared_rows.hpp"

namespace ntkflow {
namespace {

double larger(double a, double b) {
  return std::max(a, b);
}

}  // namespace

BlockKrylov::BlockKrylov(const Communicator& comm, const LinearOperator& a,
                         const LinearOperator* inverse, const Matrix<double>& start,
                         const Matrix<double>& inverse_start, std::int64_t most_columns)
    : comm_(&comm),
      a_(&a),
      inverse_(inverse),
      n_(start.rows()),
      rows_(contiguous_share(n_, comm.size(), comm.rank())),
      capacity_(std::min(most_columns, n_)) {
  NTKFLOW_EXPECTS(a.size() == n_, a.size(), n_);
  NTKFLOW_EXPECTS(capacity_ >= 0, most_columns);
  const SharedRows shared(comm, n_);
  start_ = shared.take(start);
  collectively(comm, [&] {
    basis_ = Matrix<double>(rows_.size(), capacity_);
    image_ = Matrix<double>(rows_.size(), capacity_);
    projection_ = Matrix<double>(capacity_, capacity_);
    coordinates_ = Matrix<double>(capacity_, start.cols());
  });

  // A start column that depends on others takes its solution with it: what tells that one from the
  // other solutions is the error of the solver.
  std::vector<std::int64_t> solved;
  if (inverse != nullptr) {
    NTKFLOW_EXPECTS(inverse_start.rows() == n_ && inverse_start.cols() == start.cols(),
                    inverse_start.rows(), inverse_start.cols(), start.cols());
    Matrix<double> trial;
    collectively(comm, [&] { trial = start_.clone(); });
    solved = shared.orthonormalise(basis(), trial, shared.column_lengths(trial.view()), capacity_);
  }
  Matrix<double> candidates = shared.allocate(start.cols() + std::ssize(solved));
  std::copy_n(start_.data(), start_.size(), candidates.data());
  for (std::int64_t j = 0; j < std::ssize(solved); ++j) {
    std::copy_n(inverse_start.column(solved[static_cast<std::size_t>(j)]) + rows_.begin,
                rows_.size(), candidates.column(start.cols() + j));
  }
  const std::vector<double> lengths = shared.column_lengths(candidates.view());
  append(std::move(candidates), start.cols(), lengths);
}

bool BlockKrylov::extend() {
  if (exhausted_ || dimension_ == capacity_) {
    return false;
  }
  const SharedRows shared(*comm_, n_);
  Matrix<double> solved;
  if (inverted_.count > 0) {
    const Matrix<double> last = shared.whole(columns(inverted_));
    const Stopwatch watch;
    solved = inverse_->apply(last);
    solve_seconds_ += watch.seconds();
    ++solves_;
  }
  Matrix<double> candidates = shared.allocate(polynomial_.count + inverted_.count);
  std::copy_n(image_.column(polynomial_.begin), rows_.size() * polynomial_.count,
              candidates.data());
  for (std::int64_t j = 0; j < inverted_.count; ++j) {
    std::copy_n(solved.column(j) + rows_.begin, rows_.size(),
                candidates.column(polynomial_.count + j));
  }
  // The columns come from unit vectors and hold rounding errors as large as the operators are.
  std::vector<double> scales = shared.column_lengths(candidates.view());
  const auto middle = scales.begin() + polynomial_.count;
  polynomial_scale_ = std::accumulate(scales.begin(), middle, polynomial_scale_, larger);
  inverse_scale_ = std::accumulate(middle, scales.end(), inverse_scale_, larger);
  std::fill(scales.begin(), middle, polynomial_scale_);
  std::fill(middle, scales.end(), inverse_scale_);
  append(std::move(candidates), polynomial_.count, scales);
  return polynomial_.count + inverted_.count > 0;
}

void BlockKrylov::append(Matrix<double> candidates, std::int64_t polynomial_count,
                         std::span<const double> scales) {
  Stopwatch watch;
  const SharedRows shared(*comm_, n_);
  const std::vector<std::int64_t> kept =
      shared.orthonormalise(basis(), candidates, scales, capacity_ - dimension_);
  const auto count = static_cast<std::int64_t>(kept.size());
  const auto polynomial = std::lower_bound(kept.begin(), kept.end(), polynomial_count);
  const std::int64_t begin = dimension_;
  polynomial_ = {begin, polynomial - kept.begin()};
  inverted_ = {begin + polynomial_.count, count - polynomial_.count};
  std::copy_n(candidates.data(), rows_.size() * count, basis_.column(begin));
  dimension_ += count;
  exhausted_ = count == 0 || dimension_ == n_;
  orthogonalisation_seconds_ += watch.seconds();
  if (count == 0) {
    return;
  }

  const Matrix<double> added = shared.whole(columns({begin, count}));
  watch.reset();
  const Matrix<double> product = a_->apply(added);
  product_seconds_ += watch.seconds();
  ++products_;

  watch.reset();
  for (std::int64_t j = 0; j < count; ++j) {
    std::copy_n(product.column(j) + rows_.begin, rows_.size(), image_.column(begin + j));
  }
  const MatrixView<const double> images = image_.view().block(0, begin, rows_.size(), count);
  (void)shared.column_lengths(images);  // the last block is multiplied, but never a candidate
  const Matrix<double> border = shared.inner_products(basis(), images);
  const Matrix<double> coordinates = shared.inner_products(columns({begin, count}), start_.view());
  for (std::int64_t j = 0; j < count; ++j) {
    for (std::int64_t i = 0; i < dimension_; ++i) {
      const double value =
          i < begin ? border(i, j) : 0.5 * (border(i, j) + border(begin + j, i - begin));
      projection_(i, begin + j) = value;
      projection_(begin + j, i) = value;
    }
    for (std::int64_t k = 0; k < coordinates.cols(); ++k) {
      coordinates_(begin + j, k) = coordinates(j, k);
    }
  }
  orthogonalisation_seconds_ += watch.seconds();
}

MatrixView<const double> BlockKrylov::projection() const {
  return projection_.view().block(0, 0, dimension_, dimension_);
}

MatrixView<const double> BlockKrylov::start_coordinates() const {
  return coordinates_.view().block(0, 0, dimension_, coordinates_.cols());
}

MatrixView<const double> BlockKrylov::basis() const {
  return basis_.view().block(0, 0, rows_.size(), dimension_);
}

MatrixView<const double> BlockKrylov::columns(Columns which) const {
  return basis_.view().block(0, which.begin, rows_.size(), which.count);
}

MatrixView<const double> BlockKrylov::image() const {
  return image_.view().block(0, 0, rows_.size(), dimension_);
}

Matrix<double> BlockKrylov::combine(const Matrix<double>& y) const {
  return combine_rows(basis(), y);
}

Matrix<double> BlockKrylov::combine_image(const Matrix<double>& y) const {
  return combine_rows(image(), y);
}

Matrix<double> BlockKrylov::combine_rows(MatrixView<const double> b,
                                         const Matrix<double>& y) const {
  NTKFLOW_EXPECTS(y.rows() == dimension_, y.rows(), dimension_);
  Matrix<double> whole;
  collectively(*comm_, [&] { whole = Matrix<double>(n_, y.cols()); });
  const MatrixView<double> mine = whole.view().block(rows_.begin, 0, rows_.size(), y.cols());
  multiply<double>(Transpose::no, Transpose::no, 1.0, b, y.view(), 0.0, mine);
  comm_->sum(std::span(whole.data(), static_cast<std::size_t>(whole.size())));
  return whole;
}

}  // namespace ntkflow
