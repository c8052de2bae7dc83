#include "ntkflow/linalg/leading_eigenpairs.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/linalg/local.hpp>
#include <ntkflow/linalg/local_eigen.hpp>

#include "power_iteration.hpp"
#include "shared_rows.hpp"
#include "thick_restart.hpp"
#include "watched_operator.hpp"

namespace ntkflow {
namespace {

// Columns of one product with a stored matrix. It is read once for all of them, and beyond 16 the
// arithmetic costs more than the reading; wider blocks reach a lower power of A in as many columns.
constexpr std::int64_t kBlock = 16;
// Columns of one exact product, which may evaluate the kernel anew: as many as memory allows.
constexpr std::int64_t kExactColumns = 128;
// Ritz vectors that a restart keeps beyond those wanted, in blocks.
constexpr std::int64_t kLeastExtraBlocks = 2;
constexpr std::int64_t kMostExtraBlocks = 8;
constexpr int kMostCorrections = 6;

// The inverse has one pair to find, far from the others as a rule.
constexpr LanczosSize kSmallest{1, 4, 9, 61};
constexpr double kSmallestTolerance = 1e-9;

LanczosSize lanczos_size(std::int64_t n, std::int64_t count) {
  const std::int64_t extra =
      std::clamp(count / 2, kLeastExtraBlocks * kBlock, kMostExtraBlocks * kBlock);
  return {count, std::min(n, kBlock), std::min(n, count + extra), lanczos_basis_size(n, count)};
}

/// A V of this rank's rows, `columns` at a time.
Matrix<double> product_rows(const SharedRows& rows, const LinearOperator& a,
                            MatrixView<const double> v, std::int64_t columns) {
  Matrix<double> product = rows.allocate(v.cols);
  for (std::int64_t j = 0; j < v.cols; j += columns) {
    const std::int64_t k = std::min(columns, v.cols - j);
    const Matrix<double> part = rows.take(a.apply(rows.whole(v.block(0, j, v.rows, k))));
    std::copy_n(part.data(), part.size(), product.column(j));
  }
  return product;
}

/// Largest magnitude of the values, 1 if all are zero.
double scale_of(const std::vector<double>& values) {
  double scale = 0.0;
  for (const double value : values) {
    scale = std::max(scale, std::abs(value));
  }
  return scale > 0.0 ? scale : 1.0;
}

/// Makes the vectors those pairs that a new product with A finds in their span, sets values and
/// residuals, and returns A V - V diag(values) of this rank's rows.
Matrix<double> certify(const SharedRows& rows, const LinearOperator& a, std::int64_t columns,
                       LeadingEigenpairs& pairs) {
  Matrix<double> rest = product_rows(rows, a, pairs.vectors.view(), columns);
  (void)rows.column_lengths(rest.view());
  const std::int64_t count = pairs.vectors.cols();
  const Matrix<double> projected = rows.inner_products(pairs.vectors.view(), rest.view());
  RitzPairs ritz = largest_pairs(rows.comm(), projected.view(), count);
  collectively(rows.comm(), [&] {
    combine_in_place(pairs.vectors, ritz.vectors.view());
    combine_in_place(rest, ritz.vectors.view());
  });
  pairs.values = std::move(ritz.values);
  for (std::int64_t j = 0; j < count; ++j) {
    const double value = pairs.values[static_cast<std::size_t>(j)];
    std::transform(rest.column(j), rest.column(j) + rest.rows(), pairs.vectors.column(j),
                   rest.column(j), [value](double sum, double v) { return sum - value * v; });
  }
  pairs.residual = rows.column_lengths(rest.view());
  const double scale = scale_of(pairs.values);
  for (double& residual : pairs.residual) {
    residual /= scale;
  }
  return rest;
}

/// Approximate eigenpairs beyond those wanted, this rank's rows of the vectors.
struct FurtherPairs {
  std::vector<double> values;
  Matrix<double> vectors;
};

/// Adds a direction for each pair whose residual is not far below the tolerance, and takes the best
/// vectors of the larger span: (A - value I)^-1 times the residual, with A known on the further
/// pairs and small beside the value on what is left. Ref: Davidson (1975); Morgan, Scott (1986).
///
/// @param rest  what certify returned; consumed
void correct(const SharedRows& rows, const LinearOperator& a, std::int64_t columns,
             const FurtherPairs& further, double tolerance, Matrix<double> rest,
             LeadingEigenpairs& pairs) {
  const std::int64_t count = pairs.vectors.cols();
  const double scale = scale_of(pairs.values);
  std::vector<std::int64_t> poor;
  for (std::int64_t j = 0; j < count; ++j) {
    if (pairs.residual[static_cast<std::size_t>(j)] > 0.1 * tolerance) {
      poor.push_back(j);
    }
  }
  Matrix<double> added = rows.allocate(std::ssize(poor));
  for (std::int64_t j = 0; j < added.cols(); ++j) {
    std::copy_n(rest.column(poor[static_cast<std::size_t>(j)]), rest.rows(), added.column(j));
  }
  Matrix<double> known = rows.inner_products(further.vectors.view(), added.view());
  // Rounding errors beside a nearly equal value would drown the rest of the direction.
  const double noise = projection_rounding(rows.n()) * scale;
  for (std::int64_t j = 0; j < known.cols(); ++j) {
    const double value = pairs.values[static_cast<std::size_t>(poor[static_cast<std::size_t>(j)])];
    for (std::int64_t i = 0; i < known.rows(); ++i) {
      const double other = further.values[static_cast<std::size_t>(i)];
      known(i, j) *=
          std::abs(known(i, j)) > noise ? other / std::max(value - other, tolerance * scale) : 0.0;
    }
  }
  multiply<double>(Transpose::no, Transpose::no, 1.0, further.vectors.view(), known.view(), 1.0,
                   added.view());
  const auto kept = std::ssize(rows.orthonormalise(
      pairs.vectors.view(), added, rows.column_lengths(added.view()), rows.n() - count));
  const MatrixView<const double> t = added.view().block(0, 0, added.rows(), kept);

  // A V = V diag(values) + rest, and T is orthogonal to V.
  const Matrix<double> border = rows.inner_products(t, rest.view());
  Matrix<double> corner;
  {
    const Matrix<double> image = product_rows(rows, a, t, columns);
    (void)rows.column_lengths(image.view());
    corner = rows.inner_products(t, image.view());
  }
  rest = Matrix<double>();
  Matrix<double> projected;
  collectively(rows.comm(), [&] { projected = Matrix<double>(count + kept, count + kept); });
  for (std::int64_t j = 0; j < count; ++j) {
    projected(j, j) = pairs.values[static_cast<std::size_t>(j)];
    std::copy_n(border.column(j), kept, projected.column(j) + count);
  }
  for (std::int64_t j = 0; j < kept; ++j) {
    std::copy_n(corner.column(j), kept, projected.column(count + j) + count);
  }
  const RitzPairs ritz = largest_pairs(rows.comm(), projected.view(), count);
  Matrix<double> span = rows.allocate(count + kept);
  std::copy_n(pairs.vectors.data(), pairs.vectors.size(), span.data());
  std::copy_n(t.data, t.rows * kept, span.column(count));
  collectively(rows.comm(), [&] { combine_in_place(span, ritz.vectors.view()); });
  std::copy_n(span.data(), pairs.vectors.size(), pairs.vectors.data());
}

double worst_of(const std::vector<double>& residual) {
  return *std::max_element(residual.begin(), residual.end());
}

/// max |V^T V - I|.
double orthogonality_of(const SharedRows& rows, MatrixView<const double> v) {
  const Matrix<double> products = rows.inner_products(v, v);
  double largest = 0.0;
  for (std::int64_t j = 0; j < products.cols(); ++j) {
    for (std::int64_t i = 0; i < products.rows(); ++i) {
      largest = std::max(largest, std::abs(products(i, j) - (i == j ? 1.0 : 0.0)));
    }
  }
  return largest;
}

}  // namespace

std::int64_t lanczos_basis_size(std::int64_t n, std::int64_t count) {
  return std::min(n, 3 * count + 10 * kBlock);
}

LeadingEigenpairs leading_eigenpairs(const Communicator& comm, const LinearOperator& a,
                                     const LinearOperator* exact, const LeadingOptions& options,
                                     Monitor& monitor) {
  const std::int64_t n = a.size();
  const std::int64_t count = options.count;
  NTKFLOW_EXPECTS(count >= 1 && count <= n, count, n);
  NTKFLOW_EXPECTS(exact == nullptr || exact->size() == n, n);
  const SharedRows rows(comm, n);
  const WatchedOperator cheap(comm, a, monitor);
  const WatchedOperator best(comm, exact != nullptr ? *exact : a, monitor);
  LeadingEigenpairs pairs;
  pairs.rows = rows.rows();
  FurtherPairs further;
  if (options.method == LeadingMethod::lanczos) {
    const LanczosSize size = lanczos_size(n, count);
    if (size.capacity > kMostLocalOrder) {
      throw ResourceError("Lanczos for " + std::to_string(count) + " eigenpairs takes a basis of " +
                          std::to_string(size.capacity) + " vectors, more than " +
                          std::to_string(kMostLocalOrder) +
                          ", the most that the projected problem may have; ask for fewer pairs or "
                          "for all of them by a full eigensolve");
    }
    ThickRestartLanczos space(rows, cheap, size, options.seed, monitor);
    space.run(options.tolerance);
    pairs.restarts = space.restarts();
    NTKFLOW_EXPECTS(std::ssize(space.values()) >= count, space.values().size(), count);
    further.values.assign(space.values().begin() + count, space.values().end());
    const Matrix<double> found = space.take_vectors();
    pairs.vectors = rows.allocate(count);
    further.vectors = rows.allocate(std::ssize(further.values));
    std::copy_n(found.data(), pairs.vectors.size(), pairs.vectors.data());
    std::copy_n(found.column(count), further.vectors.size(), further.vectors.data());
  } else {
    PowerPairs power = power_iteration(rows, cheap, options, monitor);
    pairs.vectors = std::move(power.vectors);
    pairs.degenerate_pair = power.degenerate_pair;
    further.vectors = rows.allocate(0);
  }

  const std::int64_t columns = exact != nullptr ? kExactColumns : kBlock;
  const bool may_correct = exact != nullptr || options.method == LeadingMethod::lanczos;
  Matrix<double> rest = certify(rows, best, columns, pairs);
  double before = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kMostCorrections && may_correct; ++i) {
    const double worst = worst_of(pairs.residual);
    if (worst <= options.tolerance || worst > 0.5 * before) {
      break;
    }
    before = worst;
    correct(rows, best, columns, further, options.tolerance, std::move(rest), pairs);
    rest = certify(rows, best, columns, pairs);
  }

