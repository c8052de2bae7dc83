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

namespace ntkflow {
namespace {

/// What projection leaves of a vector is rounding up to this part of the vector's scale.
double rounding_level(std::int64_t n) {
  return 32.0 * std::numeric_limits<double>::epsilon() * std::sqrt(static_cast<double>(n));
}

/// A^T B of rows shared over the ranks, whole on every rank.
Matrix<double> inner_products(const Communicator& comm, MatrixView<const double> a,
                              MatrixView<const double> b) {
  Matrix<double> result;
  collectively(comm, [&] { result = Matrix<double>(a.cols, b.cols); });
  multiply<double>(Transpose::yes, Transpose::no, 1.0, a, b, 0.0, result.view());
  comm.sum(std::span(result.data(), static_cast<std::size_t>(result.size())));
  return result;
}

/// Throws NumericalError on all ranks when a value is not finite: a sum with one never is, in
/// whatever order the ranks add.
std::vector<double> column_lengths(const Communicator& comm, MatrixView<const double> w) {
  std::vector<double> lengths(static_cast<std::size_t>(w.cols));
  for (std::int64_t j = 0; j < w.cols; ++j) {
    lengths[static_cast<std::size_t>(j)] =
        std::inner_product(w.column(j), w.column(j) + w.rows, w.column(j), 0.0);
  }
  comm.sum(lengths);
  for (double& length : lengths) {
    if (!std::isfinite(length)) {
      throw NumericalError(
          "a product or solve with the kernel matrix gave values that are not finite; check the "
          "inputs, or add ridge");
    }
    length = std::sqrt(length);
  }
  return lengths;
}

double larger(double a, double b) {
  return std::max(a, b);
}

/// A column after the first `count` of W, orthogonalised against these; its length.
/// @param scratch  at least count values: one allocation for all columns
double orthogonalise_column(const Communicator& comm, Matrix<double>& w, std::int64_t count,
                            std::int64_t column, Matrix<double>& scratch) {
  const std::int64_t rows = w.rows();
  const MatrixView<double> target = w.view().block(0, column, rows, 1);
  const MatrixView<const double> before = w.view().block(0, 0, rows, count);
  const MatrixView<double> s = scratch.view().block(0, 0, count, 1);
  for (int pass = 0; pass < 2 && count > 0; ++pass) {
    multiply<double>(Transpose::yes, Transpose::no, 1.0, before, target, 0.0, s);
    comm.sum(std::span(s.data, static_cast<std::size_t>(count)));
    multiply<double>(Transpose::no, Transpose::no, -1.0, before, s, 1.0, target);
  }
  const double* values = w.column(column);
  return std::sqrt(comm.sum(std::inner_product(values, values + rows, values, 0.0)));
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
  start_ = local_rows(start);
  basis_ = allocate(rows_.size(), capacity_);
  image_ = allocate(rows_.size(), capacity_);
  projection_ = allocate(capacity_, capacity_);
  coordinates_ = allocate(capacity_, start.cols());

  // A start column that depends on others takes its solution with it: what tells that one from the
  // other solutions is the error of the solver.
  std::vector<std::int64_t> solved;
  if (inverse != nullptr) {
    NTKFLOW_EXPECTS(inverse_start.rows() == n_ && inverse_start.cols() == start.cols(),
                    inverse_start.rows(), inverse_start.cols(), start.cols());
    Matrix<double> trial;
    collectively(comm, [&] { trial = start_.clone(); });
    solved = orthonormalise(trial, column_lengths(comm, trial.view()));
  }
  Matrix<double> candidates = allocate(rows_.size(), start.cols() + std::ssize(solved));
  std::copy_n(start_.data(), start_.size(), candidates.data());
  for (std::int64_t j = 0; j < std::ssize(solved); ++j) {
    std::copy_n(inverse_start.column(solved[static_cast<std::size_t>(j)]) + rows_.begin,
                rows_.size(), candidates.column(start.cols() + j));
  }
  const std::vector<double> lengths = column_lengths(comm, candidates.view());
  append(std::move(candidates), start.cols(), lengths);
}

bool BlockKrylov::extend() {
  if (exhausted_ || dimension_ == capacity_) {
    return false;
  }
  Matrix<double> solved;
  if (inverted_.count > 0) {
    const Matrix<double> last = whole_columns(inverted_);
    const Stopwatch watch;
    solved = inverse_->apply(last);
    solve_seconds_ += watch.seconds();
    ++solves_;
  }
  Matrix<double> candidates = allocate(rows_.size(), polynomial_.count + inverted_.count);
  std::copy_n(image_.column(polynomial_.begin), rows_.size() * polynomial_.count,
              candidates.data());
  for (std::int64_t j = 0; j < inverted_.count; ++j) {
    std::copy_n(solved.column(j) + rows_.begin, rows_.size(),
                candidates.column(polynomial_.count + j));
  }
  // The columns come from unit vectors and hold rounding errors as large as the operators are.
  std::vector<double> scales = column_lengths(*comm_, candidates.view());
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
  const std::vector<std::int64_t> kept = orthonormalise(candidates, scales);
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

  const Matrix<double> added = whole_columns({begin, count});
  watch.reset();
  const Matrix<double> product = a_->apply(added);
  product_seconds_ += watch.seconds();
  ++products_;

  watch.reset();
  for (std::int64_t j = 0; j < count; ++j) {
    std::copy_n(product.column(j) + rows_.begin, rows_.size(), image_.column(begin + j));
  }
  const MatrixView<const double> images = image_.view().block(0, begin, rows_.size(), count);
  column_lengths(*comm_, images);  // the last block is multiplied, but never a candidate
  const MatrixView<const double> columns = basis_.view().block(0, begin, rows_.size(), count);
  const Matrix<double> border = inner_products(*comm_, basis(), images);
  const Matrix<double> coordinates = inner_products(*comm_, columns, start_.view());
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

std::vector<std::int64_t> BlockKrylov::orthonormalise(Matrix<double>& w,
                                                      std::span<const double> scales) const {
  std::vector<std::int64_t> kept(static_cast<std::size_t>(w.cols()));
  std::iota(kept.begin(), kept.end(), 0);
  Matrix<double> scratch = allocate(w.cols(), 1);
  // Twice is enough (Giraud, Langou, Rozloznik, van den Eshof 2005): what the first pass leaves of
  // a column beyond rounding is a new direction, which the second frees from the basis. A column
  // that shrinks in the second pass was rounding after all.
  for (const bool first : {true, false}) {
    project_out(w.view().block(0, 0, rows_.size(), std::ssize(kept)));
    std::vector<std::int64_t> independent;
    for (std::int64_t j = 0; j < std::ssize(kept); ++j) {
      const std::int64_t column = kept[static_cast<std::size_t>(j)];
      const std::int64_t to = std::ssize(independent);
      const double length = orthogonalise_column(*comm_, w, to, j, scratch);
      const double least =
          first ? rounding_level(n_) * scales[static_cast<std::size_t>(column)] : 0.5;
      if (length > least && dimension_ + to < capacity_) {
        std::transform(w.column(j), w.column(j) + rows_.size(), w.column(to),
                       [length](double value) { return value / length; });
        independent.push_back(column);
      }
    }
    kept = std::move(independent);
  }
  return kept;
}

void BlockKrylov::project_out(MatrixView<double> w) const {
  if (dimension_ == 0 || w.cols == 0) {
    return;
  }
  const Matrix<double> s = inner_products(*comm_, basis(), w);
  multiply<double>(Transpose::no, Transpose::no, -1.0, basis(), s.view(), 1.0, w);
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
  Matrix<double> whole = allocate(n_, y.cols());
  const MatrixView<double> mine = whole.view().block(rows_.begin, 0, rows_.size(), y.cols());
  multiply<double>(Transpose::no, Transpose::no, 1.0, b, y.view(), 0.0, mine);
  comm_->sum(std::span(whole.data(), static_cast<std::size_t>(whole.size())));
  return whole;
}

Matrix<double> BlockKrylov::whole_columns(Columns columns) const {
  Matrix<double> whole = allocate(n_, columns.count);
  for (std::int64_t j = 0; j < columns.count; ++j) {
    std::copy_n(basis_.column(columns.begin + j), rows_.size(), whole.column(j) + rows_.begin);
  }
  comm_->sum(std::span(whole.data(), static_cast<std::size_t>(whole.size())));
  return whole;
}

Matrix<double> BlockKrylov::local_rows(const Matrix<double>& whole) const {
  Matrix<double> mine = allocate(rows_.size(), whole.cols());
  for (std::int64_t j = 0; j < whole.cols(); ++j) {
    std::copy_n(whole.column(j) + rows_.begin, rows_.size(), mine.column(j));
  }
  return mine;
}

Matrix<double> BlockKrylov::allocate(std::int64_t rows, std::int64_t cols) const {
  Matrix<double> matrix;
  collectively(*comm_, [&] { matrix = Matrix<double>(rows, cols); });
  return matrix;
}

}  // namespace ntkflow
