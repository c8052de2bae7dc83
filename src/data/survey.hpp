#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/data/dataset.hpp>
#include <ntkflow/data/preprocessor.hpp>
#include <ntkflow/dist/communicator.hpp>

#include "sample_source.hpp"

namespace ntkflow {

/// The contiguous share [begin, end) of n things that one rank reads. Local.
struct Share {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  [[nodiscard]] std::int64_t size() const { return end - begin; }
};
Share share_of(const Communicator& comm, std::int64_t n);

/// Samples of a block whose doubles fill about 4 MiB, at least one. Local.
std::int64_t block_samples(std::int64_t dimension);

/// Hash of each sample [d], the same for 0.0 and -0.0. Local.
std::vector<std::uint64_t> sample_hashes(MatrixView<const double> samples);

/// What one reading of all selected samples tells.
struct Survey {
  Preprocessor preprocessor;
  std::uint64_t checksum = 0;
  std::vector<DuplicatePair> duplicates;  ///< the first ten
  std::int64_t duplicate_count = 0;
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