  pairs.orthogonality = orthogonality_of(rows, pairs.vectors.view());
  pairs.converged = std::find_if(pairs.residual.begin(), pairs.residual.end(),
                                 [&](double r) { return !(r <= options.tolerance); }) -
                    pairs.residual.begin();
  pairs.exact_products = exact != nullptr ? best.columns() : 0;
  pairs.products = cheap.columns() + best.columns();
  pairs.product_seconds = comm.max(cheap.seconds() + best.seconds());
  return pairs;
}

SmallestEigenvalue smallest_eigenvalue(const Communicator& comm, const LinearOperator& inverse,
                                       double shift, double lambda_max, std::uint64_t seed,
                                       Monitor& monitor) {
  const std::int64_t n = inverse.size();
  const SharedRows rows(comm, n);
  const WatchedOperator watched(comm, inverse, monitor);
  LanczosSize size = kSmallest;
  size.block = std::min(n, size.block);
  size.kept = std::min(n, size.kept);
  size.capacity = std::min(n, size.capacity);
  ThickRestartLanczos space(rows, watched, size, seed, monitor);
  space.run(kSmallestTolerance);
  LeadingEigenpairs top;
  {
    const Matrix<double> found = space.take_vectors();
    top.vectors = rows.allocate(1);
    std::copy_n(found.data(), top.vectors.size(), top.vectors.data());
  }
  (void)certify(rows, watched, 1, top);

  SmallestEigenvalue smallest;
  smallest.solves = watched.columns();
  const double inverse_value = top.values.front();
  const double relative = top.residual.front();
  smallest.error = std::numeric_limits<double>::infinity();
  if (inverse_value > std::numeric_limits<double>::min() && relative < 1.0) {
    smallest.value = 1.0 / inverse_value - shift;
    // An eigenvalue of the inverse lies within `relative` of inverse_value.
    smallest.error = relative / (1.0 - relative) / inverse_value +
                     static_cast<double>(n) * std::numeric_limits<double>::epsilon() *
                         (lambda_max + std::abs(shift));
    smallest.converged = relative <= kSmallestTolerance;
  }
  return smallest;
}

Matrix<double> CentredOperator::apply(const Matrix<double>& x) const {
  const auto centre = [](Matrix<double>& columns) {
    for (std::int64_t j = 0; j < columns.cols(); ++j) {
      double* column = columns.column(j);
      const double mean = std::accumulate(column, column + columns.rows(), 0.0) /
                          static_cast<double>(columns.rows());
      std::transform(column, column + columns.rows(), column,
                     [mean](double value) { return value - mean; });
    }
  };
  Matrix<double> centred = x.clone();
  centre(centred);
  Matrix<double> product = a_->apply(centred);
  centre(product);
  return product;
}

}  // namespace ntkflow
