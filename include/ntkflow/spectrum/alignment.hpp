#pragma once

#include <ntkflow/base/matrix.hpp>

namespace ntkflow {

/// The cosine of the angle between a kernel matrix K and that of the targets, Y Y^T, in the inner
/// product <A, B> = tr A^T B: 1 for the kernel that is made for its targets.
struct Alignment {
  /// <K, Y Y^T> / (|K|_F |Y Y^T|_F). Ref: Cristianini, Shawe-Taylor, Elisseeff, Kandola (2001), On
  /// kernel-target alignment.
  double plain = 0.0;
  /// The same of H K H and H Y Y^T H, H = I - 1 1^T / N. Ref: Cortes, Mohri, Rostamizadeh (2012),
  /// Algorithms for learning kernels based on centered alignment.
  double centred = 0.0;
};

/// Both alignments without an N x N matrix, from <K, Y Y^T> = tr Y^T K Y, |Y Y^T|_F = |Y^T Y|_F
/// and |H K H|_F^2 = |K|_F^2 - 2 |K 1|^2 / N + (1^T K 1)^2 / N^2. 0 where a norm is zero, as the
/// centred ones of constant targets. Local.
/// @param targets    Y, [N x C]
/// @param products   K [Y, 1], [N x (C + 1)]
/// @param frobenius  |K|_F
Alignment target_alignment(const Matrix<double>& targets, const Matrix<double>& products,
                           double frobenius);

/// [Y, 1], [N x (C + 1)]. Local.
Matrix<double> with_ones(const Matrix<double>& y);

}  // namespace ntkflow
