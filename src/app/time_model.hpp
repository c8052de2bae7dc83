#pragma once

#include <cstdint>

#include <ntkflow/dist/process_grid.hpp>

#include "calibration.hpp"

namespace ntkflow::app {

/// Bytes of a stored value, as the models count them.
enum class RealKind : std::int64_t { single_precision = 4, double_precision = 8 };

/// Seconds that the parts of a run take on a machine of given rates, from their flops, bytes and
/// messages. Every part runs at a fraction of a rate that `calibrate` measures; these fractions are
/// in one table, plan_constants.hpp. All members are Local.
class TimeModel {
 public:
  /// @param share  of an n x n matrix on the rank that holds most, over the mean: its work sets the
  /// pace.
  TimeModel(const Calibration& rates, GridShape grid, std::int64_t block, double share);

  /// Kernel values of so many pairs of samples with `dimension` inputs. @param entry_flop  work per
  /// pair beside their inner product, in flop of a matrix product.
  [[nodiscard]] double kernel_values(double pairs, double dimension, double entry_flop,
                                     RealKind real) const;
  /// Products of kernel values, made anew for it, with `columns` vectors: of n x n symmetric ones
  /// from one triangle. Beside kernel_values.
  [[nodiscard]] double thin_products(double entries, double columns, RealKind real) const;
  /// First use of memory, over all ranks.
  [[nodiscard]] double fresh_memory(double bytes) const;
  /// Copies one triangle of a stored matrix into the other.
  [[nodiscard]] double mirror(double n, RealKind real) const;
  [[nodiscard]] double lookahead_cholesky(double n, RealKind real) const;
  [[nodiscard]] double scalapack_cholesky(double n, RealKind real) const;
  /// Forward and back substitution for `columns` right-hand sides.
  [[nodiscard]] double solve(double n, double columns, RealKind real) const;
  /// Product of a stored symmetric matrix with `columns` vectors.
  [[nodiscard]] double stored_product(double n, double columns, RealKind real) const;
  /// p?syevd.
  [[nodiscard]] double eigensystem(double n) const;
  /// Distributed products of large matrices (p?gemm, orthogonalisation), by their flop.
  [[nodiscard]] double large_products(double flop) const;
  /// Eigenproblems that every rank solves alone, by their flop.
  [[nodiscard]] double small_eigenproblems(double flop) const;
  /// A sum over all ranks of so many bytes on each, which every rank ends with.
  [[nodiscard]] double all_sum(double bytes) const;
  /// Reading samples from files the first time, and again for the rows and columns of each rank.
  [[nodiscard]] static double read_files(double bytes);
  [[nodiscard]] static double read_again(double bytes_per_rank);
  [[nodiscard]] static double write_file(double bytes);

 private:
  [[nodiscard]] double product_rate(RealKind real) const {
    return real == RealKind::single_precision ? rates_.product_single : rates_.product_double;
  }
  /// Messages of one panel along its process row and column, for `panels` panels of `bytes` in all.
  [[nodiscard]] double panel_messages(double panels, double row_bytes, double col_bytes) const;
  [[nodiscard]] double panel_factor(double n, RealKind real) const;

  Calibration rates_;
  double rows_;
  double cols_;
  double ranks_;
  double block_;
  double share_;
};

}  // namespace ntkflow::app
