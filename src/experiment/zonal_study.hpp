#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ntkflow/base/error.hpp>
#include <ntkflow/experiment/study.hpp>
#include <ntkflow/finite/ensemble.hpp>

#include "degree_spectrum.hpp"
#include "studies.hpp"

// What the studies of spectra on the cube and on the sphere have in common.
namespace ntkflow {

/// The spectra of all kernels of a study in all its dimensions, the same on all ranks.
class ZonalSpectra {
 public:
  /// Finds them, each (kernel, dimension) on one rank. Collective over comm.
  template <class Transform>
  static ZonalSpectra find(const Communicator& comm, const ExperimentOptions& options,
                           Monitor& monitor);

  [[nodiscard]] std::int64_t kernels() const { return kernels_; }
  [[nodiscard]] std::int64_t depths() const { return options_.depth; }
  /// The largest degree in a dimension; beyond, eigenvalues and multiplicities are 0.
  [[nodiscard]] std::int64_t degree(std::size_t dimension) const { return degree_[dimension]; }
  [[nodiscard]] double multiplicity(std::size_t dimension, std::int64_t degree) const {
    return multiplicity_[dimension * degrees() + static_cast<std::size_t>(degree)];
  }
  /// @param depth  from 1
  [[nodiscard]] double eigenvalue(std::int64_t kernel, KernelType type, std::size_t dimension,
                                  std::int64_t depth, std::int64_t degree) const {
    return eigenvalue_[at(kernel, type, dimension, depth) * degrees() +
                       static_cast<std::size_t>(degree)];
  }
  [[nodiscard]] double error(std::int64_t kernel, KernelType type, std::size_t dimension,
                             std::int64_t depth, std::int64_t degree) const {
    return error_[at(kernel, type, dimension, depth) * degrees() +
                  static_cast<std::size_t>(degree)];
  }
  /// Phi(1), the sum of all eigenvalues.
  [[nodiscard]] double diagonal(std::int64_t kernel, KernelType type, std::size_t dimension,
                                std::int64_t depth) const {
    return diagonal_[at(kernel, type, dimension, depth)];
  }
  /// multiplicity eigenvalue / diagonal: the share of a function's variance in this degree.
  [[nodiscard]] double fraction(std::int64_t kernel, KernelType type, std::size_t dimension,
                                std::int64_t depth, std::int64_t degree) const;

  /// Bound of its absolute error, from that of the eigenvalue and rounding.
  [[nodiscard]] double fraction_error(std::int64_t kernel, KernelType type, std::size_t dimension,
                                      std::int64_t depth, std::int64_t degree) const;

  /// Axes, names and the eigenvalues with what belongs to them.
  [[nodiscard]] StudyResult start_result(const ExperimentOptions& options) const;

 private:
  [[nodiscard]] std::size_t degrees() const {
    return static_cast<std::size_t>(options_.degree) + 1;
  }
  [[nodiscard]] std::size_t at(std::int64_t kernel, KernelType type, std::size_t dimension,
                               std::int64_t depth) const {
    const std::size_t pair =
        2 * static_cast<std::size_t>(kernel) + (type == KernelType::ntk ? 0 : 1);
    return (pair * options_.dimensions.size() + dimension) *
               static_cast<std::size_t>(options_.depth) +
           static_cast<std::size_t>(depth - 1);
  }

  ZonalOptions options_;
  std::int64_t kernels_ = 0;
  std::vector<std::int64_t> degree_;
  std::vector<double> multiplicity_;  // [dimension][degree]
  std::vector<double> eigenvalue_;    // [kernel][type][dimension][depth][degree]
  std::vector<double> error_;
  std::vector<double> diagonal_;  // [kernel][type][dimension][depth]
};

/// The depths at which the fractional variance of each degree is largest: data, lines, and the
/// claims that they grow with the degree. Only optima that stand out from all other depths by more
/// than the errors, and lie strictly between the first and the last depth, are compared. Local.
void record_optimal_depths(const ExperimentOptions& options, const ZonalSpectra& spectra,
                           StudyResult& result);

/// What the spectra take, beside the matrices of a study. Local.
StudyCost zonal_cost(const ExperimentOptions& options, std::int64_t nodes);

/// Beside those of studies.hpp, all of which start_result makes.
inline constexpr const char* kDegreeAxis = "/experiment/degree";

}  // namespace ntkflow
