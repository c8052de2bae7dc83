#include "ntkflow/finite/network.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/hash.hpp>
#include <ntkflow/base/random.hpp>

#include "pass.hpp"

namespace ntkflow {
template <class Real>
Network<Real>::Network(const Architecture& architecture, const NetworkShape& shape, MemberId id)
    : architecture_(architecture), activation_(architecture.activation), shape_(shape) {
  NTKFLOW_EXPECTS(check_kernel(architecture, KernelType::ntk).empty(),
                  check_kernel(architecture, KernelType::ntk));
  NTKFLOW_EXPECTS(shape.inputs >= 1 && shape.width >= 1 && shape.outputs >= 1, shape.inputs,
                  shape.width, shape.outputs);
  const RandomStream random(id.seed, hash_text("ntkflow.finite.network") + id.member);
  for (int layer = 0; layer < depth(); ++layer) {
    const auto row = 2 * static_cast<std::uint64_t>(layer);
    Matrix<Real>& weights = weights_.emplace_back(fan_out(layer), fan_in(layer));
    random.normals(row, 0, std::span(weights.data(), static_cast<std::size_t>(weights.size())));
    auto& biases = biases_.emplace_back(static_cast<std::size_t>(fan_out(layer)));
    random.normals(row + 1, 0, std::span(biases));
  }
}

template <class Real>
std::int64_t Network<Real>::parameters() const {
  std::int64_t count = 0;
  for (int layer = 0; layer < depth(); ++layer) {
    count += fan_out(layer) * (fan_in(layer) + 1);
  }
  return count;
}

template <class Real>
std::int64_t Network<Real>::fan_in(int layer) const {
  return layer == 0 ? shape_.inputs : shape_.width;
}

template <class Real>
std::int64_t Network<Real>::fan_out(int layer) const {
  return layer == depth() - 1 ? shape_.outputs : shape_.width;
}

template <class Real>
Matrix<Real>& Network<Real>::weights(int layer) {
  return weights_[static_cast<std::size_t>(layer)];
}

template <class Real>
const Matrix<Real>& Network<Real>::weights(int layer) const {
  return weights_[static_cast<std::size_t>(layer)];
}

template <class Real>
std::vector<Real>& Network<Real>::biases(int layer) {
  return biases_[static_cast<std::size_t>(layer)];
}

template <class Real>
const std::vector<Real>& Network<Real>::biases(int layer) const {
  return biases_[static_cast<std::size_t>(layer)];
}

template <class Real>
double Network<Real>::weight_scale(int layer) const {
  if (layer == 0 && architecture_.first_layer == FirstLayer::plain) {
    return 1.0;
  }
  return std::sqrt(architecture_.weight_variance / static_cast<double>(fan_in(layer)));
}

template <class Real>
double Network<Real>::bias_scale() const {
  return std::sqrt(architecture_.bias_variance);
}

template <class Real>
Matrix<double> Network<Real>::evaluate(MatrixView<const Real> x) const {
  const std::int64_t block = std::min(kSamplesAtOnce, x.cols);
  const std::int64_t widest = std::max(fan_out(0), shape_.outputs);
  Matrix<Real> read(widest, block);
  Matrix<Real> written(widest, block);
  Matrix<double> values(x.cols, shape_.outputs);
  for (std::int64_t first = 0; first < x.cols; first += block) {
    const std::int64_t count = std::min(block, x.cols - first);
    MatrixView<const Real> inputs = x.block(0, first, x.rows, count);
    for (int layer = 0; layer < depth(); ++layer) {
      const MatrixView<Real> outputs(written.data(), fan_out(layer), count);
      apply_layer<Real>(*this, layer, nullptr, inputs, outputs, {});
      std::swap(read, written);
      inputs = outputs;
    }
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t c = 0; c < shape_.outputs; ++c) {
        values(first + i, c) = static_cast<double>(inputs(c, i));
      }
    }
  }
  return values;
}

template class Network<float>;
template class Network<double>;

}  // namespace ntkflow
