#include "thick_restart.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/linalg/local.hpp>
#include <ntkflow/linalg/local_eigen.hpp>

namespace ntkflow {
namespace {

// Steps between two looks at the Ritz pairs: one look costs a few products at N = 4,000, and less
// than one from N = 10,000 on.
constexpr std::int64_t kStepsPerLook = 4;
// Steps from a random block that look for pairs left out. A pair whose value is twice the last
// wanted one shows for certain in practice: a single random column misses it with probability below
// 1.7 sqrt(n) exp(-11 sqrt(1/2)), 0.07 for n = 10,000 (Kuczynski, Wozniakowski 1992, theorem 3.2),
// and 16 columns about with the 16th power of that. Nearer values may stay hidden, the less likely
// the faster the spectrum falls.
constexpr std::int64_t kCheckSteps = 6;
constexpr std::int64_t kMostRestarts = 200;
// Estimates of residuals stop this far below the tolerance, for the certificate to confirm.
constexpr double kMargin = 0.5;
constexpr std::uint64_t kBlockStream = 0x6c616e63;
// Rows of a panel of combine_in_place: with 500 columns 1 MiB.
constexpr std::int64_t kPanelRows = 256;

}  // namespace

RitzPairs largest_pairs(const Communicator& comm, MatrixView<const double> h, std::int64_t count) {
  const std::int64_t m = h.rows;
  NTKFLOW_EXPECTS(count >= 0 && count <= m, count, m);
  const LocalEigenSystem eigen = diagonalise_shared(comm, h);
  RitzPairs pairs;
  collectively(comm, [&] {
    pairs.vectors = Matrix<double>(m, count);
    for (std::int64_t j = 0; j < count; ++j) {
      pairs.values.push_back(eigen.values[static_cast<std::size_t>(m - 1 - j)]);
      std::copy_n(eigen.vectors.column(m - 1 - j), m, pairs.vectors.column(j));
    }
  });
  return pairs;
}

void combine_in_place(Matrix<double>& q, MatrixView<const double> y) {
  NTKFLOW_EXPECTS(y.cols <= y.rows && y.rows <= q.cols(), y.rows, y.cols, q.cols());
  Matrix<double> panel(kPanelRows, y.cols);
  for (std::int64_t row = 0; row < q.rows(); row += kPanelRows) {
    const std::int64_t rows = std::min(kPanelRows, q.rows() - row);
    const MatrixView<double> product = panel.view().block(0, 0, rows, y.cols);
    multiply<double>(Transpose::no, Transpose::no, 1.0, q.view().block(row, 0, rows, y.rows), y,
                     0.0, product);
    for (std::int64_t j = 0; j < y.cols; ++j) {
      std::copy_n(product.column(j), rows, q.column(j) + row);
    }
  }
}

ThickRestartLanczos::ThickRestartLanczos(const SharedRows& rows, const LinearOperator& a,
                                         const LanczosSize& size, std::uint64_t seed,
                                         Monitor& monitor)
    : rows_(rows), a_(&a), size_(size), seed_(seed), monitor_(&monitor) {
  const std::int64_t n = rows.n();
  NTKFLOW_EXPECTS(a.size() == n, a.size(), n);
  NTKFLOW_EXPECTS(size.count >= 1 && size.count <= size.kept && size.kept <= size.capacity,
                  size.count, size.kept, size.capacity);
  NTKFLOW_EXPECTS(size.capacity == n || size.capacity >= size.kept + (kCheckSteps + 2) * size.block,
                  size.capacity, size.kept, size.block);
  basis_ = rows_.allocate(size.capacity);
  collectively(rows_.comm(), [&] {
    projection_ = Matrix<double>(size.capacity, size.capacity);
    coupling_ = Matrix<double>(size.block, size.capacity);
  });
  set_pending(rows_.allocate(0), {});
}

void ThickRestartLanczos::run(double tolerance) {
  tolerance_ = tolerance;
  for (;;) {
    grow(kStepsPerLook);
    project();
    if (is_whole_space() || pending_ == 0) {
      break;
    }
    if (converged_ == size_.count) {
      const std::vector<double> found = ritz_.values;
      restart();
      ++restarts_;
      // From here on estimates leave out the residuals of the vectors kept: those of wanted ones
      // are within the tolerance; those of further ones are not, and what a wanted pair takes up of
      // them only the certificate shows, which is followed by corrections.
      set_pending(rows_.allocate(0), {});
      grow(kCheckSteps);
      project();
      double risen = 0.0;
      for (std::size_t i = 0; i < static_cast<std::size_t>(size_.count); ++i) {
        risen = std::max(risen, ritz_.values[i] - found[i]);
      }
      if (risen <= tolerance_ * std::abs(ritz_.values.front())) {
        // The basis still begins with the vectors of the restart, of which those wanted had
        // converged; those of now may be mixed with further copies that have not.
        ritz_.values = found;
        multiplied_ = std::ssize(found);
        return;
      }
    }
    if (restarts_ >= kMostRestarts) {
      break;
    }
    if (!has_room()) {
      restart();
      ++restarts_;
    }
  }
  restart();
}

Matrix<double> ThickRestartLanczos::take_vectors() {
  Matrix<double> vectors = rows_.allocate(multiplied_);
  std::copy_n(basis_.data(), vectors.size(), vectors.data());
  basis_ = Matrix<double>();
  return vectors;
}

void ThickRestartLanczos::grow(std::int64_t most_steps) {
  for (std::int64_t i = 0; i < most_steps && pending_ > 0 && has_room(); ++i) {
    step();
    monitor_->progress(converged_, size_.count);
  }
}

void ThickRestartLanczos::step() {
  const Matrix<double> block = rows_.whole(columns(multiplied_, pending_));
  const Matrix<double> image = rows_.take(a_->apply(block));
  const std::vector<double> lengths = rows_.column_lengths(image.view());
  scale_ = std::max(scale_, *std::max_element(lengths.begin(), lengths.end()));
  const std::int64_t begin = multiplied_;
  multiplied_ += pending_;
  const Matrix<double> border = rows_.inner_products(columns(0, multiplied_), image.view());
  for (std::int64_t j = 0; j < border.cols(); ++j) {
    for (std::int64_t i = 0; i < multiplied_; ++i) {
      const double value =
          i < begin ? border(i, j) : 0.5 * (border(i, j) + border(begin + j, i - begin));
      projection_(i, begin + j) = value;
      projection_(begin + j, i) = value;
    }
  }

  Matrix<double> rest;
  collectively(rows_.comm(), [&] { rest = image.clone(); });
  set_pending(std::move(rest), std::vector<double>(lengths.size(), scale_));
  const Matrix<double> coupling =
      rows_.inner_products(columns(multiplied_, pending_), image.view());
  for (std::int64_t j = 0; j < coupling.cols(); ++j) {
    std::copy_n(coupling.column(j), pending_, coupling_.column(begin + j));
  }
}

void ThickRestartLanczos::set_pending(Matrix<double> w, std::span<const double> scales) {
  const std::int64_t most = std::min(size_.block, rows_.n() - multiplied_);
  const auto append = [&](Matrix<double>& block, std::span<const double> lengths) {
    const auto kept = std::ssize(
        rows_.orthonormalise(columns(0, multiplied_ + pending_), block, lengths, most - pending_));
    std::copy_n(block.data(), block.rows() * kept, basis_.column(multiplied_ + pending_));
    pending_ += kept;
  };
  pending_ = 0;
  std::fill_n(coupling_.data(), coupling_.size(), 0.0);
  append(w, scales);
  if (pending_ < most) {
    const RandomStream stream(seed_, kBlockStream);
    Matrix<double> fill = rows_.allocate(most - pending_);
    for (std::int64_t j = 0; j < fill.cols(); ++j) {
      for (std::int64_t i = 0; i < fill.rows(); ++i) {
        fill.column(j)[i] =
            stream.normal(static_cast<std::uint64_t>(rows_.rows().begin + i), random_used_);
      }
      ++random_used_;
    }
    append(fill, rows_.column_lengths(fill.view()));
  }
}

void ThickRestartLanczos::project() {
  const std::int64_t m = multiplied_;
  ritz_ =
      largest_pairs(rows_.comm(), projection_.view().block(0, 0, m, m), std::min(size_.kept, m));
  Matrix<double> rest;  // C Y: the columns are as long as the residuals
  collectively(rows_.comm(),
               [&] { rest = Matrix<double>(coupling_.rows(), ritz_.vectors.cols()); });
  multiply<double>(Transpose::no, Transpose::no, 1.0,
                   coupling_.view().block(0, 0, coupling_.rows(), m), ritz_.vectors.view(), 0.0,
                   rest.view());
  const double least = kMargin * tolerance_ * std::abs(ritz_.values.front());
  converged_ = 0;
  while (converged_ < std::min(size_.count, rest.cols())) {
    const double* column = rest.column(converged_);
    if (std::sqrt(std::inner_product(column, column + rest.rows(), column, 0.0)) > least) {
      break;
    }
    ++converged_;
  }
  // The ranks' processors may round differently.
  converged_ = rows_.comm().min(converged_);
}

void ThickRestartLanczos::restart() {
  const std::int64_t kept = ritz_.vectors.cols();
  collectively(rows_.comm(), [&] {
    Matrix<double> coupling(coupling_.rows(), size_.capacity);
    multiply<double>(Transpose::no, Transpose::no, 1.0,
                     coupling_.view().block(0, 0, coupling_.rows(), multiplied_),
                     ritz_.vectors.view(), 0.0,
                     coupling.view().block(0, 0, coupling_.rows(), kept));
    coupling_ = std::move(coupling);
    combine_in_place(basis_, ritz_.vectors.view());
  });
  for (std::int64_t j = 0; j < pending_ && kept < multiplied_; ++j) {
    std::copy_n(basis_.column(multiplied_ + j), basis_.rows(), basis_.column(kept + j));
  }
  for (std::int64_t j = 0; j < kept; ++j) {
    std::fill_n(projection_.column(j), kept, 0.0);
    projection_(j, j) = ritz_.values[static_cast<std::size_t>(j)];
  }
  multiplied_ = kept;
}

bool ThickRestartLanczos::has_room() const {
  const std::int64_t next = std::min(size_.block, rows_.n() - multiplied_ - pending_);
  return multiplied_ + pending_ + next <= size_.capacity;
}

MatrixView<const double> ThickRestartLanczos::columns(std::int64_t begin,
                                                      std::int64_t count) const {
  return basis_.view().block(0, begin, basis_.rows(), count);
}

}  // namespace ntkflow
