// The spectrum of kernels on the boolean cube {-1, 1}^d, by degree, for networks of every depth.
// Ref: Yang, Salman, A Fine-Grained Spectral Perspective on Neural Networks (2019), sections 3, 4.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include <fmt/format.h>

#include "limiting_kernel.hpp"
#include "parities.hpp"
#include "shared_kernel.hpp"
#include "zonal_study.hpp"

namespace ntkflow {
namespace {

/// Cubes up to this dimension are checked with their whole kernel matrix.
constexpr std::int64_t kLargestMatrixCube = 12;
/// Depths of those matrices, as far as the study goes.
constexpr std::int64_t kMatrixDepths[] = {1, 2, 3, 8};
/// Columns of a matrix that are dealt to a rank at a time.
constexpr std::int64_t kBlock = 64;

bool has_matrix(std::int64_t dimension) {
  return dimension <= kLargestMatrixCube;
}

/// Every parity is held against each kernel matrix. Collective over comm.
void check_matrices(const Communicator& comm, const ExperimentOptions& options, Monitor& monitor,
                    StudyResult& result) {
  // Whole columns, so that each rank transforms its own.
  const auto grid = ProcessGrid::create(comm, {1, comm.size()});
  std::int64_t matrices = 0;
  double residual = 0.0;
  for (const std::int64_t dimension : options.zonal.dimensions) {
    if (!has_matrix(dimension)) {
      result.lines.push_back(
          fmt::format("d = {}: 2^{} corners are too many for a kernel matrix; eigenvalues are "
                      "found from its {} inner products alone",
                      dimension, dimension, dimension + 1));
      continue;
    }
    const auto x = prepared(comm, [&] { return all_corners(dimension); });
    for (Architecture architecture : options.kernels) {
      architecture.depth =
          static_cast<int>(std::min(options.zonal.depth, std::end(kMatrixDepths)[-1]));
      // Of all degrees, also where fewer are recorded.
      const auto spectrum = prepared(comm, [&] {
        return degree_spectrum(CubeTransform(dimension, dimension), architecture, dimension,
                               dimension);
      });
      const std::int64_t depths = architecture.depth;
      for (const KernelType type : kBothTypes) {
        for (const std::int64_t depth : kMatrixDepths) {
          if (depth > depths) {
            continue;
          }
          stop_if_asked(comm, monitor);
          architecture.depth = static_cast<int>(depth);
          const std::int64_t row = (type == KernelType::ntk ? 0 : depths) + depth - 1;
          const auto first = spectrum.eigenvalue.begin() + row * spectrum.degrees;
          residual = std::max(
              residual, parity_residual(LimitingKernel(architecture, grid, kBlock).of(type, x),
                                        {first, first + spectrum.degrees}));
          ++matrices;
        }
      }
    }
  }
  if (matrices > 0) {
    result.claims.push_back(
        {fmt::format("|K chi / 2^d - mu_k chi| over the largest eigenvalue, at most, of every "
                     "parity chi and {} kernel matrices K with d <= {}",
                     matrices, kLargestMatrixCube),
         residual, 0.0, 1e-12});
  }
}

bool is_relu_of_the_paper(const Architecture& kernel) {
  return kernel.activation.name == "relu" && kernel.weight_variance == 2.0 &&
         kernel.bias_variance == 2.0 && kernel.first_layer == FirstLayer::normalised;
}

bool is_odd_erf(const Architecture& kernel) {
  return kernel.activation.name == "erf" && kernel.bias_variance == 0.0 &&
         std::all_of(kernel.activation.parameters.begin(), kernel.activation.parameters.end(),
                     [](const auto& parameter) {
                       return parameter.name != "shift" || parameter.values.front() == 0.0;
                     });
}

/// Variance of degrees above 2, and the bound of its error.
struct HighShare {
  double value = 1.0;
  double error = 0.0;
};

HighShare high_share(const ZonalSpectra& spectra, std::int64_t kernel, KernelType type,
                     std::size_t index, std::int64_t depth) {
  HighShare high;
  for (std::int64_t k = 0; k <= std::min<std::int64_t>(2, spectra.degree(index)); ++k) {
    high.value -= spectra.fraction(kernel, type, index, depth, k);
    high.error += spectra.fraction_error(kernel, type, index, depth, k) +
                  std::numeric_limits<double>::epsilon();
  }
  return high;
}

/// Published as 0.7 to 0.85; layers are counted as affine ones, as everywhere here.
void claim_constant_part(const ExperimentOptions& options, const ZonalSpectra& spectra,
                         std::int64_t kernel, StudyResult& result) {
  const std::size_t last = options.zonal.dimensions.size() - 1;
  for (std::int64_t depth = 2; depth <= std::min<std::int64_t>(3, spectra.depths()); ++depth) {
    result.claims.push_back(
        {fmt::format("variance of degree 0 of {}, nngp, with {} layers, d = {}",
                     kernel_name(options.kernels[static_cast<std::size_t>(kernel)]), depth,
                     options.zonal.dimensions[last]),
         spectra.fraction(kernel, KernelType::nngp, last, depth, 0), 0.775, 0.075});
  }
}

/// Whether more of the variance is surely of degree 1 than of any other degree.
bool is_mostly_linear(const ZonalSpectra& spectra, std::int64_t kernel, KernelType type,
                      std::size_t index, std::int64_t depth) {
  const auto fraction = [&](std::int64_t k, double errors) {
    return spectra.fraction(kernel, type, index, depth, k) +
           errors * spectra.fraction_error(kernel, type, index, depth, k);
  };
  const double linear = fraction(1, -1.0);
  double rest = 1.0;  // of all degrees that are not recorded
  for (std::int64_t k = 0; k <= spectra.degree(index); ++k) {
    if (k != 1 && fraction(k, 1.0) >= linear) {
      return false;
    }
    rest -= fraction(k, -1.0);
  }
  return rest < linear;
}

/// Degree 1 has the largest part of the variance in shallow networks. In deep ones it has not: an
/// eigenvalue of degree 3 is smaller, but there are more of them.
void claim_linear_part(const ExperimentOptions& options, const ZonalSpectra& spectra,
                       std::int64_t kernel, StudyResult& result) {
  constexpr std::int64_t kShallow = 3;
  const std::string name = kernel_name(options.kernels[static_cast<std::size_t>(kernel)]);
  const std::size_t last = options.zonal.dimensions.size() - 1;
  const std::int64_t shallow = std::min(kShallow, spectra.depths());
  double others = 0.0;
  for (const KernelType type : kBothTypes) {
    for (std::size_t i = 0; i <= last; ++i) {
      std::int64_t depth = 1;
      while (depth <= spectra.depths() && is_mostly_linear(spectra, kernel, type, i, depth)) {
        ++depth;
      }
      result.lines.push_back(
          fmt::format("{}, {}, d = {}: degree 1 surely has more variance than any other {}",
                      type_name(type), name, options.zonal.dimensions[i],
                      depth > spectra.depths()
                          ? fmt::format("at all depths, 1 to {}", spectra.depths())
                          : fmt::format("up to {} layers of {}", depth - 1, spectra.depths())));
    }
    for (std::int64_t depth = 1; depth <= shallow; ++depth) {
      others += is_mostly_linear(spectra, kernel, type, last, depth) ? 0.0 : 1.0;
    }
  }
  result.claims.push_back(
      {fmt::format("depths, of 1 to {} of ntk and nngp, {}, d = {}, at which degree 1 has not the "
                   "largest fractional variance",
                   shallow, name, options.zonal.dimensions[last]),
       others, 0.0, 0.0});
}

/// Of all kernels together, where values differ by more than their errors: NTK against NNGP, and
/// the order of the eigenvalues.
void claim_orders(const ExperimentOptions& options, const ZonalSpectra& spectra,
                  StudyResult& result) {
  std::int64_t shares = 0;
  std::int64_t simpler = 0;
  std::int64_t pairs = 0;
  std::int64_t rises = 0;
  for (std::int64_t kernel = 0; kernel < spectra.kernels(); ++kernel) {
    for (std::size_t i = 0; i < options.zonal.dimensions.size(); ++i) {
      for (std::int64_t depth = 1; depth <= spectra.depths(); ++depth) {
        const HighShare ntk = high_share(spectra, kernel, KernelType::ntk, i, depth);
        const HighShare nngp = high_share(spectra, kernel, KernelType::nngp, i, depth);
        if (std::abs(ntk.value - nngp.value) > ntk.error + nngp.error) {
          ++shares;
          simpler += ntk.value < nngp.value ? 1 : 0;
        }
        for (const KernelType type : kBothTypes) {
          for (std::int64_t k = 0; k + 2 <= spectra.degree(i); ++k) {
            const double low = spectra.eigenvalue(kernel, type, i, depth, k);
            const double high = spectra.eigenvalue(kernel, type, i, depth, k + 2);
            if (std::abs(low - high) > spectra.error(kernel, type, i, depth, k) +
                                           spectra.error(kernel, type, i, depth, k + 2)) {
              ++pairs;
              rises += high > low ? 1 : 0;
            }
          }
        }
      }
    }
  }
  if (shares > 0) {
    result.claims.push_back(
        {fmt::format("kernels, dimensions and depths, of {}, at which the NTK has less variance "
                     "above degree 2 than the NNGP",
                     shares),
         static_cast<double>(simpler), 0.0, 0.0});
  }
  if (pairs > 0) {
    result.claims.push_back(
        {fmt::format("eigenvalues of degree k + 2, of {}, larger than that of degree k", pairs),
         static_cast<double>(rises), 0.0, 0.0});
  }
}

}  // namespace

StudyCost boolean_cube_cost(const ExperimentOptions& options, const Architecture& /*architecture*/,
                            const DataShape& /*shape*/, int ranks) {
  const ZonalOptions& zonal = options.zonal;
  StudyCost cost = zonal_cost(options, zonal.dimensions.back() + 1);
  const auto largest = std::find_if(zonal.dimensions.rbegin(), zonal.dimensions.rend(), has_matrix);
  if (largest != zonal.dimensions.rend()) {
    const std::int64_t n = std::int64_t{1} << *largest;
    // The corners, and those of a rank's rows and columns with what belongs to them, three times.
    const double columns = static_cast<double>(BlockCyclic(n, kBlock, ranks, 0).local_size());
    const double beside = 3.0 * (static_cast<double>(*largest) + 16.0);
    cost.bytes += 8.0 * static_cast<double>(n) * (columns + beside) +
                  static_cast<double>(KernelMatrix<double>::kTileBytes);
  }
  for (const std::int64_t dimension : zonal.dimensions) {
    for (const std::int64_t depth : kMatrixDepths) {
      if (has_matrix(dimension) && depth <= zonal.depth) {
        const double entries = std::ldexp(1.0, static_cast<int>(2 * dimension));
        // Half of the kernel's values, some 40 operations for each layer; the transform.
        cost.flop += 2.0 * static_cast<double>(options.kernels.size()) * entries *
                     (2.0 * static_cast<double>(dimension) + 20.0 * static_cast<double>(depth));
      }
    }
  }
  return cost;
}

StudyResult boolean_cube(const Communicator& comm, const StudyProblem& problem, Monitor& monitor) {
  const ExperimentOptions& options = problem.options;
  const auto spectra = ZonalSpectra::find<CubeTransform>(comm, options, monitor);
  StudyResult result = spectra.start_result(options);
  for (std::int64_t kernel = 0; kernel < spectra.kernels(); ++kernel) {
    const Architecture& architecture = options.kernels[static_cast<std::size_t>(kernel)];
    if (is_relu_of_the_paper(architecture)) {
      claim_constant_part(options, spectra, kernel, result);
    }
    if (is_odd_erf(architecture)) {
      claim_linear_part(options, spectra, kernel, result);
    }
  }
  claim_orders(options, spectra, result);
  record_optimal_depths(options, spectra, result);
  check_matrices(comm, options, monitor, result);
  return result;
}

}  // namespace ntkflow
