#include <vector>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/kernel/dual_reference.hpp>

#include "scalar_duals.hpp"

namespace ntkflow::reference {
namespace {

/// Covariances of one layer, and weight_variance * G of the step that led to it.
struct Layer {
  double q1;
  double q2;
  double c;
  double slope;
};

std::vector<Layer> layers(const Architecture& architecture, std::int64_t dimension,
                          const InnerProducts& products) {
  NTKFLOW_EXPECTS(check_architecture(architecture).empty() && dimension >= 1, dimension);
  const double weight = architecture.weight_variance;
  const double bias = architecture.bias_variance;
  const double scale = architecture.first_layer == FirstLayer::normalised
                           ? weight / static_cast<double>(dimension)
                           : 1.0;
  std::vector<Layer> all = {
      {scale * products.xx + bias, scale * products.yy + bias, scale * products.xy + bias, 0.0}};
  for (int layer = 2; layer <= architecture.depth; ++layer) {
    const auto [q1, q2, c, slope] = all.back();
    const DualPair pair = duals(architecture.activation, q1, q2, c);
    all.push_back({weight * duals(architecture.activation, q1, q1, q1).f + bias,
                   weight * duals(architecture.activation, q2, q2, q2).f + bias,
                   weight * pair.f + bias, weight * pair.g});
  }
  return all;
}

}  // namespace

DualPair duals(const ActivationSpec& spec, double q1, double q2, double c) {
  const auto [f, g] = scalar_duals<double>(prepare(spec), q1, q2, c);
  return {f, g};
}

KernelPair kernels(const Architecture& architecture, std::int64_t dimension,
                   const InnerProducts& products) {
  KernelPair kernel;
  for (const Layer& layer : layers(architecture, dimension, products)) {
    kernel.ntk = layer.c + layer.slope * kernel.ntk;
    kernel.nngp = layer.c;
  }
  return kernel;
}

double unrolled_ntk(const Architecture& architecture, std::int64_t dimension,
                    const InnerProducts& products) {
  const std::vector<Layer> all = layers(architecture, dimension, products);
  double sum = 0.0;
  for (std::size_t h = 0; h < all.size(); ++h) {
    double term = all[h].c;
    for (std::size_t later = h + 1; later < all.size(); ++later) {
      term *= all[later].slope;
    }
    sum += term;
  }
  return sum;
}

}  // namespace ntkflow::reference
