#include "pass.hpp"

#include <algorithm>
#include <cstddef>

#include <ntkflow/base/contract.hpp>

namespace ntkflow {
namespace {

template <class Real>
const PendingUpdates<Real>* pending_of(std::span<const PendingUpdates<Real>> pending, int layer) {
  return pending.empty() ? nullptr : &pending[static_cast<std::size_t>(layer)];
}

/// A = factor A B, element by element.
template <class Real>
void scale_elements(MatrixView<Real> a, Real factor, MatrixView<const Real> b) {
  for (std::int64_t j = 0; j < a.cols; ++j) {
    std::transform(a.column(j), a.column(j) + a.rows, b.column(j), a.column(j),
                   [factor](Real x, Real y) { return factor * x * y; });
  }
}

}  // namespace

template <class Real>
void apply_layer(const Network<Real>& network, int layer, const PendingUpdates<Real>* pending,
                 MatrixView<const Real> a, MatrixView<Real> z, MatrixView<Real> slopes) {
  multiply_weights<Real>(Transpose::no, network.weights(layer).view(), pending, a, z);
  const auto weight_scale = static_cast<Real>(network.weight_scale(layer));
  const auto bias_scale = static_cast<Real>(network.bias_scale());
  const std::vector<Real>& biases = network.biases(layer);
  const bool is_hidden = layer < network.depth() - 1;
  const auto rows = static_cast<std::size_t>(z.rows);
  // Column by column, so that a column is still in cache when the activation comes to it.
  for (std::int64_t j = 0; j < z.cols; ++j) {
    Real* column = z.column(j);
    std::transform(column, column + rows, biases.begin(), column,
                   [=](Real sum, Real bias) { return weight_scale * sum + bias_scale * bias; });
    if (is_hidden) {
      network.activation().apply(std::span(column, rows), slopes.rows == 0
                                                              ? std::span<Real>()
                                                              : std::span(slopes.column(j), rows));
    }
  }
}

template <class Real>
Pass<Real>::Pass(const Network<Real>& network, MatrixView<const Real> x, std::int64_t directions)
    : x_(x) {
  NTKFLOW_EXPECTS(x.rows == network.shape().inputs && directions >= 1, x.rows,
                  network.shape().inputs, directions);
  for (int layer = 0; layer < network.depth(); ++layer) {
    if (layer > 0) {
      hidden_.emplace_back(network.fan_in(layer), x.cols);
    }
    deltas_.emplace_back(network.fan_out(layer), directions * x.cols);
  }
}

template <class Real>
std::int64_t Pass<Real>::scratch_rows(const Network<Real>& network) {
  return network.depth() == 1 ? 0 : network.shape().width;
}

template <class Real>
Matrix<double> Pass<Real>::forward(const Network<Real>& network,
                                   std::span<const PendingUpdates<Real>> pending) {
  const int last = network.depth() - 1;
  for (int layer = 0; layer < last; ++layer) {
    apply_layer<Real>(network, layer, pending_of(pending, layer), inputs(layer),
                      hidden_[static_cast<std::size_t>(layer)].view(), last_block(layer));
  }
  const MatrixView<Real> f = last_block(last);
  apply_layer<Real>(network, last, pending_of(pending, last), inputs(last), f, {});
  Matrix<double> values(f.cols, f.rows);
  for (std::int64_t i = 0; i < f.cols; ++i) {
    for (std::int64_t c = 0; c < f.rows; ++c) {
      values(i, c) = static_cast<double>(f(c, i));
    }
  }
  return values;
}

template <class Real>
void Pass<Real>::backward(const Network<Real>& network,
                          std::span<const PendingUpdates<Real>> pending, MatrixView<Real> scratch) {
  const std::int64_t samples = x_.cols;
  for (int layer = network.depth() - 1; layer > 0; --layer) {
    const auto scale = static_cast<Real>(network.weight_scale(layer));
    const auto w = network.weights(layer).view();
    const auto from = deltas(layer);
    const auto to = deltas(layer - 1);
    const auto slopes = last_block(layer - 1);
    const auto pull_back = [&](std::int64_t first, std::int64_t count, MatrixView<Real> result) {
      multiply_weights<Real>(Transpose::yes, w, pending_of(pending, layer),
                             from.block(0, first, from.rows, count), result);
    };
    // The slopes lie where the deltas of the last direction will, so that these come last.
    const std::int64_t before = to.cols - samples;
    if (before > 0) {
      pull_back(0, before, to.block(0, 0, to.rows, before));
      for (std::int64_t first = 0; first < before; first += samples) {
        scale_elements<Real>(to.block(0, first, to.rows, samples), scale, slopes);
      }
    }
    pull_back(before, samples, scratch);
    scale_elements<Real>(slopes, scale, scratch);
  }
}

template <class Real>
MatrixView<const Real> Pass<Real>::inputs(int layer) const {
  return layer == 0 ? x_ : hidden_[static_cast<std::size_t>(layer - 1)].view();
}

template <class Real>
MatrixView<const Real> Pass<Real>::deltas(int layer) const {
  return deltas_[static_cast<std::size_t>(layer)].view();
}

template <class Real>
MatrixView<Real> Pass<Real>::deltas(int layer) {
  return deltas_[static_cast<std::size_t>(layer)].view();
}

template <class Real>
MatrixView<Real> Pass<Real>::last_block(int layer) {
  const MatrixView<Real> all = deltas(layer);
  return all.block(0, all.cols - x_.cols, all.rows, x_.cols);
}

template class Pass<float>;
template class Pass<double>;
template void apply_layer(const Network<float>&, int, const PendingUpdates<float>*,
                          MatrixView<const float>, MatrixView<float>, MatrixView<float>);
template void apply_layer(const Network<double>&, int, const PendingUpdates<double>*,
                          MatrixView<const double>, MatrixView<double>, MatrixView<double>);

}  // namespace ntkflow
