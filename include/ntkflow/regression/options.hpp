#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <ntkflow/linalg/options.hpp>

namespace ntkflow {

/// What a ridge is a multiple of: 1, or the mean diagonal element trace(K)/N.
enum class RidgeScale { absolute, mean_diagonal };

struct Ridge {
  double value = 0.0;
  RidgeScale scale = RidgeScale::absolute;
};

/// Of the kernel matrix and its factor. `mixed`: both in single, the solution refined to double
/// accuracy. `automatic` stands for a choice that the program makes before it starts.
enum class Precision { double_precision, mixed, single_precision, automatic };

/// What a ridge is chosen by; the test set is never asked.
enum class RidgeCriterion { leave_one_out, gcv, likelihood };
/// How many ridges are solved at once: in the eigenbasis of K, or projected on a Krylov space.
/// `automatic` stands for a choice that the program makes before it starts.
enum class RidgePathMethod { spectral, krylov, automatic };

/// Several ridges, one of which becomes that of the run.
struct RidgePathOptions {
  std::vector<double> ridges;  ///< ascending, not negative, in the unit of RegressionOptions::ridge
  /// Absent: leave_one_out in the eigenbasis, gcv with a Krylov space, which knows no diagonal.
  std::optional<RidgeCriterion> select;
  RidgePathMethod method = RidgePathMethod::automatic;
};

struct RegressionOptions {
  Ridge ridge;
  std::optional<RidgePathOptions> path;  ///< chooses ridge.value where present
  Precision precision = Precision::double_precision;
  Factorization factorization = Factorization::automatic;
};

/// Where functions of a kernel's covariance come from: exact draws of the Gaussian process on all
/// points at once, or networks of one hidden layer, whose outputs have the covariance of the NNGP
/// kernel of depth 2 at any width.
enum class FunctionSource { gaussian_process, network };

/// Linear models of random functions beside the regression.
struct RandomFunctionsOptions {
  std::vector<std::int64_t> counts;  ///< P, ascending; the functions for P are the first P
  FunctionSource source = FunctionSource::gaussian_process;
  std::int64_t width = 1;  ///< network: hidden units of each function
  std::int64_t draws = 5;  ///< independent repetitions
  std::uint64_t seed = 0;  ///< function p is one of seed, draw and p alone
};

}  // namespace ntkflow
