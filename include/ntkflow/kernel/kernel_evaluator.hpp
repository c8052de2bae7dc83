#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <ntkflow/base/aligned_buffer.hpp>
#include <ntkflow/base/matrix_view.hpp>
#include <ntkflow/base/norm_range.hpp>
#include <ntkflow/kernel/architecture.hpp>

namespace ntkflow {

/// What a kernel needs of each of n samples alone: |x|, both kernels of the sample with itself in
/// each layer, and what the evaluation path makes of them. One contiguous, 64-byte aligned and
/// padded array each. Made by KernelEvaluator::variances.
template <class Real>
class SampleVariances {
 public:
  SampleVariances() = default;
  /// @param coefficients  number of series coefficients per sample, over all layers
  SampleVariances(std::int64_t samples, int depth, std::int64_t coefficients);

  [[nodiscard]] std::int64_t samples() const noexcept { return samples_; }
  [[nodiscard]] int depth() const noexcept { return depth_; }
  /// Distance in memory from one array to the next.
  [[nodiscard]] std::int64_t stride() const noexcept { return stride_; }
  /// |x| of all samples.
  [[nodiscard]] Real* norms() const { return array(0); }
  /// 1 / |x|, or 0 where x = 0.
  [[nodiscard]] Real* inverse_norms() const { return array(1); }
  /// q^(layer), the NNGP kernel of each sample with itself; layer counts from 1.
  [[nodiscard]] Real* layer(int layer) const { return array(1 + layer); }
  /// The NTK of each sample with itself, of the network that ends with this layer.
  [[nodiscard]] Real* ntk(int layer) const { return array(1 + 2 * depth_ + layer); }
  /// sqrt(q^(layer)) with the fused path; else 1 / sqrt(q^(layer)), or 0 where that is 0.
  [[nodiscard]] Real* factor(int layer) const { return array(1 + depth_ + layer); }
  /// Gives sample `to` all values of sample `from`.
  void copy(std::int64_t from, std::int64_t to) const {
    for (std::int64_t begin = 0; begin < buffer_.size(); begin += stride_) {
      buffer_[begin + to] = buffer_[begin + from];
    }
  }
  /// Coefficient k of all samples.
  [[nodiscard]] Real* coefficient(std::int64_t k) const { return array(2 + 3 * depth_ + k); }

 private:
  [[nodiscard]] Real* array(std::int64_t index) const { return buffer_.data() + index * stride_; }

  std::int64_t samples_ = 0;
  std::int64_t stride_ = 0;
  int depth_ = 0;
  AlignedBuffer<Real> buffer_;
};

/// The correlation rho of two samples that are nearly parallel, by its sign and its distance
/// gap = 1 - |rho| from the nearer end.
struct NearCorrelation {
  double sign = 1.0;
  double gap = 0.0;
};

/// From the samples themselves, so that the angle between them has an absolute error of about one
/// unit in the last place of 1. Symmetric in x and y. Neither x nor y is zero. Local.
template <class Real>
NearCorrelation near_correlation(const Real* x, const Real* y, std::int64_t d);

/// Evaluates the limiting kernels of one architecture on tiles of inner products. Immutable; may be
/// used by several threads at once. All members are Local.
///
/// There are three ways, between which the constructor chooses: one function of the correlation for
/// all layers, where all samples have equal norm or where the activation is positively homogeneous
/// and there is no bias; the recursion layer by layer, by closed forms or, where the activation has
/// none, by Hermite series; and scalar code, one pair at a time. The first two run on SIMD vectors,
/// with the instruction set chosen once per tile at run time. The result of an element does not
/// depend on how the matrix is cut into tiles.
template <class Real>
class KernelEvaluator {
 public:
  /// Throws NumericalError where the requested path cannot serve, and as `variances` does.
  /// @param norms  of all samples that the kernel will be asked about, the same on all ranks, since
  ///               it decides how the kernel is evaluated
  /// @pre check_architecture(architecture) is empty, dimension >= 1.
  KernelEvaluator(const Architecture& architecture, std::int64_t dimension, NormRange norms = {},
                  EvaluationPath path = EvaluationPath::automatic);
  KernelEvaluator(KernelEvaluator&&) noexcept;
  KernelEvaluator& operator=(KernelEvaluator&&) noexcept;
  KernelEvaluator(const KernelEvaluator&) = delete;
  KernelEvaluator& operator=(const KernelEvaluator&) = delete;
  ~KernelEvaluator();

