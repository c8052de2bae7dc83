#pragma once

#include <cstdint>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/matrix_view.hpp>
#include <ntkflow/finite/network.hpp>

namespace ntkflow {

/// What the derivatives of a network at M samples are made of: with a^(l) what layer l reads and
/// delta^(l)_c = df_c / dz^(l+1), layer by layer,
///
///     df_c / dW^(l) = s_l delta^(l)_c a^(l)T,   df_c / db^(l) = sigma_b delta^(l)_c.
///
/// The Jacobian [C M x P] itself is never formed. It keeps its values when the network moves on.
template <class Real>
class Tangent {
 public:
  /// Forward and backward pass. Local. Throws ResourceError when memory is short.
  /// @param x  [d x M]
  /// Memory: (1 + C) M values per unit, and for the time of the passes M more for each unit of one
  /// hidden layer. Cost: 2 (1 + C) flop per sample and parameter.
  Tangent(const Network<Real>& network, MatrixView<const Real> x);

  [[nodiscard]] std::int64_t samples() const noexcept { return samples_; }
  [[nodiscard]] std::int64_t outputs() const noexcept { return outputs_; }
  /// f(x_i), [M x C].
  [[nodiscard]] const Matrix<double>& values() const noexcept { return values_; }
  /// a^(layer), [fan_in x M].
  [[nodiscard]] const Matrix<Real>& inputs(int layer) const;
  /// delta^(layer), [fan_out x (C M)], the samples of output 0 first.
  [[nodiscard]] const Matrix<Real>& deltas(int layer) const;

  /// Theta(x_i, x'_j) = sum over parameters of df_c(x_i) df'_c'(x'_j) of two passes through
  /// networks of one shape, whose parameters may differ (the same network before and after
  /// training): [(C M) x (C M')], row c M + i, column c' M' + j. Local. Ref: Jacot et al. (2018),
  /// section 4.
  /// Error: about eps of Real times the kernel of a layer; summed over layers in double.
  /// Cost: 2 M M' (fan_in + C^2 fan_out) flop for each layer.
  [[nodiscard]] Matrix<double> kernel(const Tangent& other) const;

 private:
  std::int64_t samples_ = 0;
  std::int64_t outputs_ = 0;
  std::vector<double> weight_scales_;
  double bias_scale_ = 0.0;
  Matrix<double> values_;
  std::vector<Matrix<Real>> inputs_;
  std::vector<Matrix<Real>> deltas_;
};

extern template class Tangent<float>;
extern template class Tangent<double>;

/// |J_a - J_b|_F / |J_b|_F from the three kernels of the pairs (a, a), (a, b), (b, b), each of the
/// same samples: how far the Jacobian has moved. Local.
/// Error: the square is a difference of traces, so that changes below the square root of the
/// relative error of the kernels, 3e-4 or so in float, are not seen.
double relative_jacobian_change(const Matrix<double>& aa, const Matrix<double>& ab,
                                const Matrix<double>& bb);

}  // namespace ntkflow
