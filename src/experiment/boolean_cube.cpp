// The spectrum of kernels on the boolean cube {-1, 1}^d, by degree, for networks of every depth.
// Ref: Yang, Salman, A Fine-Grained Spectral Perspective on Neural Networks (2019), sections 3, 4.
#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include <ntkflow/linalg/local_eigen.hpp>

#include "limiting_kernel.hpp"
#include "zonal_study.hpp"

namespace ntkflow {
namespace {

/// Cubes up to this dimension are checked with their whole kernel matrix.
constexpr std::int64_t kLargestMatrixCube = 10;

/// All corners, [d x 2^d].
Matrix<double> corners(std::int64_t dimension) {
  Matrix<double> x(dimension, std::int64_t{1} << dimension);
  for (std::int64_t corner = 0; corner < x.cols(); ++corner) {
    for (std::int64_t j = 0; j < dimension; ++j) {
      x.column(corner)[j] = (corner >> j & 1) != 0 ? 1.0 : -1.0;
    }
  }
  return x;
}

/// What a kernel matrix over all corners says about the eigenvalues by degree.
struct MatrixCheck {
  double distance = 0.0;    ///< the largest |difference|, over the bound 30 n eps lambda_max
  double miscounted = 0.0;  ///< groups of equal eigenvalues that are larger or smaller than told
};

MatrixCheck check_matrix(const ZonalSpectra& spectra, const Architecture& architecture,
                         std::int64_t kernel, KernelType type, std::size_t index,
                         std::int64_t dimension) {
  const Matrix<double> matrix = whole(LimitingKernel(architecture).of(type, corners(dimension)));
  const std::int64_t n = matrix.rows();
  const std::vector<double> found = diagonalise_local(matrix.view()).values;
  std::vector<std::pair<double, double>> levels;  // eigenvalue, multiplicity
  for (std::int64_t k = 0; k <= dimension; ++k) {
    levels.emplace_back(spectra.eigenvalue(kernel, type, index, architecture.depth, k),
                        spectra.multiplicity(index, k));
  }
  std::sort(levels.begin(), levels.end());
  const double bound =
      30.0 * static_cast<double>(n) * std::numeric_limits<double>::epsilon() * levels.back().first;
  MatrixCheck check;
  std::size_t next = 0;
  for (const auto& [eigenvalue, multiplicity] : levels) {
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(multiplicity); ++i, ++next) {
      const double mean = found[next] / static_cast<double>(n);
      check.distance = std::max(check.distance, std::abs(mean - eigenvalue) / bound);
    }
  }
  for (std::size_t i = 0; i < levels.size();) {
    // Levels that the matrix cannot tell apart count together.
    double expected = 0.0;
    const double low = levels[i].first - bound;
    double high = low;
    for (; i < levels.size() && (expected == 0.0 || levels[i].first - bound <= high); ++i) {
      expected += levels[i].second;
      high = levels[i].first + bound;
    }
    const auto count = std::count_if(found.begin(), found.end(), [&](double value) {
      const double mean = value / static_cast<double>(n);
      return low <= mean && mean <= high;
    });
    check.miscounted += static_cast<double>(count) == expected ? 0.0 : 1.0;
  }
  return check;
}

/// Whether all degrees of a dimension are recorded, and the cube is small enough for its matrix.
bool has_matrix(const ZonalOptions& options, std::size_t index) {
  return options.dimensions[index] <= std::min(kLargestMatrixCube, options.degree);
}

/// Each matrix on one rank. Collective over comm.
void check_matrices(const Communicator& comm, const ExperimentOptions& options,
                    const ZonalSpectra& spectra, Monitor& monitor, StudyResult& result) {
  const auto dimensions = std::ssize(options.zonal.dimensions);
  const auto checked = [&](std::int64_t index) {
    return has_matrix(options.zonal, static_cast<std::size_t>(index));
  };
  std::int64_t matrices = 0;
  for (std::int64_t i = 0; i < dimensions; ++i) {
    matrices += checked(i) ? 2 * spectra.kernels() : 0;
  }
  if (matrices == 0) {
    return;
  }
  std::vector<double> worst(2);
  for_each_member(comm, 2 * spectra.kernels() * dimensions, [&](std::int64_t job) {
    const std::int64_t index = job / (2 * spectra.kernels());
    const std::int64_t kernel = job / 2 % spectra.kernels();
    if (!checked(index)) {
      return;
    }
    if (monitor.stop_requested()) {
      throw InterruptedError("stopped on request between kernel matrices");
    }
    Architecture architecture = options.kernels[static_cast<std::size_t>(kernel)];
    architecture.depth = static_cast<int>(std::min<std::int64_t>(kMatrixDepth, spectra.depths()));
    const auto at = static_cast<std::size_t>(index);
    const MatrixCheck check = check_matrix(spectra, architecture, kernel, kBothTypes[job % 2], at,
                                           options.zonal.dimensions[at]);
    worst[0] = std::max(worst[0], check.distance);
    worst[1] += check.miscounted;
  });
  comm.max(std::span(worst).first(1));
  comm.sum(std::span(worst).last(1));
  // Backward stable to 30 n eps of the largest, as every eigensolver here is held to; the kernel's
  // own rounding is far below.
  result.claims.push_back(
      {fmt::format("distance of {} kernel matrices' eigenvalues from those by degree, over "
                   "30 n eps lambda_max",
                   matrices),
       worst[0], 0.0, 1.0});
  result.claims.push_back(
      {"groups of eigenvalues of these matrices of another size than the multiplicities", worst[1],
       0.0, 0.0});
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

/// The depth, from 1, at which the fractional variance of a degree is largest; 0 where the degree
/// has none at any depth.
std::int64_t optimal_depth(const ZonalSpectra& spectra, std::int64_t kernel, KernelType type,
                           std::size_t index, std::int64_t degree) {
  std::int64_t best = 0;
  double most = 0.0;
  for (std::int64_t depth = 1; depth <= spectra.depths(); ++depth) {
    const double fraction = spectra.fraction(kernel, type, index, depth, degree);
    if (fraction > most) {
      most = fraction;
      best = depth;
    }
  }
  return best;
}

/// Variance of degrees above 2.
double high_share(const ZonalSpectra& spectra, std::int64_t kernel, KernelType type,
                  std::size_t index, std::int64_t depth) {
  double low = 0.0;
  for (std::int64_t k = 0; k <= std::min<std::int64_t>(2, spectra.degree(index)); ++k) {
    low += spectra.fraction(kernel, type, index, depth, k);
  }
  return 1.0 - low;
}

void claim_simplicity(const ExperimentOptions& options, const ZonalSpectra& spectra,
                      StudyResult& result) {
  const std::size_t last = options.zonal.dimensions.size() - 1;
  const std::int64_t largest = options.zonal.dimensions[last];
  for (std::int64_t kernel = 0; kernel < spectra.kernels(); ++kernel) {
    const Architecture& architecture = options.kernels[static_cast<std::size_t>(kernel)];
    if (is_relu_of_the_paper(architecture)) {
      // Published as 0.7 to 0.85; layers are counted as affine ones, as everywhere here.
      for (std::int64_t depth = 2; depth <= std::min<std::int64_t>(3, spectra.depths()); ++depth) {
        result.claims.push_back(
            {fmt::format("variance of degree 0 of {}, nngp, with {} layers, d = {}",
                         kernel_name(architecture), depth, largest),
             spectra.fraction(kernel, KernelType::nngp, last, depth, 0), 0.775, 0.075});
      }
    }
    if (is_odd_erf(architecture)) {
      double elsewhere = 0.0;
      for (const KernelType type : kBothTypes) {
        for (std::size_t i = 0; i <= last; ++i) {
          for (std::int64_t depth = 1; depth <= spectra.depths(); ++depth) {
            for (std::int64_t k = 0; k <= spectra.degree(i); ++k) {
              elsewhere += spectra.eigenvalue(kernel, type, i, depth, k) >
                                   spectra.eigenvalue(kernel, type, i, depth, 1)
                               ? 1.0
                               : 0.0;
            }
          }
        }
      }
      result.claims.push_back(
          {fmt::format("eigenvalues of {} larger than that of degree 1", kernel_name(architecture)),
           elsewhere, 0.0, 0.0});
    }
  }
}

/// Of all kernels together: NTK against NNGP, optimal depths, and the order of the eigenvalues.
void claim_orders(const ExperimentOptions& options, const ZonalSpectra& spectra,
                  const std::vector<double>& depths, StudyResult& result) {
  double simpler = 0.0;
  double falls = 0.0;
  double rises = 0.0;
  std::size_t at = 0;
  const auto degrees = static_cast<std::size_t>(options.zonal.degree) + 1;
  for (std::int64_t kernel = 0; kernel < spectra.kernels(); ++kernel) {
    for (const KernelType type : kBothTypes) {
      for (std::size_t i = 0; i < options.zonal.dimensions.size(); ++i, at += degrees) {
        const std::int64_t most = spectra.degree(i);
        for (std::int64_t k = 1; k + 2 <= most; ++k) {
          const double shallow = depths[at + static_cast<std::size_t>(k)];
          const double deep = depths[at + static_cast<std::size_t>(k) + 2];
          falls += deep > 0.0 && deep < shallow ? 1.0 : 0.0;
        }
        for (std::int64_t depth = 1; depth <= spectra.depths(); ++depth) {
          for (std::int64_t k = 0; k + 2 <= most; ++k) {
            rises += spectra.eigenvalue(kernel, type, i, depth, k + 2) >
                             spectra.eigenvalue(kernel, type, i, depth, k)
                         ? 1.0
                         : 0.0;
          }
          // Shares that are equal to rounding, as at depth 1, are no case.
          const double rounding = 8.0 * std::numeric_limits<double>::epsilon();
          simpler += type == KernelType::ntk &&
                             high_share(spectra, kernel, KernelType::ntk, i, depth) <
                                 high_share(spectra, kernel, KernelType::nngp, i, depth) - rounding
                         ? 1.0
                         : 0.0;
        }
      }
    }
  }
  result.claims.push_back(
      {"kernels, dimensions and depths at which the NTK has less variance above degree 2 than the "
       "NNGP",
       simpler, 0.0, 0.0});
  result.claims.push_back(
      {"degrees k >= 1 whose optimal depth is larger than that of k + 2", falls, 0.0, 0.0});
  result.claims.push_back(
      {"eigenvalues of degree k + 2 larger than that of degree k", rises, 0.0, 0.0});
}

}  // namespace

StudyCost boolean_cube_cost(const ExperimentOptions& options, const Architecture& /*architecture*/,
                            const DataShape& /*shape*/, int /*ranks*/) {
  const ZonalOptions& zonal = options.zonal;
  StudyCost cost = zonal_cost(options, zonal.dimensions.back() + 1);
  for (std::size_t i = 0; i < zonal.dimensions.size(); ++i) {
    if (has_matrix(zonal, i)) {
      const double n = std::ldexp(1.0, static_cast<int>(zonal.dimensions[i]));
      // The matrix twice, its eigenvectors and the eigensolver's workspace; the corners.
      cost.bytes += 8.0 * (6.0 * n * n + 2.0 * n * static_cast<double>(zonal.dimensions[i]));
      cost.flop += 2.0 * 9.0 * n * n * n * static_cast<double>(options.kernels.size());
    }
  }
  return cost;
}

StudyResult boolean_cube(const Communicator& comm, const StudyProblem& problem, Monitor& monitor) {
  const ExperimentOptions& options = problem.options;
  const auto spectra = ZonalSpectra::find<CubeTransform>(comm, options, monitor);
  StudyResult result = spectra.start_result(options);
  std::vector<double> depths;
  const std::size_t last = options.zonal.dimensions.size() - 1;
  for (std::int64_t kernel = 0; kernel < spectra.kernels(); ++kernel) {
    for (const KernelType type : kBothTypes) {
      for (std::size_t i = 0; i <= last; ++i) {
        std::string line =
            fmt::format("{}, {}, d = {}: optimal depth by degree", type_name(type),
                        kernel_name(options.kernels[static_cast<std::size_t>(kernel)]),
                        options.zonal.dimensions[i]);
        for (std::int64_t k = 0; k <= options.zonal.degree; ++k) {
          const std::int64_t depth = optimal_depth(spectra, kernel, type, i, k);
          depths.push_back(static_cast<double>(depth));
          if (k >= 1 && depth > 0) {
            line += fmt::format(" {}:{}", k, depth);
          }
        }
        if (i == last) {
          result.lines.push_back(line);
        }
      }
    }
  }
  result.data.push_back(
      {{"/experiment/optimal_depth",
        "depth at which the degree's fractional variance is largest; 0: it has none",
        "1",
        {spectra.kernels(), 2, std::ssize(options.zonal.dimensions), options.zonal.degree + 1},
        {kKernelAxis, kTypeAxis, kDimensionAxis, kDegreeAxis}},
       depths});
  claim_simplicity(options, spectra, result);
  claim_orders(options, spectra, depths, result);
  check_matrices(comm, options, spectra, monitor, result);
  return result;
}

}  // namespace ntkflow
