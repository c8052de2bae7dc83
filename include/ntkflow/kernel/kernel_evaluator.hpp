#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <ntkflow/base/aligned_buffer.hpp>
#include <ntkflow/base/matrix_view.hpp>
#include <ntkflow/kernel/architecture.hpp>

namespace ntkflow {

/// What a kernel needs of each of n samples alone: |x|, and q^(l)(x, x) for l = 1 ... depth. One
/// contiguous, 64-byte aligned and padded column each. Made by KernelEvaluator::variances.
template <class Real>
class SampleVariances {
 public:
  SampleVariances() = default;
  SampleVariances(std::int64_t samples, int depth);

  [[nodiscard]] std::int64_t samples() const noexcept { return samples_; }
  [[nodiscard]] int depth() const noexcept { return depth_; }
  /// Distance in memory from one layer to the next.
  [[nodiscard]] std::int64_t stride() const noexcept { return stride_; }
  /// |x| of all samples.
  [[nodiscard]] Real* norms() const { return buffer_.data(); }
  /// q^(layer) of all samples; layer counts from 1.
  [[nodiscard]] Real* layer(int layer) const { return buffer_.data() + layer * stride_; }

 private:
  std::int64_t samples_ = 0;
  std::int64_t stride_ = 0;
  int depth_ = 0;
  AlignedBuffer<Real> buffer_;
};

/// Evaluates the limiting kernels of one architecture on tiles of inner products. Immutable; may be
/// used by several threads at once. All members are Local.
///
/// The recursion runs per element on SIMD vectors; the instruction set is chosen once per tile at
/// run time. The result of an element does not depend on how the matrix is cut into tiles.
template <class Real>
class KernelEvaluator {
 public:
  /// @pre check_architecture(architecture) is empty, dimension >= 1.
  KernelEvaluator(const Architecture& architecture, std::int64_t dimension);
  KernelEvaluator(KernelEvaluator&&) noexcept;
  KernelEvaluator& operator=(KernelEvaluator&&) noexcept;
  KernelEvaluator(const KernelEvaluator&) = delete;
  KernelEvaluator& operator=(const KernelEvaluator&) = delete;
  ~KernelEvaluator();

  [[nodiscard]] const Architecture& architecture() const noexcept;

  /// How tiles are evaluated, and the bound of its error that evaluate() states.
  [[nodiscard]] EvaluationPath path() const noexcept;
  [[nodiscard]] double error_bound() const noexcept;
  /// Both in words, for the log.
  [[nodiscard]] std::string description() const;

  /// Layer variances of samples with the given |x|^2. Throws NumericalError, which names the layer,
  /// when one overflows, or when the product of two of them would overflow or vanish.
  [[nodiscard]] SampleVariances<Real> variances(std::span<const double> squared_norms) const;

  /// Turns inner products into kernel values.
  ///
  /// @param products  [m x n], x_i . y_j
  /// @param rows      variances of the x_i are rows row_begin ... row_begin + m - 1 of this
  /// @param cols      likewise for the y_j
  /// @param nngp      [m x n] or an empty view when not wanted; may be `products`' own memory
  /// @param ntk       likewise; nngp and ntk must not overlap each other
  /// Accuracy against the recursion in exact arithmetic on the given products, away from
  /// |rho| = 1: double within 1e-13 of the entry, float within 4e-6 of sqrt(kernel(x_i, x_i)
  /// kernel(y_j, y_j)); a single layer's errors stand beside each activation. A product that is not
  /// a number stays so. Equal samples, with the product |x|^2:
  ///   identity, relu  c = q to the last bit in every layer, so that no angle opens between them;
  ///   erf             c = q within a few units in the last place per layer, which do not grow into
  ///                   an angle, since F and G of erf have bounded slopes at correlation 1.
  /// Cost, depth 3, both kernels, AMD EPYC at 2.6 GHz with AVX-512: relu 10 (double) and 4 (float)
  /// cycles per entry, erf 11 and 4, identity 1; with AVX2 relu 17 and 7.
  void evaluate(MatrixView<const Real> products, const SampleVariances<Real>& rows,
                std::int64_t row_begin, const SampleVariances<Real>& cols, std::int64_t col_begin,
                MatrixView<Real> nngp, MatrixView<Real> ntk) const;

  /// kernel(x, x) from |x|^2 alone, never from a rounded correlation.
  [[nodiscard]] double diagonal(double squared_norm, KernelType type) const;

  /// Pairs of one column so nearly parallel, 1 - |rho| < 1e-6 (double) or 1e-3 (float), that the
  /// rounding of the product x . y decides about the kernel's digits; the caller recomputes their
  /// product with accurate_dot. Compares products with norms. Allocates and throws nothing.
  ///
  /// @param products  [m], x_i . y
  /// @param rows      holds the x_i, at row_begin ... row_begin + m - 1
  /// @param cols      holds y, at col
  /// @param found     memory for the answer, at least m values
  /// @return          the i, ascending, at the start of found
  [[nodiscard]] std::span<const std::int64_t> near_parallel(
      std::span<const Real> products, const SampleVariances<Real>& rows, std::int64_t row_begin,
      const SampleVariances<Real>& cols, std::int64_t col, std::span<std::int64_t> found) const;

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