  [[nodiscard]] const Architecture& architecture() const noexcept;
  /// The path chosen, never `automatic`.
  [[nodiscard]] EvaluationPath path() const noexcept;
  /// The path in words, with degree or number of terms and the error met.
  [[nodiscard]] const std::string& description() const noexcept;
  /// Error of the path relative to sqrt(kernel(x, x) kernel(y, y)): the largest met when a function
  /// was fitted, the bound of a series' tail, or what closed forms promise below.
  [[nodiscard]] double error() const noexcept;

  /// Layer variances of samples with the given |x|^2. Throws NumericalError, which names the layer
  /// and the variance reached, where the activation has no finite second moment, where a variance
  /// overflows, or where the product of two of them would overflow or vanish.
  /// @pre the |x|^2 lie in the range given to the constructor.
  [[nodiscard]] SampleVariances<Real> variances(std::span<const double> squared_norms) const;

  /// Turns inner products into kernel values.
  ///
  /// @param products  [m x n], x_i . y_j
  /// @param rows      variances of the x_i are rows row_begin ... row_begin + m - 1 of this
  /// @param cols      likewise for the y_j
  /// @param nngp      [m x n] or an empty view when not wanted; may be `products`' own memory
  /// @param ntk       likewise; nngp and ntk must not overlap each other
  /// Accuracy against the recursion in exact arithmetic on the given products: double within 1e-13
  /// (1e-12 for numerical duals) of the entry, float within 4e-6 of sqrt(kernel(x_i, x_i)
  /// kernel(y_j, y_j)); near correlation +-1, where the products' own rounding decides, see
  /// near_kernels. A single layer's errors stand beside each activation. A product that is not a
  /// number stays so.
  void evaluate(MatrixView<const Real> products, const SampleVariances<Real>& rows,
                std::int64_t row_begin, const SampleVariances<Real>& cols, std::int64_t col_begin,
                MatrixView<Real> nngp, MatrixView<Real> ntk) const;

  /// The same for every depth 1 ... L at once, in one pass.
  /// @param nngp  L matrices [m x n], or none; likewise ntk. An empty view is not wanted. One of
  ///              them may be `products`' own memory.
  void evaluate_depths(MatrixView<const Real> products, const SampleVariances<Real>& rows,
                       std::int64_t row_begin, const SampleVariances<Real>& cols,
                       std::int64_t col_begin, std::span<const MatrixView<Real>> nngp,
                       std::span<const MatrixView<Real>> ntk) const;

  /// kernel(x, x) from |x|^2 alone, never from a rounded correlation; of the first `depth` layers,
  /// 1 <= depth <= L.
  [[nodiscard]] double diagonal(double squared_norm, KernelType type, int depth) const;
  [[nodiscard]] double diagonal(double squared_norm, KernelType type) const;

  /// Pairs of one column so nearly parallel, 1 - |rho| < 1e-4 (double) or 1e-2 (float), that the
  /// rounding of the product x . y decides about the kernel's digits; the caller recomputes their
  /// product with accurate_dot, or their kernels with near_kernels. Compares products with norms.
  /// Allocates and throws nothing.
  ///
  /// @param products  [m], x_i . y
  /// @param rows      holds the x_i, at row_begin ... row_begin + m - 1
  /// @param cols      holds y, at col
  /// @param found     memory for the answer, at least m values
  /// @return          the i, ascending, at the start of found
  [[nodiscard]] std::span<const std::int64_t> near_parallel(
      std::span<const Real> products, const SampleVariances<Real>& rows, std::int64_t row_begin,
      const SampleVariances<Real>& cols, std::int64_t col, std::span<std::int64_t> found) const;

  /// Both kernels, of the first `depth` layers, of two nearly parallel samples, within 1e-13
  /// relative from 1 - |rho| = 1e-3 down to 0, where for an activation with a kink the rounding of
  /// rho itself would leave half of the digits. Nothing where `evaluate` on an accurate product is
  /// as good, and where a kinked activation has neither closed-form duals nor a fused kernel.
  [[nodiscard]] std::optional<KernelPair> near_kernels(double x_squared_norm, double y_squared_norm,
                                                       NearCorrelation correlation,
                                                       int depth) const;

 private:
  struct Implementation;
  std::unique_ptr<const Implementation> implementation_;
};

/// x . y as if computed in twice the working precision and rounded once (Ogita, Rump, Oishi 2005,
/// Dot2), so that equal vectors give exactly the same value as their squared norm does. Local.
double accurate_dot(const double* x, const double* y, std::int64_t d);
double accurate_dot(const float* x, const float* y, std::int64_t d);

/// The instruction sets compiled in and the one in use, for `ntkflow info`. Local.
std::vector<std::string> simd_targets_compiled();
std::string simd_target_in_use();

extern template class SampleVariances<float>;
extern template class SampleVariances<double>;
extern template class KernelEvaluator<float>;
extern template class KernelEvaluator<double>;

}  // namespace ntkflow
