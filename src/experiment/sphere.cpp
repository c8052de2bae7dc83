// The spectrum of kernels on the uniform sphere, by degree, beside that of samples of it.
// Ref: Bach (2017), appendix D; Bietti, Mairal (2019), section 3; positive definiteness: Jacot,
// Gabriel, Hongler (2018), proposition 2.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <variant>

#include <fmt/format.h>

#include <ntkflow/base/hash.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/linalg/eigen.hpp>

#include "limiting_kernel.hpp"
#include "zonal_study.hpp"

namespace ntkflow {
namespace {

constexpr std::int64_t kBlock = 64;

/// Uniform on the sphere of radius sqrt(d), where x.x / d = 1: [d x n].
Matrix<double> uniform_samples(std::int64_t dimension, std::int64_t n, std::uint64_t seed) {
  const RandomStream random(seed, hash_text("ntkflow.experiment.sphere"));
  Matrix<double> x(dimension, n);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::span<double> sample(x.column(i), static_cast<std::size_t>(dimension));
    random.normals(static_cast<std::uint64_t>(i), 0, sample);
    double squared_norm = 0.0;
    for (const double value : sample) {
      squared_norm += value * value;
    }
    const double scale = std::sqrt(static_cast<double>(dimension) / squared_norm);
    std::transform(sample.begin(), sample.end(), sample.begin(),
                   [&](double value) { return scale * value; });
  }
  return x;
}

/// The degree of an activation that is a polynomial; nothing for any other.
std::optional<int> polynomial_degree(const ActivationSpec& activation) {
  if (activation.name == "identity") {
    return 1;
  }
  for (const auto& parameter : activation.parameters) {
    if (activation.name == "polynomial") {
      return static_cast<int>(parameter.values.size()) - 1;
    }
    if (activation.name == "monomial" || activation.name == "hermite") {
      return static_cast<int>(parameter.values.front());
    }
  }
  return std::nullopt;
}

/// The largest degree of a kernel of that depth, or nothing where there is no largest one.
std::optional<double> kernel_degree(const Architecture& kernel, std::int64_t depth) {
  const auto activation = polynomial_degree(kernel.activation);
  if (!activation && depth > 1) {
    return std::nullopt;
  }
  return depth == 1 ? 1.0 : std::pow(*activation, static_cast<double>(depth - 1));
}

/// A degree of the limit, in the order of eigenvalues.
struct Level {
  double eigenvalue = 0.0;
  double multiplicity = 0.0;
};

std::vector<Level> levels(const ZonalSpectra& spectra, std::int64_t kernel, KernelType type,
                          std::int64_t depth) {
  std::vector<Level> all;
  for (std::int64_t k = 0; k <= spectra.degree(0); ++k) {
    all.push_back({spectra.eigenvalue(kernel, type, 0, depth, k), spectra.multiplicity(0, k)});
  }
  std::sort(all.begin(), all.end(),
            [](const Level& a, const Level& b) { return a.eigenvalue > b.eigenvalue; });
  return all;
}

/// Eigenvalues of K / N, descending. Collective over the grid.
std::vector<double> sample_eigenvalues(const LimitingKernel& limiting, KernelType type,
                                       const Matrix<double>& x) {
  auto solved = diagonalise(limiting.of(type, x));
  if (std::holds_alternative<EigenFailure>(solved)) {
    throw NumericalError("the eigensolver failed on the kernel matrix of the samples");
  }
  std::vector<double> values = std::get<EigenSystem<double>>(solved).values;
  std::reverse(values.begin(), values.end());
  for (double& value : values) {
    value /= static_cast<double>(x.cols());
  }
  return values;
}

/// The largest distance of a sample eigenvalue from that of its degree, over what is expected of N
/// samples: with M eigenfunctions so far, their sample covariance has its eigenvalues within
/// 2 sqrt(M/N) + M/N of 1 (Marchenko, Pastur 1967), and what comes after adds the mean of its own
/// sum. Degrees with M up to N/8, where groups are apart.
double distance_from_levels(const std::vector<double>& sample, const std::vector<Level>& limit,
                            double diagonal) {
  const auto n = static_cast<double>(sample.size());
  double largest = 0.0;
  double before = 0.0;
  double rest = diagonal;
  for (const Level& level : limit) {
    const double until = before + level.multiplicity;
    rest = std::max(rest - level.multiplicity * level.eigenvalue, 0.0);
    if (until > n / 8.0 || level.eigenvalue == 0.0) {
      break;
    }
    const double share = until / n;
    const double rounding = 30.0 * n * std::numeric_limits<double>::epsilon() * sample.front();
    const double allowed =
        level.eigenvalue * (2.0 * std::sqrt(share) + share) + rest / n + rounding;
    for (auto i = static_cast<std::size_t>(before); i < static_cast<std::size_t>(until); ++i) {
      largest = std::max(largest, std::abs(sample[i] - level.eigenvalue) / allowed);
    }
    before = until;
  }
  return largest;
}

struct SampleSpectra {
  std::vector<double> sample;  // [kernel][type][N]
  std::vector<double> limit;   // likewise: those of the degrees, each as often as it occurs
  double distance = 0.0;
  double null_excess = 0.0;  // null directions of polynomial kernels more or less than predicted
  bool has_polynomial = false;
};

/// Collective over comm.
SampleSpectra find_samples(const Communicator& comm, const ExperimentOptions& options,
                           const ZonalSpectra& spectra, Monitor& monitor) {
  const ZonalOptions& zonal = options.zonal;
  const std::int64_t depth = std::min<std::int64_t>(kMatrixDepth, spectra.depths());
  const auto x = prepared(
      comm, [&] { return uniform_samples(zonal.dimensions.front(), zonal.samples, zonal.seed); });
  const auto grid = ProcessGrid::create(comm, automatic_grid(comm.size()));
  SampleSpectra found;
  for (std::int64_t kernel = 0; kernel < spectra.kernels(); ++kernel) {
    Architecture architecture = options.kernels[static_cast<std::size_t>(kernel)];
    architecture.depth = static_cast<int>(depth);
    const LimitingKernel limiting(architecture, grid, kBlock);
    for (const KernelType type : kBothTypes) {
      collectively(comm, [&] {
        if (monitor.stop_requested()) {
          throw InterruptedError("stopped on request between kernel matrices");
        }
      });
      const std::vector<double> sample = sample_eigenvalues(limiting, type, x);
      const std::vector<Level> limit = levels(spectra, kernel, type, depth);
      found.distance =
          std::max(found.distance,
                   distance_from_levels(sample, limit, spectra.diagonal(kernel, type, 0, depth)));
      double rank = 0.0;
      std::vector<double> expected;
      for (const Level& level : limit) {
        rank += level.eigenvalue > 0.0 ? level.multiplicity : 0.0;
        for (double i = 0.0; i < level.multiplicity && expected.size() < sample.size(); ++i) {
          expected.push_back(level.eigenvalue);
        }
      }
      expected.resize(sample.size());
      const auto degree = kernel_degree(architecture, depth);
      if (degree && *degree <= static_cast<double>(zonal.degree)) {
        // Directions without any kernel: eigenvalues that are the rounding of the largest.
        const double rounding = static_cast<double>(zonal.samples) *
                                std::numeric_limits<double>::epsilon() * sample.front();
        const auto null = std::count_if(sample.begin(), sample.end(),
                                        [&](double value) { return std::abs(value) <= rounding; });
        const double predicted = std::max(static_cast<double>(zonal.samples) - rank, 0.0);
        found.null_excess += std::abs(static_cast<double>(null) - predicted);
        found.has_polynomial = true;
      }
      found.sample.insert(found.sample.end(), sample.begin(), sample.end());
      found.limit.insert(found.limit.end(), expected.begin(), expected.end());
    }
  }
  return found;
}

void record_samples(const ExperimentOptions& options, const ZonalSpectra& spectra,
                    const SampleSpectra& found, StudyResult& result) {
  const char* axis = "/experiment/sample";
  const std::int64_t n = options.zonal.samples;
  result.axes.push_back({axis, "number of a sample eigenvalue, from the largest", numbers(1, n)});
  const auto of_sample = [&](const char* path, const char* long_name,
                             const std::vector<double>& values) {
    result.data.push_back(
        {{path, long_name, "1", {spectra.kernels(), 2, n}, {kKernelAxis, kTypeAxis, axis}},
         values});
  };
  of_sample("/experiment/sample_eigenvalue", "eigenvalues of K / N of N samples of the sphere",
            found.sample);
  of_sample("/experiment/limit_eigenvalue",
            "those of the degrees, each as often as its multiplicity; 0: beyond the degrees found",
            found.limit);
  for (const char* path : {"/experiment/sample_eigenvalue", "/experiment/limit_eigenvalue"}) {
    result.attributes.push_back({path, "dimension", options.zonal.dimensions.front()});
    result.attributes.push_back(
        {path, "depth", std::min<std::int64_t>(kMatrixDepth, spectra.depths())});
  }
  // 1 is the edge of the sample covariance's spectrum for many eigenfunctions.
  result.claims.push_back(
      {fmt::format("distance of eigenvalues of K / N from those of their degree, over "
                   "lambda_k (2 sqrt(M/N) + M/N) + (sum of the rest) / N, N = {}",
                   n),
       found.distance, 0.0, 1.0});
  if (found.has_polynomial) {
    result.claims.push_back(
        {"null directions of polynomial kernels, beside the samples without their harmonics",
         found.null_excess, 0.0, 0.0});
  }
}

/// What the last two octaves of degrees leave for all later ones, if the variance went on to fall
/// as a power of the degree; 0 where it does not fall.
double continued_tail(const ZonalSpectra& spectra, std::int64_t kernel, KernelType type,
                      std::int64_t depth) {
  const std::int64_t most = spectra.degree(0);
  // Smoothed over three degrees, since kernels may have every other one only.
  const auto octave = [&](std::int64_t first, std::int64_t last) {
    double sum = 0.0;
    for (std::int64_t k = first + 1; k <= last; ++k) {
      for (std::int64_t near = k - 1; near <= std::min(k + 1, most); ++near) {
        sum += (near == k ? 0.5 : 0.25) * spectra.fraction(kernel, type, 0, depth, near);
      }
    }
    return sum;
  };
  const double before = octave(most / 4, most / 2);
  const double after = octave(most / 2, most);
  const double ratio = before > 0.0 ? after / before : 0.0;
  return ratio < 1.0 ? after * ratio / (1.0 - ratio) : 0.0;
}

/// What is left of the sum of all eigenvalues beyond the degrees found, over that continuation and
/// what is known of them.
double rest_over_continuation(const ZonalSpectra& spectra, std::int64_t kernel, KernelType type,
                              std::int64_t depth) {
  double rest = 1.0;
  double error = 64.0 * std::numeric_limits<double>::epsilon();
  for (std::int64_t k = 0; k <= spectra.degree(0); ++k) {
    rest -= spectra.fraction(kernel, type, 0, depth, k);
    error += spectra.multiplicity(0, k) * spectra.error(kernel, type, 0, depth, k) /
             spectra.diagonal(kernel, type, 0, depth);
  }
  return rest / (continued_tail(spectra, kernel, type, depth) + error);
}

/// Positive definiteness and the sum of the eigenvalues.
void claim_spectrum(const ExperimentOptions& options, const ZonalSpectra& spectra,
                    StudyResult& result) {
  double not_positive = 0.0;
  double beyond = 0.0;
  double missing = 0.0;
  bool has_polynomial = false;
  for (std::int64_t kernel = 0; kernel < spectra.kernels(); ++kernel) {
    const Architecture& architecture = options.kernels[static_cast<std::size_t>(kernel)];
    std::int64_t unknown = 0;
    for (const KernelType type : kBothTypes) {
      for (std::int64_t depth = 2; depth <= spectra.depths(); ++depth) {
        const auto degree = kernel_degree(architecture, depth);
        has_polynomial = has_polynomial || degree;
        for (std::size_t i = 0; i < options.zonal.dimensions.size(); ++i) {
          for (std::int64_t k = 0; k <= spectra.degree(i); ++k) {
            const bool is_positive = spectra.eigenvalue(kernel, type, i, depth, k) > 0.0;
            if (degree) {
              beyond += static_cast<double>(k) > *degree &&
                                spectra.eigenvalue(kernel, type, i, depth, k) != 0.0
                            ? 1.0
                            : 0.0;
            } else if (spectra.error(kernel, type, i, depth, k) >
                       1e-18 * spectra.diagonal(kernel, type, i, depth)) {
              unknown += is_positive ? 0 : 1;  // their duals are known in double only
            } else if (architecture.bias_variance > 0.0) {
              not_positive += is_positive ? 0.0 : 1.0;
            }
          }
        }
        const double rest = rest_over_continuation(spectra, kernel, type, depth);
        missing = std::abs(rest) > std::abs(missing) ? rest : missing;
      }
    }
    if (unknown > 0) {
      result.lines.push_back(fmt::format(
          "{}: {} eigenvalues are not larger than their errors, since its duals are integrated",
          kernel_name(architecture), unknown));
    }
  }
  if (spectra.depths() < 2) {
    return;
  }
  result.claims.push_back(
      {"eigenvalues of kernels with bias whose activation is no polynomial that are not positive",
       not_positive, 0.0, 0.0});
  if (has_polynomial) {
    result.claims.push_back(
        {"eigenvalues of polynomial kernels beyond their degree that are not 0", beyond, 0.0, 0.0});
  }
  // The variance falls as a power of the degree with kinks and faster else, so that a power leaves
  // at least what there is, but for the sums over octaves, which differ by terms of 1/K from
  // integrals.
  result.claims.push_back(
      {fmt::format("sum of all eigenvalues without those up to degree {}, over their continuation "
                   "as a power",
                   options.zonal.degree),
       missing, 0.0, 1.0 + 6.0 / static_cast<double>(options.zonal.degree)});
}

}  // namespace

