#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/matrix_view.hpp>
#include <ntkflow/finite/network.hpp>

#include "pending_updates.hpp"

namespace ntkflow {

/// One layer forward: Z = s_l W A + sigma_b b, and after a hidden layer sigma(Z) in its place, with
/// sigma'(Z) where `slopes` is not empty. Local.
/// @param pending  what waits to be added to W; may be null
template <class Real>
void apply_layer(const Network<Real>& network, int layer, const PendingUpdates<Real>* pending,
                 MatrixView<const Real> a, MatrixView<Real> z, MatrixView<Real> slopes);

/// What a pass through a network leaves: all that layers read, and after `backward` derivatives of
/// f along `directions` directions of the outputs.
template <class Real>
class Pass {
 public:
  /// @param x  [d x M], must outlive the pass
  Pass(const Network<Real>& network, MatrixView<const Real> x, std::int64_t directions);

  /// What `backward` needs to write beside its results, [as much x M].
  static std::int64_t scratch_rows(const Network<Real>& network);

  /// f at the samples, [M x C], with `pending` by layer, or empty where nothing waits. Local.
  Matrix<double> forward(const Network<Real>& network,
                         std::span<const PendingUpdates<Real>> pending);
  /// From deltas(L - 1), which the caller has set, to the deltas of all layers before it. Once
  /// after each `forward`, with the same weights. Local.
  void backward(const Network<Real>& network, std::span<const PendingUpdates<Real>> pending,
                MatrixView<Real> scratch);

  /// a^(layer), [fan_in x M].
  [[nodiscard]] MatrixView<const Real> inputs(int layer) const;
  /// delta^(layer), [fan_out x (directions M)], the samples of one direction after the other.
  [[nodiscard]] MatrixView<const Real> deltas(int layer) const;
  [[nodiscard]] MatrixView<Real> deltas(int layer);

  /// The arrays behind: a^(1) ... a^(L - 1), and the deltas of all layers. The pass is empty then.
  std::vector<Matrix<Real>> take_hidden() { return std::move(hidden_); }
  std::vector<Matrix<Real>> take_deltas() { return std::move(deltas_); }

 private:
  /// The last M columns of a layer's deltas.
  [[nodiscard]] MatrixView<Real> last_block(int layer);

  MatrixView<const Real> x_;
  std::vector<Matrix<Real>> hidden_;
  /// Between `forward` and `backward` the last block of a layer holds sigma' of that layer, and of
  /// the last layer f.
  std::vector<Matrix<Real>> deltas_;
};

extern template class Pass<float>;
extern template class Pass<double>;

}  // namespace ntkflow
