#pragma once

#include <optional>

#include <ntkflow/base/matrix.hpp>

namespace ntkflow {

/// The cosine of the angle between a kernel matrix K and that of the targets, Y Y^T, in the inner
/// product <A, B> = tr A^T B: 1 for the kernel that is made for its targets.
struct Alignment {
  /// <K, Y Y^T> / (|K|_F |Y Y^T|_F). Ref: Cristianini, Shawe-Taylor, Elisseeff, Kandola (2001), On
  /// kernel-target alignment.
  double plain = 0.0;
  /// The same of H K H and H Y Y^T H, H = I - 1 1^T / N. Ref: Cortes, Mohri, Rostamizadeh (2012),
  /// Algorithms for learning kernels based on centered alignment. None where the kernel or the
  /// targets are constant to rounding.
  std::optional<double> centred;
};

/// Both alignments without an N x N matrix, from <K, Y Y^T> = tr Y^T K Y, |Y Y^T|_F = |Y^T Y|_F
/// and |H K H|_F^2 = |K|_F^2 - 2 |K 1|^2 / N + (1^T K 1)^2 / N^2. Of a nearly constant kernel the
/// last cancels; it is not used up to 16 (N eps + rounding) |K|_F^2, above which |H K H|_F keeps a
/// digit. The plain one is 0 where a norm is zero. Local.
/// @param targets    Y, [N x C]
/// @param products   K [Y, 1], [N x (C + 1)]
/// @param frobenius  |K|_F
/// @param rounding   relative error of the entries that |K|_F was taken of, where it is more than
///                   that of double precision
Alignment target_alignment(const Matrix<double>& targets, const Matrix<double>& products,
                           double frobenius, double rounding);

/// [Y, 1], [N x (C + 1)]. Local.
Matrix<double> with_ones(const Matrix<double>& y);

}  // namespace ntkflow