StudyCost sphere_cost(const ExperimentOptions& options, const Architecture& /*architecture*/,
                      const DataShape& /*shape*/, int ranks) {
  const ZonalOptions& zonal = options.zonal;
  StudyCost cost = zonal_cost(options, SphereTransform::kIntervals + 1);
  const auto n = static_cast<double>(zonal.samples);
  const double spectra = 2.0 * static_cast<double>(options.kernels.size());
  cost.file_bytes += 8.0 * spectra * 2.0 * n;
  // Beyond, the workspace's own formula would overflow, and no machine has the matrix.
  constexpr double kMostSamples = 0x1p30;
  const double workspace =
      n < kMostSamples
          ? static_cast<double>(eigen_workspace(zonal.samples, kBlock, automatic_grid(ranks)))
          : n * n;
  // The matrix, its eigenvectors, and blocks that not all ranks have.
  cost.bytes +=
      8.0 * (2.5 * n * n / static_cast<double>(ranks) + workspace +
             2.0 * n * static_cast<double>(zonal.dimensions.front()) + 3.0 * spectra * 2.0 * n);
  cost.flop += spectra * 9.0 * n * n * n;
  return cost;
}

StudyResult sphere(const Communicator& comm, const StudyProblem& problem, Monitor& monitor) {
  const ExperimentOptions& options = problem.options;
  const auto spectra = ZonalSpectra::find<SphereTransform>(comm, options, monitor);
  StudyResult result = spectra.start_result(options);
  const std::int64_t depth = std::min<std::int64_t>(kMatrixDepth, spectra.depths());
  for (std::int64_t kernel = 0; kernel < spectra.kernels(); ++kernel) {
    for (const KernelType type : kBothTypes) {
      std::string line =
          fmt::format("{}, {}, {} layers, d = {}: variance by degree", type_name(type),
                      kernel_name(options.kernels[static_cast<std::size_t>(kernel)]), depth,
                      options.zonal.dimensions.front());
      for (std::int64_t k = 0; k <= std::min<std::int64_t>(5, options.zonal.degree); ++k) {
        line += fmt::format(" {:.2g}", spectra.fraction(kernel, type, 0, depth, k));
      }
      result.lines.push_back(line);
    }
  }
  claim_spectrum(options, spectra, result);
  const SampleSpectra samples = find_samples(comm, options, spectra, monitor);
  record_samples(options, spectra, samples, result);
  return result;
}

}  // namespace ntkflow
