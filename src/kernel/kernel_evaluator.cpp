#include "ntkflow/kernel/kernel_evaluator.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>

#include "activation.hpp"
#include "scalar.hpp"
#include "tile.hpp"

namespace ntkflow {
namespace {

template <class Real>
constexpr std::int64_t kVectorLanes = kAlignmentBytes / static_cast<std::int64_t>(sizeof(Real));

/// Room for `samples` values, of which any may begin the read of a whole vector.
template <class Real>
constexpr std::int64_t padded(std::int64_t samples) {
  return (samples / kVectorLanes<Real> + 2) * kVectorLanes<Real>;
}

/// Slope of the affine map from an inner product to Sigma^(1).
double first_slope(const Architecture& architecture, std::int64_t dimension) {
  return architecture.first_layer == FirstLayer::plain
             ? 1.0
             : architecture.weight_variance / static_cast<double>(dimension);
}

/// The tile forms products of two variances, so these must neither overflow nor vanish.
template <class Real>
void check_variance(Real variance, int layer, int depth) {
  static const Real largest = std::sqrt(std::numeric_limits<Real>::max()) / 4;
  static const Real smallest = std::sqrt(std::numeric_limits<Real>::min());
  const bool is_multiplied = layer < depth;
  const bool fits = is_multiplied
                        ? variance <= largest && (variance >= smallest || variance == Real(0))
                        : std::isfinite(variance);
  if (!fits) {
    std::ostringstream text;
    text << "the kernel of a sample with itself is " << variance << " at layer " << layer << " of "
         << depth << ", outside of what " << (sizeof(Real) == sizeof(float) ? "single" : "double")
         << " precision can multiply (" << smallest << " to " << largest
         << "); change kernel.weight_variance or rescale the inputs";
    throw NumericalError(text.str());
  }
}

/// Share of |x| |y| above which a product counts as nearly parallel: 1 - |rho| below 1e-6 (double)
/// or 1e-3 (float), angles below 1.4e-3 or 0.045. The angle, and with it the derivative dual, has
/// the error of rho divided by the angle. A matrix product of d = 784 leaves rho with about 1e-15
/// or 1e-6, so beyond the threshold the angle keeps an error below 1e-12 or 3e-5, while few pairs
/// of real data lie within.
template <class Real>
constexpr Real kParallel = static_cast<Real>(sizeof(Real) == sizeof(float) ? 1.0 - 1e-3
                                                                           : 1.0 - 1e-6);

}  // namespace

template <class Real>
SampleVariances<Real>::SampleVariances(std::int64_t samples, int depth)
    : samples_(samples),
      stride_(padded<Real>(samples)),
      depth_(depth),
      buffer_(padded<Real>(samples) * (depth + 1)) {
  NTKFLOW_EXPECTS(samples >= 0 && depth >= 1, samples, depth);
  std::fill_n(buffer_.data(), buffer_.size(), Real(0));
}

template <class Real>
struct KernelEvaluator<Real>::Implementation {
  Architecture architecture;
  PreparedActivation activation;
  double first_slope;
};

template <class Real>
KernelEvaluator<Real>::KernelEvaluator(const Architecture& architecture, std::int64_t dimension) {
  const std::string problem = check_architecture(architecture);
  NTKFLOW_EXPECTS(problem.empty() && dimension >= 1, problem, dimension);
  implementation_ = std::make_unique<const Implementation>(
      Implementation{architecture, prepare(architecture.activation),
                     ntkflow::first_slope(architecture, dimension)});
}

template <class Real>
KernelEvaluator<Real>::KernelEvaluator(KernelEvaluator&&) noexcept = default;
template <class Real>
KernelEvaluator<Real>& KernelEvaluator<Real>::operator=(KernelEvaluator&&) noexcept = default;
template <class Real>
KernelEvaluator<Real>::~KernelEvaluator() = default;

template <class Real>
const Architecture& KernelEvaluator<Real>::architecture() const noexcept {
  return implementation_->architecture;
}

template <class Real>
EvaluationPath KernelEvaluator<Real>::path() const noexcept {
  return EvaluationPath::layered;
}

template <class Real>
double KernelEvaluator<Real>::error_bound() const noexcept {
  return sizeof(Real) == sizeof(float) ? 4e-6 : 1e-13;
}

template <class Real>
std::string KernelEvaluator<Real>::description() const {
  std::ostringstream text;
  text << "layer by layer on " << simd_target_in_use() << " vectors, to " << error_bound();
  return text.str();
}

// The recursion runs in Real and rounds as the tile does. Where F(q, q, q) is exact in both, as
// with identity and relu, a pair of equal samples meets c = q to the last bit in every layer, and
// the tile's angle between them is exactly 0. A more precise q would differ from c by a rounding
// error and open an angle of its square root, on which G of relu depends. With erf the tile's F and
// the scalar one differ by rounding; G of erf has no such square root and rounds no worse.
template <class Real>
SampleVariances<Real> KernelEvaluator<Real>::variances(
    std::span<const double> squared_norms) const {
  const auto& [architecture, prepared, slope] = *implementation_;
  const int depth = architecture.depth;
  const auto weight = static_cast<Real>(architecture.weight_variance);
  const auto bias = static_cast<Real>(architecture.bias_variance);
  const auto samples = static_cast<std::int64_t>(squared_norms.size());
  SampleVariances<Real> result(samples, depth);
  const auto first = static_cast<Real>(slope);
  visit_activation(scalar::Activations(), prepared, [&](const auto& activation) {
    for (std::int64_t i = 0; i < samples; ++i) {
      const double squared_norm = squared_norms[static_cast<std::size_t>(i)];
      result.norms()[i] = static_cast<Real>(std::sqrt(squared_norm));
      Real q = first * static_cast<Real>(squared_norm) + bias;
      check_variance(q, 1, depth);
      result.layer(1)[i] = q;
      for (int layer = 2; layer <= depth; ++layer) {
        q = weight * activation.diagonal(q).f + bias;
        check_variance(q, layer, depth);
        result.layer(layer)[i] = q;
      }
    }
  });
  return result;
}

template <class Real>
void KernelEvaluator<Real>::evaluate(MatrixView<const Real> products,
                                     const SampleVariances<Real>& rows, std::int64_t row_begin,
                                     const SampleVariances<Real>& cols, std::int64_t col_begin,
                                     MatrixView<Real> nngp, MatrixView<Real> ntk) const {
  const auto& [architecture, prepared, slope] = *implementation_;
  NTKFLOW_EXPECTS(row_begin >= 0 && row_begin + products.rows <= rows.samples(), row_begin,
                  products.rows, rows.samples());
  NTKFLOW_EXPECTS(col_begin >= 0 && col_begin + products.cols <= cols.samples(), col_begin,
                  products.cols, cols.samples());
  for (const MatrixView<Real>& wanted : {nngp, ntk}) {
    NTKFLOW_EXPECTS(
        wanted.data == nullptr || (wanted.rows == products.rows && wanted.cols == products.cols),
        wanted.rows, wanted.cols, products.rows, products.cols);
  }
  if (products.rows == 0 || products.cols == 0) {
    return;
  }
  NTKFLOW_EXPECTS(rows.depth() == architecture.depth && cols.depth() == architecture.depth,
                  rows.depth(), cols.depth(), architecture.depth);
  TileJob<Real> job;
  job.activation = &prepared;
  job.depth = architecture.depth;
  job.first_slope = static_cast<Real>(slope);
  job.weight_variance = static_cast<Real>(architecture.weight_variance);
  job.bias_variance = static_cast<Real>(architecture.bias_variance);
  job.products = products;
  job.row_variances = rows.layer(1) + row_begin;
  job.row_layer_stride = rows.stride();
  job.col_variances = cols.layer(1) + col_begin;
  job.col_layer_stride = cols.stride();
  job.nngp = nngp.data;
  job.nngp_ld = nngp.ld;
  job.ntk = ntk.data;
  job.ntk_ld = ntk.ld;
  evaluate_tile(job);
}

template <class Real>
double KernelEvaluator<Real>::diagonal(double squared_norm, KernelType type) const {
  const Architecture& architecture = implementation_->architecture;
  double q = implementation_->first_slope * squared_norm + architecture.bias_variance;
  double ntk = q;
  visit_activation(scalar::Activations(), implementation_->activation, [&](const auto& activation) {
    for (int layer = 2; layer <= architecture.depth; ++layer) {
      const auto [f, g] = activation.diagonal(q);
      q = architecture.weight_variance * f + architecture.bias_variance;
      ntk = q + architecture.weight_variance * g * ntk;
    }
  });
  return type == KernelType::ntk ? ntk : q;
}

template <class Real>
std::span<const std::int64_t> KernelEvaluator<Real>::near_parallel(
    std::span<const Real> products, const SampleVariances<Real>& rows, std::int64_t row_begin,
    const SampleVariances<Real>& cols, std::int64_t col, std::span<std::int64_t> found) const {
  const auto count = static_cast<std::int64_t>(products.size());
  NTKFLOW_EXPECTS(row_begin >= 0 && row_begin + count <= rows.samples(), row_begin, count,
                  rows.samples());
  NTKFLOW_EXPECTS(col >= 0 && col < cols.samples(), col, cols.samples());
  NTKFLOW_EXPECTS(found.size() >= products.size(), found.size(), products.size());
  const std::int64_t hits = find_parallel(
      {products, rows.norms() + row_begin, cols.norms()[col], kParallel<Real>, found.data()});
  return found.first(static_cast<std::size_t>(hits));
}

template class SampleVariances<float>;
template class SampleVariances<double>;
template class KernelEvaluator<float>;
template class KernelEvaluator<double>;

}  // namespace ntkflow
