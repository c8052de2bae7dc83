// The spectrum of kernels on the uniform sphere, by degree, beside that of samples of it.
// Ref: Bach (2017), appendix D; Bietti, Mairal (2019), section 3; positive definiteness: Jacot,
// Gabriel, Hongler (2018), proposition 2.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>

#include <fmt/format.h>

#include <ntkflow/base/hash.hpp>
#include <ntkflow/base/random.hpp>

#include "limiting_kernel.hpp"
#include "shared_kernel.hpp"
#include "zonal_study.hpp"

namespace ntkflow {
namespace {

/// Depth of the networks whose sample spectrum is found, if the study goes as deep.
constexpr std::int64_t kSampleDepth = 3;

std::int64_t sample_depth(const ZonalOptions& options) {
  return std::min(kSampleDepth, options.depth);
}

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
                                       const Matrix<double>& x, Monitor& monitor) {
  std::vector<double> values = shared_eigensystem(limiting.matrix(type, x, x), monitor).values;
  std::reverse(values.begin(), values.end());
  for (double& value : values) {
    value /= static_cast<double>(x.cols());
  }
  return values;
}

/// The largest distance of a sample eigenvalue from that of its degree, over what is expected of N
/// samples: with M eigenfunctions so far, their sample covariance has its eigenvalues within
/// 2 sqrt(M/N) + M/N of 1 (Marchenko, Pastur 1967), and what comes after adds the mean of its own
/// sum. Degrees with M up to N/8, where groups are apart; nothing where there is none.
std::optional<double> distance_from_levels(const std::vector<double>& sample,
                                           const std::vector<Level>& limit, double diagonal) {
  const auto n = static_cast<double>(sample.size());
  std::optional<double> largest;
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
      largest = std::max(largest.value_or(0.0), std::abs(sample[i] - level.eigenvalue) / allowed);
    }
    before = until;
  }
  return largest;
}

struct SampleSpectra {
  std::vector<double> sample;      // [kernel][type][N]
  std::vector<double> limit;       // likewise: those of the degrees, each as often as it occurs
  std::optional<double> distance;  // nothing: N is too small for any degree
  double null_excess = 0.0;  // null directions of polynomial kernels more or less than predicted
  bool has_polynomial = false;
};

