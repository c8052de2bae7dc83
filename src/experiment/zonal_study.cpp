#include "zonal_study.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace ntkflow {
namespace {

/// Degrees that fit on a line of the screen.
constexpr std::int64_t kShownDegrees = 12;

/// The depth at which the fractional variance of a degree is largest.
struct Optimum {
  std::int64_t depth = 0;  ///< from 1; 0: the degree has no variance at any depth
  // The first and the last depth that may be it, as far as errors tell.
  std::int64_t first = 0;
  std::int64_t last = 0;

  [[nodiscard]] bool is_interior(std::int64_t depths) const {
    return first == last && 1 < depth && depth < depths;
  }
};

Optimum find_optimum(const ZonalSpectra& spectra, std::int64_t kernel, KernelType type,
                     std::size_t dimension, std::int64_t degree) {
  Optimum best;
  double most = 0.0;
  double sure = 0.0;
  for (std::int64_t depth = 1; depth <= spectra.depths(); ++depth) {
    const double fraction = spectra.fraction(kernel, type, dimension, depth, degree);
    if (fraction > most) {
      most = fraction;
      sure = fraction - spectra.fraction_error(kernel, type, dimension, depth, degree);
      best.depth = depth;
    }
  }
  for (std::int64_t depth = 1; best.depth > 0 && depth <= spectra.depths(); ++depth) {
    if (spectra.fraction(kernel, type, dimension, depth, degree) +
            spectra.fraction_error(kernel, type, dimension, depth, degree) >=
        sure) {
      best.first = best.first == 0 ? depth : best.first;
      best.last = depth;
    }
  }
  return best;
}

}  // namespace

template <class Transform>
ZonalSpectra ZonalSpectra::find(const Communicator& comm, const ExperimentOptions& options,
                                Monitor& monitor) {
  ZonalSpectra all;
  collectively(comm, [&] {
    all.options_ = options.zonal;
    all.kernels_ = std::ssize(options.kernels);
    const std::size_t rows = 2 * options.kernels.size() * options.zonal.dimensions.size() *
                             static_cast<std::size_t>(options.zonal.depth);
    all.multiplicity_.resize(options.zonal.dimensions.size() * all.degrees());
    all.eigenvalue_.resize(rows * all.degrees());
    all.error_.resize(rows * all.degrees());
    all.diagonal_.resize(rows);
    for (const std::int64_t dimension : options.zonal.dimensions) {
      all.degree_.push_back(Transform::largest_degree(dimension, options.zonal.degree));
    }
  });
  const auto dimensions = std::ssize(options.zonal.dimensions);
  const std::int64_t jobs = all.kernels_ * dimensions;
  for_each_member(comm, jobs, [&](std::int64_t job) {
    if (monitor.stop_requested()) {
      throw InterruptedError("stopped on request between kernels");
    }
    monitor.progress(job, jobs);
    const std::int64_t kernel = job / dimensions;
    const auto index = static_cast<std::size_t>(job % dimensions);
    const std::int64_t dimension = options.zonal.dimensions[index];
    const std::int64_t degree = all.degree_[index];
    Architecture architecture = options.kernels[static_cast<std::size_t>(kernel)];
    architecture.depth = static_cast<int>(options.zonal.depth);
    const Transform transform(dimension, degree);
    const DegreeSpectrum found = degree_spectrum(transform, architecture, dimension, degree);
    for (std::int64_t k = 0; kernel == 0 && k <= degree; ++k) {
      all.multiplicity_[index * all.degrees() + static_cast<std::size_t>(k)] =
          transform.multiplicity(k);
    }
    std::size_t row = 0;
    for (const KernelType type : kBothTypes) {
      for (std::int64_t depth = 1; depth <= options.zonal.depth; ++depth, ++row) {
        const std::size_t to = all.at(kernel, type, index, depth);
        all.diagonal_[to] = found.diagonal[row];
        for (std::size_t k = 0; k < static_cast<std::size_t>(found.degrees); ++k) {
          const std::size_t from = row * static_cast<std::size_t>(found.degrees) + k;
          all.eigenvalue_[to * all.degrees() + k] = found.eigenvalue[from];
          all.error_[to * all.degrees() + k] = found.error[from];
        }
      }
    }
  });
  // Exactly one rank has found each value, and the others have zero.
  for (std::vector<double>* values :
       {&all.multiplicity_, &all.eigenvalue_, &all.error_, &all.diagonal_}) {
    comm.sum(*values);
  }
  return all;
}

template ZonalSpectra ZonalSpectra::find<CubeTransform>(const Communicator&,
                                                        const ExperimentOptions&, Monitor&);
