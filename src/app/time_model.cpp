#include "time_model.hpp"

#include <algorithm>
#include <cmath>

#include "plan_constants.hpp"

namespace ntkflow::app {
namespace {

/// Fraction of the matrix-product rate of products with so many columns.
double thin_fraction(double columns) {
  return columns / (columns + kThinColumns);
}

double doublings(double ranks) {
  return std::ceil(std::log2(std::max(1.0, ranks)));
}

double bytes_of(RealKind real) {
  return static_cast<double>(static_cast<std::int64_t>(real));
}

}  // namespace

TimeModel::TimeModel(const Calibration& rates, GridShape grid, std::int64_t block, double share)
    : rates_(rates),
      rows_(grid.rows),
      cols_(grid.cols),
      ranks_(rows_ * cols_),
      block_(static_cast<double>(block)),
      share_(share) {}

double TimeModel::kernel_values(double pairs, double dimension, double entry_flop,
                                RealKind real) const {
  return share_ * pairs * (2.0 * dimension / kTileProduct + entry_flop) /
         (ranks_ * product_rate(real));
}

double TimeModel::thin_products(double entries, double columns, RealKind real) const {
  return share_ * 2.0 * entries * columns / (ranks_ * product_rate(real) * thin_fraction(columns));
}

double TimeModel::fresh_memory(double bytes) const {
  return share_ * bytes /
         (ranks_ * std::max(rates_.fresh_bandwidth * kFreshMemory, kLeastFreshRate));
}

double TimeModel::mirror(double n, RealKind real) const {
  const double triangle = 0.5 * n * n * bytes_of(real);
  const double moved = 2.0 * triangle / (ranks_ * rates_.read_bandwidth * kMirrorRead);
  return share_ * (moved + (ranks_ > 1 ? triangle / (ranks_ * rates_.link_bandwidth) : 0.0));
}

double TimeModel::panel_messages(double panels, double row_bytes, double col_bytes) const {
  const double count = panels * (doublings(cols_) + doublings(rows_));
  const double bytes = (cols_ > 1 ? row_bytes : 0.0) + (rows_ > 1 ? col_bytes : 0.0);
  return count * rates_.latency + bytes / rates_.link_bandwidth;
}

double TimeModel::panel_factor(double n, RealKind real) const {
  return n * n * block_ / (rows_ * product_rate(real) * kPanel) / 2.0;
}

double TimeModel::lookahead_cholesky(double n, RealKind real) const {
  const double update = share_ * n * n * n / 3.0 / (ranks_ * product_rate(real) * kLookaheadUpdate);
  const double half = 0.5 * n * n * bytes_of(real);
  const double messages = panel_messages(n / block_, half / rows_, half / cols_);
  return std::max(update, messages) + kPanelSeen * panel_factor(n, real);
}

double TimeModel::scalapack_cholesky(double n, RealKind real) const {
  const double update = share_ * n * n * n / 3.0 / (ranks_ * product_rate(real) * kScalapackUpdate);
  const double half = 0.5 * n * n * bytes_of(real);
  return update + panel_factor(n, real) + panel_messages(n / block_, half / rows_, half / cols_);
}

double TimeModel::solve(double n, double columns, RealKind real) const {
  const double read = n * n * bytes_of(real) / (rates_.read_bandwidth * kSolveRead);
  const double compute = 2.0 * n * n * columns / (product_rate(real) * thin_fraction(columns));
  const double vectors = 2.0 * n * columns * bytes_of(real);
  return share_ * std::max(read, compute) / ranks_ +
         panel_messages(4.0 * n / block_, vectors, vectors) + all_sum(n * columns * 8.0);
}

double TimeModel::stored_product(double n, double columns, RealKind real) const {
  const double read = 0.5 * n * n * bytes_of(real) / (rates_.read_bandwidth * kStoredRead);
  const double compute =
      2.0 * n * n * columns / (product_rate(RealKind::double_precision) * thin_fraction(columns));
  return share_ * std::max(read, compute) / ranks_ + all_sum(n * columns * 8.0);
}

double TimeModel::eigensystem(double n) const {
  const double cube = n * n * n;
  const double read = 4.0 / 3.0 * cube / (rates_.read_bandwidth * kReductionRead);
  const double compute =
      (kReductionFlop + kBackTransformFlop) * cube / (rates_.product_double * kEigenProduct);
  return share_ * (read + compute) / ranks_ +
         panel_messages(kEigenMessages * n, 4.0 * n * n / rows_, 4.0 * n * n / cols_);
}

double TimeModel::large_products(double flop) const {
  return share_ * flop / (ranks_ * rates_.product_double * kLargeProduct);
}

double TimeModel::small_eigenproblems(double flop) const {
  return flop / (rates_.product_double * kEigenproblemRate);
}

double TimeModel::all_sum(double bytes) const {
  return ranks_ > 1 ? 2.0 * (doublings(ranks_) * rates_.latency + bytes / rates_.link_bandwidth)
                    : 0.0;
}

double TimeModel::read_files(double bytes) {
  return bytes / kSurveyRate;
}

double TimeModel::read_again(double bytes_per_rank) {
  return bytes_per_rank / kLoadRate;
}

double TimeModel::write_file(double bytes) {
  return bytes / kWriteRate;
}

}  // namespace ntkflow::app