/// Collective over comm.
SampleSpectra find_samples(const Communicator& comm, const ExperimentOptions& options,
                           const ZonalSpectra& spectra, Monitor& monitor) {
  const ZonalOptions& zonal = options.zonal;
  const std::int64_t depth = sample_depth(zonal);
  const auto x = prepared(
      comm, [&] { return uniform_samples(zonal.dimensions.front(), zonal.samples, zonal.seed); });
  const auto grid = shared_grid(comm);
  SampleSpectra found;
  for (std::int64_t kernel = 0; kernel < spectra.kernels(); ++kernel) {
    Architecture architecture = options.kernels[static_cast<std::size_t>(kernel)];
    architecture.depth = static_cast<int>(depth);
    const LimitingKernel limiting = shared_kernel(architecture, grid, zonal.samples);
    for (const KernelType type : kBothTypes) {
      stop_if_asked(comm, monitor);
      const std::vector<double> sample = sample_eigenvalues(limiting, type, x, monitor);
      const std::vector<Level> limit = levels(spectra, kernel, type, depth);
      if (const auto distance =
              distance_from_levels(sample, limit, spectra.diagonal(kernel, type, 0, depth))) {
        found.distance = std::max(found.distance.value_or(0.0), *distance);
      }
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
    result.attributes.push_back({path, "depth", sample_depth(options.zonal)});
  }
  if (found.distance) {
    // 1 is the edge of the sample covariance's spectrum for many eigenfunctions.
    result.claims.push_back(
        {fmt::format("distance of eigenvalues of K / N from those of their degree, over "
                     "lambda_k (2 sqrt(M/N) + M/N) + (sum of the rest) / N, N = {}",
                     n),
         *found.distance, 0.0, 1.0});
  }
  if (found.has_polynomial) {
    result.claims.push_back(
        {"null directions of polynomial kernels, beside the samples without their harmonics",
         found.null_excess, 0.0, 0.0});
  }
}

/// What the last two octaves of degrees leave for all later ones, if the variance went on to fall
/// as a power of the degree; nothing where it does not fall.
std::optional<double> continued_tail(const ZonalSpectra& spectra, std::int64_t kernel,
                                     KernelType type, std::size_t dimension, std::int64_t depth) {
  const std::int64_t most = spectra.degree(dimension);
  // Smoothed over three degrees, since kernels may have every other one only.
  const auto octave = [&](std::int64_t first, std::int64_t last) {
    double sum = 0.0;
    for (std::int64_t k = first + 1; k <= last; ++k) {
      for (std::int64_t near = k - 1; near <= std::min(k + 1, most); ++near) {
        sum += (near == k ? 0.5 : 0.25) * spectra.fraction(kernel, type, dimension, depth, near);
      }
    }
    return sum;
  };
  const double before = octave(most / 4, most / 2);
  const double after = octave(most / 2, most);
  if (after == 0.0) {
    return 0.0;
  }
  if (after >= before) {
    return std::nullopt;
  }
  const double ratio = after / before;
  return after * ratio / (1.0 - ratio);
}

/// What is left of the sum of all eigenvalues beyond the degrees found, in units of that sum.
struct Rest {
  double value = 1.0;
  double error = 0.0;
};

Rest find_rest(const ZonalSpectra& spectra, std::int64_t kernel, KernelType type,
               std::size_t dimension, std::int64_t depth) {
  Rest rest;
  for (std::int64_t k = 0; k <= spectra.degree(dimension); ++k) {
    rest.value -= spectra.fraction(kernel, type, dimension, depth, k);
    rest.error += spectra.fraction_error(kernel, type, dimension, depth, k) +
                  std::numeric_limits<double>::epsilon();
  }
  return rest;
}

/// Where an eigenvalue is not larger than its error, although the error is none of 100 digits: its
/// duals are integrated, and known in double only.
bool is_unknown(const ZonalSpectra& spectra, std::int64_t kernel, KernelType type,
                std::size_t dimension, std::int64_t depth, std::int64_t k) {
  return spectra.eigenvalue(kernel, type, dimension, depth, k) == 0.0 &&
         spectra.error(kernel, type, dimension, depth, k) >
             1e-18 * spectra.diagonal(kernel, type, dimension, depth);
}

/// Kernels of activations that are no polynomials are positive definite if they have a bias, and
/// those of polynomials end at their degree.
void claim_definiteness(const ExperimentOptions& options, const ZonalSpectra& spectra,
                        StudyResult& result) {
  std::int64_t with_bias = 0;
  double not_positive = 0.0;
  std::int64_t polynomial = 0;
  double beyond = 0.0;
  for (std::int64_t kernel = 0; kernel < spectra.kernels(); ++kernel) {
    const Architecture& architecture = options.kernels[static_cast<std::size_t>(kernel)];
    std::int64_t unknown = 0;
    for (const KernelType type : kBothTypes) {
      for (std::int64_t depth = 2; depth <= spectra.depths(); ++depth) {
        const auto degree = kernel_degree(architecture, depth);
        for (std::size_t i = 0; i < options.zonal.dimensions.size(); ++i) {
          for (std::int64_t k = 0; k <= spectra.degree(i); ++k) {
            const double eigenvalue = spectra.eigenvalue(kernel, type, i, depth, k);
            if (is_unknown(spectra, kernel, type, i, depth, k)) {
              ++unknown;
            } else if (degree) {
              polynomial += static_cast<double>(k) > *degree ? 1 : 0;
              beyond += static_cast<double>(k) > *degree && eigenvalue != 0.0 ? 1.0 : 0.0;
            } else if (architecture.bias_variance > 0.0) {
              ++with_bias;
              not_positive += eigenvalue > 0.0 ? 0.0 : 1.0;
            }
          }
        }
      }
    }
    if (unknown > 0) {
      result.lines.push_back(fmt::format(
          "{}: {} eigenvalues are not larger than their errors, since its duals are integrated",
          kernel_name(architecture), unknown));
    }
  }
  if (with_bias > 0) {
    result.claims.push_back({fmt::format("eigenvalues, of {} of kernels with bias whose activation "
                                         "is no polynomial, that are not positive",
                                         with_bias),
                             not_positive, 0.0, 0.0});
  }
  if (polynomial > 0) {
    result.claims.push_back(
        {fmt::format("eigenvalues, of {} of polynomial kernels beyond their degree, that are not 0",
                     polynomial),
         beyond, 0.0, 0.0});
  }
}

/// The eigenvalues found are not more than their sum, and leave no more than later ones can be.
void claim_sum(const ExperimentOptions& options, const ZonalSpectra& spectra, StudyResult& result) {
  double surplus = 0.0;
  double missing = 0.0;
  std::int64_t continued = 0;
  for (std::int64_t kernel = 0; kernel < spectra.kernels(); ++kernel) {
    std::int64_t rising = 0;
    for (const KernelType type : kBothTypes) {
      for (std::size_t i = 0; i < options.zonal.dimensions.size(); ++i) {
        for (std::int64_t depth = 1; depth <= spectra.depths(); ++depth) {
          const Rest rest = find_rest(spectra, kernel, type, i, depth);
          surplus = std::max(surplus, -rest.value / rest.error);
          if (const auto tail = continued_tail(spectra, kernel, type, i, depth)) {
            ++continued;
            missing = std::max(missing, rest.value / (*tail + rest.error));
          } else {
            ++rising;
          }
        }
      }
    }
    if (rising > 0) {
      result.lines.push_back(fmt::format(
          "{}: the variance does not fall with the degree up to {} in {} of {} "
          "dimensions and depths; what is beyond is not known there",
          kernel_name(options.kernels[static_cast<std::size_t>(kernel)]), options.zonal.degree,
          rising, 2 * std::ssize(options.zonal.dimensions) * spectra.depths()));
    }
  }
  result.claims.push_back(
      {fmt::format("sum of the eigenvalues up to degree {} beyond the kernel's diagonal, over the "
                   "bound of its error",
                   options.zonal.degree),
       surplus, 0.0, 1.0});
  if (continued > 0) {
    // The variance falls as a power of the degree with kinks and faster else, so that a power
    // leaves at least what there is, but for the sums over octaves, which differ by terms of 1/K
    // from integrals.
    result.claims.push_back(
        {fmt::format("sum of all eigenvalues without those up to degree {}, over their "
                     "continuation as a power, of {} kernels that fall",
                     options.zonal.degree, continued),
         missing, 0.0, 1.0 + 6.0 / static_cast<double>(options.zonal.degree)});
  }
}

}  // namespace

