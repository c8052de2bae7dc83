#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <ntkflow/base/matrix_view.hpp>
#include <ntkflow/kernel/kernel_evaluator.hpp>

#include "activation.hpp"

// The SIMD code of the module behind plain types; tile.cpp alone knows vectors and instruction
// sets.
namespace ntkflow {

/// One tile of KernelEvaluator::evaluate. Layer variances are `layer_stride` values apart.
template <class Real>
struct TileJob {
  const PreparedActivation* activation = nullptr;
  int depth = 1;
  Real first_slope = 0;  // Sigma^(1) = first_slope * product + bias_variance
  Real weight_variance = 0;
  Real bias_variance = 0;
  MatrixView<const Real> products;
  const Real* row_variances = nullptr;  // of layer 1; whole vectors may be read past the end
  std::int64_t row_layer_stride = 0;
  const Real* col_variances = nullptr;
  std::int64_t col_layer_stride = 0;
  Real* nngp = nullptr;  // null when not wanted
  std::int64_t nngp_ld = 0;
  Real* ntk = nullptr;
  std::int64_t ntk_ld = 0;
};

/// Local.
void evaluate_tile(const TileJob<float>& job);
void evaluate_tile(const TileJob<double>& job);

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