template ZonalSpectra ZonalSpectra::find<SphereTransform>(const Communicator&,
                                                          const ExperimentOptions&, Monitor&);

double ZonalSpectra::fraction(std::int64_t kernel, KernelType type, std::size_t dimension,
                              std::int64_t depth, std::int64_t degree) const {
  return multiplicity(dimension, degree) * eigenvalue(kernel, type, dimension, depth, degree) /
         diagonal(kernel, type, dimension, depth);
}

double ZonalSpectra::fraction_error(std::int64_t kernel, KernelType type, std::size_t dimension,
                                    std::int64_t depth, std::int64_t degree) const {
  // Four numbers that are rounded, and two operations.
  const double rounding = 3.0 * std::numeric_limits<double>::epsilon() *
                          std::abs(fraction(kernel, type, dimension, depth, degree));
  return rounding + multiplicity(dimension, degree) *
                        error(kernel, type, dimension, depth, degree) /
                        diagonal(kernel, type, dimension, depth);
}

StudyResult ZonalSpectra::start_result(const ExperimentOptions& options) const {
  StudyResult result;
  const auto dimensions = std::ssize(options_.dimensions);
  const std::int64_t degrees = options_.degree + 1;
  result.axes = {{kKernelAxis, "kernel, named in kernel_name", numbers(0, kernels_)},
                 {kTypeAxis, "which limiting kernel, named in type_name", numbers(0, 2)},
                 {kDimensionAxis, "dimension d of the inputs", options_.dimensions},
                 {kDepthAxis, "affine layers of the network", numbers(1, options_.depth)},
                 {kDegreeAxis, "degree of the eigenfunctions", numbers(0, degrees)}};
  std::vector<std::string> names;
  std::vector<double> weight;
  std::vector<double> bias;
  for (const Architecture& kernel : options.kernels) {
    names.push_back(kernel_name(kernel));
    weight.push_back(kernel.weight_variance);
    bias.push_back(kernel.bias_variance);
  }
  result.names = {{{"/experiment/kernel_name",
                    "activation (weight variance, bias variance)",
                    "1",
                    {kernels_},
                    {kKernelAxis}},
                   names},
                  {{"/experiment/type_name", "name of each type", "1", {2}, {kTypeAxis}},
                   {type_name(KernelType::ntk), type_name(KernelType::nngp)}}};
  const auto of_kernel = [&](const char* path, const char* long_name, std::vector<double> values) {
    result.data.push_back({{path, long_name, "1", {kernels_}, {kKernelAxis}}, std::move(values)});
  };
  of_kernel("/experiment/weight_variance", "weight variance of each kernel", weight);
  of_kernel("/experiment/bias_variance", "bias variance of each kernel", bias);
  result.data.push_back({{"/experiment/multiplicity",
                          "eigenfunctions of each degree; 0: there is no such degree",
                          "1",
                          {dimensions, degrees},
                          {kDimensionAxis, kDegreeAxis}},
                         multiplicity_});
  const auto of_degree = [&](const char* path, const char* long_name, std::vector<double> values) {
    result.data.push_back({{path,
                            long_name,
                            "1",
                            {kernels_, 2, dimensions, options_.depth, degrees},
                            {kKernelAxis, kTypeAxis, kDimensionAxis, kDepthAxis, kDegreeAxis}},
                           std::move(values)});
  };
  of_degree("/experiment/eigenvalue",
            "eigenvalue under the uniform probability measure; 0: not larger than its error",
            eigenvalue_);
  of_degree("/experiment/eigenvalue_error", "bound of the eigenvalue's absolute error", error_);
  std::vector<double> fractions;
  for (std::int64_t kernel = 0; kernel < kernels_; ++kernel) {
    for (const KernelType type : kBothTypes) {
      for (std::size_t i = 0; i < options_.dimensions.size(); ++i) {
        for (std::int64_t depth = 1; depth <= options_.depth; ++depth) {
          for (std::int64_t k = 0; k < degrees; ++k) {
            fractions.push_back(fraction(kernel, type, i, depth, k));
          }
        }
      }
    }
  }
  of_degree("/experiment/fractional_variance",
            "multiplicity times eigenvalue, over the sum of all eigenvalues", fractions);
  result.data.push_back({{"/experiment/diagonal",
                          "kernel of an input with itself, the sum of all eigenvalues",
                          "1",
                          {kernels_, 2, dimensions, options_.depth},
                          {kKernelAxis, kTypeAxis, kDimensionAxis, kDepthAxis}},
                         diagonal_});
  return result;
}

