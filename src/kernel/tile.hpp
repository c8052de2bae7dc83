#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <ntkflow/base/matrix_view.hpp>
#include <ntkflow/kernel/kernel_evaluator.hpp>

#include "activation.hpp"
#include "fused.hpp"

// The SIMD code of the module behind plain types; tile.cpp and accurate_dot.cpp alone know vectors
// and instruction sets. Arrays of rows are read kRowVectors vectors at a time, also past the end of
// the rows.
namespace ntkflow {

inline constexpr std::int64_t kRowVectors = 4;

/// What every way of evaluating a tile reads and writes. Element d of nngp and ntk is the matrix of
/// depth first_depth + d, empty when not wanted.
template <class Real>
struct Tile {
  MatrixView<const Real> products;
  int first_depth = 1;
  std::span<const MatrixView<Real>> nngp;
  std::span<const MatrixView<Real>> ntk;
};

/// The affine steps between the activations.
template <class Real>
struct Layers {
  int depth = 1;
  Real first_slope = 0;  // Sigma^(1) = first_slope * product + bias_variance
  Real weight_variance = 0;
  Real bias_variance = 0;
};

/// Layer by layer with closed-form duals. Layer variances are `stride` values apart.
template <class Real>
struct LayeredJob {
  Tile<Real> tile;
  Layers<Real> layers;
  const PreparedActivation* activation = nullptr;
  const Real* row_variances = nullptr;  // of layer 1
  std::int64_t row_stride = 0;
  const Real* col_variances = nullptr;
  std::int64_t col_stride = 0;
};

/// The coefficients of a layer's series: a_first, a_(first + step), ..., so many terms. first is 0
/// or 1, and step 2 for an even or odd activation.
struct SeriesShape {
  int terms = 0;
  int first = 0;
  int step = 1;
};

/// Layer by layer with Hermite series of the duals (Mehler). A sample's coefficients lie `stride`
/// values apart, those of a layer after those of the layer before.
template <class Real>
struct SeriesJob {
  Tile<Real> tile;
  Layers<Real> layers;
  std::span<const SeriesShape> series;      // of layer 1 ... depth - 1
  const Real* row_inverse_roots = nullptr;  // 1 / sqrt(q) of layer 1; stride as below
  const Real* row_coefficients = nullptr;
  std::int64_t row_stride = 0;
  const Real* col_inverse_roots = nullptr;
  const Real* col_coefficients = nullptr;
  std::int64_t col_stride = 0;
};

/// One function of the correlation for all layers.
template <class Real>
struct FusedJob {
  Tile<Real> tile;
  const FusedKernel<Real>* kernel = nullptr;
  const Real* row_inverse_norms = nullptr;  // 1 / |x|, 0 for x = 0
  const Real* row_roots = nullptr;          // sqrt(q) of layer 1
  std::int64_t row_stride = 0;
  const Real* col_inverse_norms = nullptr;
  const Real* col_roots = nullptr;
  std::int64_t col_stride = 0;
};

/// Local.
void evaluate_tile(const LayeredJob<float>& job);
void evaluate_tile(const LayeredJob<double>& job);
void evaluate_tile(const SeriesJob<float>& job);
void evaluate_tile(const SeriesJob<double>& job);
void evaluate_tile(const FusedJob<float>& job);
void evaluate_tile(const FusedJob<double>& job);

/// One call of KernelEvaluator::near_parallel: the i with |products[i]| > share * row_norms[i] *
/// col_norm.
template <class Real>
struct ParallelScan {
  std::span<const Real> products;
  const Real* row_norms = nullptr;
  Real col_norm = 0;
  Real share = 0;
  std::int64_t* found = nullptr;  // room for as many as there are products
};

/// Local. Writes the i to `found`, ascending, and returns how many they are.
std::int64_t find_parallel(const ParallelScan<float>& scan);
std::int64_t find_parallel(const ParallelScan<double>& scan);

}  // namespace ntkflow