StudyCost sphere_cost(const ExperimentOptions& options, const Architecture& /*architecture*/,
                      const DataShape& /*shape*/, int ranks) {
  const ZonalOptions& zonal = options.zonal;
  StudyCost cost = zonal_cost(options, SphereTransform::kIntervals + 1);
  const auto n = static_cast<double>(zonal.samples);
  const double spectra = 2.0 * static_cast<double>(options.kernels.size());
  cost.file_bytes += 8.0 * spectra * 2.0 * n;
  double samples = 0.0;
  for (const Architecture& kernel : options.kernels) {
    samples = std::max(samples, samples_bytes({zonal.samples, 0, zonal.dimensions.front(), 0},
                                              kernel.activation, sample_depth(zonal), ranks));
  }
  cost.bytes += samples + eigensystem_bytes(zonal.samples, ranks) + 8.0 * 3.0 * spectra * 2.0 * n;
  cost.flop += spectra * 9.0 * n * n * n;
  return cost;
}

StudyResult sphere(const Communicator& comm, const StudyProblem& problem, Monitor& monitor) {
  const ExperimentOptions& options = problem.options;
  const auto spectra = ZonalSpectra::find<SphereTransform>(comm, options, monitor);
  StudyResult result = spectra.start_result(options);
  const std::int64_t depth = sample_depth(options.zonal);
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
  claim_definiteness(options, spectra, result);
  claim_sum(options, spectra, result);
  record_optimal_depths(options, spectra, result);
  const SampleSpectra samples = find_samples(comm, options, spectra, monitor);
  record_samples(options, spectra, samples, result);
  return result;
}

}  // namespace ntkflow