void record_optimal_depths(const ExperimentOptions& options, const ZonalSpectra& spectra,
                           StudyResult& result) {
  const std::vector<std::int64_t>& dimensions = options.zonal.dimensions;
  std::vector<double> depths;
  std::vector<double> edges;
  std::int64_t series = 0;  // with two interior optima or more
  std::int64_t constant = 0;
  std::int64_t pairs = 0;
  std::int64_t falls = 0;
  for (std::int64_t kernel = 0; kernel < spectra.kernels(); ++kernel) {
    for (const KernelType type : kBothTypes) {
      for (std::size_t i = 0; i < dimensions.size(); ++i) {
        std::vector<Optimum> optima;
        std::vector<std::int64_t> interior;
        std::string line = fmt::format(
            "{}, {}, d = {}: optimal depth by degree", type_name(type),
            kernel_name(options.kernels[static_cast<std::size_t>(kernel)]), dimensions[i]);
        for (std::int64_t k = 0; k <= options.zonal.degree; ++k) {
          const Optimum found =
              k <= spectra.degree(i) ? find_optimum(spectra, kernel, type, i, k) : Optimum{};
          const bool is_edge = found.depth > 0 && found.last == spectra.depths();
          depths.push_back(static_cast<double>(found.depth));
          edges.push_back(is_edge ? 1.0 : 0.0);
          if (1 <= k && k <= kShownDegrees && found.depth > 0) {
            line += fmt::format(" {}:{}{}", k, found.depth, is_edge ? "+" : "");
          }
          const auto is_interior = [&](const Optimum& optimum) {
            return optimum.is_interior(spectra.depths());
          };
          if (k >= 1 && is_interior(found)) {
            interior.push_back(found.depth);
            if (k >= 3 && is_interior(optima[static_cast<std::size_t>(k) - 2])) {
              ++pairs;
              falls += found.depth < optima[static_cast<std::size_t>(k) - 2].depth ? 1 : 0;
            }
          }
          optima.push_back(found);
        }
        if (i + 1 == dimensions.size()) {
          result.lines.push_back(line);
        }
        if (interior.size() >= 2) {
          ++series;
          constant += interior.back() > interior.front() ? 0 : 1;
        }
      }
    }
  }
  result.lines.push_back("(+: deeper networks may have more, 1 to " +
                         std::to_string(spectra.depths()) + " layers were searched)");
  const auto of_degree = [&](const char* path, const char* long_name, std::vector<double> values) {
    result.data.push_back(
        {{path,
          long_name,
          "1",
          {spectra.kernels(), 2, std::ssize(dimensions), options.zonal.degree + 1},
          {kKernelAxis, kTypeAxis, kDimensionAxis, kDegreeAxis}},
         std::move(values)});
  };
  of_degree("/experiment/optimal_depth",
            "depth at which the degree's fractional variance is largest; 0: it has none",
            std::move(depths));
  of_degree("/experiment/optimal_depth_is_edge",
            "1: the last depth searched is not worse beyond errors, the optimum may be deeper",
            std::move(edges));
  if (series > 0) {
    result.claims.push_back(
        {fmt::format("kernels and dimensions, of {}, whose optimal depth inside 1 to {} layers is "
                     "not larger at the highest degree that has one than at the lowest",
                     series, spectra.depths()),
         static_cast<double>(constant), 0.0, 0.0});
  }
  if (pairs > 0) {
    result.claims.push_back(
        {fmt::format("degrees k, of {}, whose optimal depth is larger than that of k + 2", pairs),
         static_cast<double>(falls), 0.0, 0.0});
  }
}

StudyCost zonal_cost(const ExperimentOptions& options, std::int64_t nodes) {
  constexpr double kExtendedBytes = sizeof(Extended);
  constexpr double kDualFlop = 2e5;      // of duals in 100 digits, as long as so many in double
  constexpr double kExtendedFlop = 1e2;  // of one operation
  const auto size = [](auto value) { return static_cast<double>(value); };
  const double degrees = size(options.zonal.degree) + 1.0;
  const double spectra = 2.0 * size(options.kernels.size()) * size(options.zonal.dimensions.size());
  const double values = spectra * size(options.zonal.depth) * (3.0 * degrees + 1.0);
  StudyCost cost;
  cost.file_bytes = 8.0 * values;
  // The rule's weights, also those of every second node, and all values of the kernels.
  cost.bytes = 3.0 * 8.0 * values +
               kExtendedBytes * size(nodes) * (1.5 * degrees + 2.0 * size(options.zonal.depth));
  cost.flop = spectra * size(nodes) * size(options.zonal.depth) *
              (kDualFlop / 2.0 + 2.0 * kExtendedFlop * degrees);
  return cost;
}

}  // namespace ntkflow
