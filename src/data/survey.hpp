#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/base/norm_range.hpp>
#include <ntkflow/data/dataset.hpp>
#include <ntkflow/data/preprocessor.hpp>
#include <ntkflow/dist/block_cyclic.hpp>
#include <ntkflow/dist/communicator.hpp>

#include "sample_source.hpp"

namespace ntkflow {

/// The contiguous share of n things that this rank reads. Local.
Share share_of(const Communicator& comm, std::int64_t n);

/// Throws DataError, naming row and column, for the first input that is not finite. Local.
/// @param rows  row in the source of each sample.  @param complaint  the end of the sentence.
void check_finite(MatrixView<const double> samples, const std::string& name,
                  const std::int64_t* rows, const std::string& complaint);
inline constexpr const char* kNotFinite = "is not a finite number";

/// Samples of a block whose doubles fill about 4 MiB, at least one. Local.
std::int64_t block_samples(std::int64_t dimension);

/// Hash of each sample [d], the same for 0.0 and -0.0. Local.
std::vector<std::uint64_t> sample_hashes(MatrixView<const double> samples);

/// What one reading of all selected samples tells.
struct Survey {
  Preprocessor preprocessor;
  std::uint64_t checksum = 0;
  std::vector<DuplicatePair> duplicates;
  NormRange norms = kNoNorms;
};

/// Reads every selected sample once, each rank its share: checks that all values are finite before
/// and after preprocessing, hashes, fits the preprocessing. Collective over comm. Throws DataError
/// or IoError on all ranks.
///
/// @param test  null when there is no test set; then test_rows is empty.
Survey survey_samples(const Communicator& comm, SampleSource& train,
                      std::span<const std::int64_t> train_rows, SampleSource* test,
                      std::span<const std::int64_t> test_rows,
                      const std::vector<PreprocessStep>& steps, Monitor& monitor);

}  // namespace ntkflow
