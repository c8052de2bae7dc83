#include "power_iteration.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <utility>

#include <ntkflow/base/random.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/linalg/local.hpp>

namespace ntkflow {
namespace {

constexpr std::uint64_t kStartStream = 0x706f7765;
// The residual that an iteration ends with, as part of the tolerance: the certificate finds what
// the pairs before have left in it as well.
constexpr double kMargin = 0.5;

struct Pair {
  double value = 0.0;
  bool converged = false;
};

/// A vector in work and what its steps need, allocated once.
class Iteration {
 public:
  Iteration(const SharedRows& rows, const LinearOperator& a, std::int64_t most_steps,
            std::int64_t most_before)
      : rows_(&rows), a_(&a), most_steps_(most_steps), image_(rows.allocate(1)) {
    collectively(rows.comm(), [&] {
      whole_ = Matrix<double>(rows.n(), 1);
      along_ = Matrix<double>(most_before, 1);
    });
  }

  /// Iterates on the unit vector x until |P A x - value x| <= least(value), P the projection onto
  /// the complement of the orthonormal columns of `before`, to which x is orthogonal.
  template <class Least>
  Pair run(MatrixView<const double> before, MatrixView<double> x, Least&& least) {
    Pair pair;
    for (std::int64_t step = 0; step < most_steps_ && !pair.converged; ++step) {
      multiply_projected(before, x);
      // One sum over the ranks for all: the residual is that of the value before, which is near
      // where the iteration ends, and of which none is below that of the Rayleigh quotient.
      double sums[] = {0.0, 0.0, 0.0};  // |image|^2, x^T image, |image - value x|^2
      for (std::int64_t i = 0; i < x.rows; ++i) {
        const double value = image_.data()[i];
        sums[0] += value * value;
        sums[1] += x.data[i] * value;
        sums[2] += std::pow(value - pair.value * x.data[i], 2);
      }
      rows_->comm().sum(std::span(sums));
      const double length = finite_length(sums[0]);
      pair.converged = std::sqrt(sums[2]) <= least(pair.value);
      pair.value = sums[1];
      if (!pair.converged && length > 0.0) {
        std::transform(image_.data(), image_.data() + image_.rows(), x.data,
                       [length](double value) { return value / length; });
      }
    }
    return pair;
  }

 private:
  /// image = P A x. One projection is enough: of what lies along `before` x has rounding only.
  void multiply_projected(MatrixView<const double> before, MatrixView<const double> x) {
    std::fill_n(whole_.data(), whole_.size(), 0.0);
    std::copy_n(x.data, x.rows, whole_.data() + rows_->rows().begin);
    rows_->comm().sum(std::span(whole_.data(), static_cast<std::size_t>(whole_.size())));
    const Matrix<double> product = a_->apply(whole_);
    std::copy_n(product.data() + rows_->rows().begin, image_.size(), image_.data());
    if (before.cols > 0) {
      const MatrixView<double> along = along_.view().block(0, 0, before.cols, 1);
      multiply<double>(Transpose::yes, Transpose::no, 1.0, before, image_.view(), 0.0, along);
      rows_->comm().sum(std::span(along.data, static_cast<std::size_t>(along.rows)));
      multiply<double>(Transpose::no, Transpose::no, -1.0, before, along, 1.0, image_.view());
    }
  }

  const SharedRows* rows_;
  const LinearOperator* a_;
  std::int64_t most_steps_;
  Matrix<double> image_;  ///< this rank's rows of A x
  Matrix<double> whole_;  ///< x on every rank
  Matrix<double> along_;
};

/// The first position in descending order from which on the pairs are not told apart, or -1.
/// @param values      of the pairs sought so far, in the order in which they were found
/// @param unresolved  whether the last of them did not converge
std::int64_t first_degenerate(std::vector<double> values, std::int64_t count, bool unresolved,
                              double told_apart) {
  const double last = values.back();
  std::sort(values.begin(), values.end(), std::greater<>());
  const auto apart = [told_apart](double larger, double smaller) {
    return larger - smaller > told_apart;
  };
  auto first = std::adjacent_find(values.begin(), values.end(), std::not_fn(apart));
  if (unresolved) {
    first = std::min(first, std::find_if(values.begin(), values.end(),
                                         [&](double value) { return !apart(value, last); }));
  }
  const std::int64_t position = first - values.begin();
  return first != values.end() && position < count ? position : -1;
}

}  // namespace

PowerPairs power_iteration(const SharedRows& rows, const LinearOperator& a,
                           const LeadingOptions& options, Monitor& monitor) {
  const std::int64_t count = options.count;
  const std::int64_t sought = std::min(count + 1, rows.n());
  const RandomStream stream(options.seed, kStartStream);
  Matrix<double> vectors = rows.allocate(sought);
  Iteration iteration(rows, a, options.most_steps, sought);
  std::vector<double> values;
  bool gave_up = false;
  double scale = 0.0;
  const auto least = [&](double value) {
    return kMargin * options.tolerance * std::max(scale, std::abs(value));
  };
  for (std::int64_t j = 0; j < sought; ++j) {
    const MatrixView<const double> before = vectors.view().block(0, 0, vectors.rows(), j);
    Matrix<double> start = rows.allocate(1);
    for (std::int64_t i = 0; i < start.rows(); ++i) {
      start.data()[i] = stream.normal(static_cast<std::uint64_t>(rows.rows().begin + i),
                                      static_cast<std::uint64_t>(j));
    }
    rows.orthonormalise(before, start, rows.column_lengths(start.view()), 1);
    std::copy_n(start.data(), start.rows(), vectors.column(j));
    // Deflation with a pair that is none would spoil all after it.
    if (!gave_up) {
      const Pair pair = iteration.run(before, vectors.view().block(0, j, vectors.rows(), 1), least);
      gave_up = !pair.converged;
      values.push_back(pair.value);
      scale = std::max(scale, std::abs(pair.value));
    }
    monitor.progress(std::min(j + 1, count), count);
  }

  PowerPairs pairs;
  pairs.degenerate_pair =
      first_degenerate(std::move(values), count, gave_up, 2.0 * options.tolerance * scale);
  pairs.vectors = rows.allocate(count);
  std::copy_n(vectors.data(), pairs.vectors.size(), pairs.vectors.data());
  return pairs;
}

}  // namespace ntkflow
