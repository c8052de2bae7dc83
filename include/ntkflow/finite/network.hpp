#pragma once

#include <cstdint>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/matrix_view.hpp>
#include <ntkflow/kernel/activation_function.hpp>
#include <ntkflow/kernel/architecture.hpp>

namespace ntkflow {

/// Units of each kind of layer; all hidden layers have the same width.
struct NetworkShape {
  std::int64_t inputs = 1;   ///< d
  std::int64_t width = 1;    ///< of a hidden layer
  std::int64_t outputs = 1;  ///< C
};

/// Which network of which ensemble: its parameters are a function of these two numbers alone.
struct MemberId {
  std::uint64_t seed = 0;
  std::uint64_t member = 0;
};

/// A fully connected network of finite width in the parametrisation whose limit the kernels are:
///
///     z^(1) = s_0 W^(0) x + sigma_b b^(0),   z^(l+1) = s_l W^(l) sigma(z^(l)) + sigma_b b^(l),
///     f = z^(L),   s_l = sigma_w / sqrt(n_l),   all W, b ~ N(0, 1),
///
/// with s_0 = 1 where the first layer is plain. Ref: Jacot, Gabriel, Hongler (2018), section 3.
template <class Real>
class Network {
 public:
  /// Draws the parameters. In float they are those in double, rounded. Local. Throws ResourceError
  /// when memory is short.
  /// @pre check_kernel(architecture, KernelType::ntk) is empty; sizes are positive.
  Network(const Architecture& architecture, const NetworkShape& shape, MemberId id);

  [[nodiscard]] const Architecture& architecture() const noexcept { return architecture_; }
  [[nodiscard]] const ActivationFunction& activation() const noexcept { return activation_; }
  [[nodiscard]] const NetworkShape& shape() const noexcept { return shape_; }
  [[nodiscard]] int depth() const noexcept { return architecture_.depth; }
  /// Number of weights and biases, P.
  [[nodiscard]] std::int64_t parameters() const;
  /// Units that layer 0 ... L - 1 reads, and that it writes.
  [[nodiscard]] std::int64_t fan_in(int layer) const;
  [[nodiscard]] std::int64_t fan_out(int layer) const;

  /// W^(layer), [fan_out x fan_in], layer = 0 ... L - 1.
  [[nodiscard]] Matrix<Real>& weights(int layer);
  [[nodiscard]] const Matrix<Real>& weights(int layer) const;
  /// b^(layer), [fan_out].
  [[nodiscard]] std::vector<Real>& biases(int layer);
  [[nodiscard]] const std::vector<Real>& biases(int layer) const;
  /// s_layer and sigma_b.
  [[nodiscard]] double weight_scale(int layer) const;
  [[nodiscard]] double bias_scale() const;

  static constexpr std::int64_t kSamplesAtOnce = 512;
  /// f(x_i) for X [d x M], one sample per column: [M x C]. Local. Works through the samples in
  /// blocks of kSamplesAtOnce, beside whose activations no memory is taken.
  [[nodiscard]] Matrix<double> evaluate(MatrixView<const Real> x) const;

 private:
  Architecture architecture_;
  ActivationFunction activation_;
  NetworkShape shape_;
  std::vector<Matrix<Real>> weights_;
  std::vector<std::vector<Real>> biases_;
};

extern template class Network<float>;
extern template class Network<double>;

}  // namespace ntkflow
