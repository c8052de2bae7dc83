#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/base/norm_range.hpp>
#include <ntkflow/data/options.hpp>
#include <ntkflow/data/preprocessor.hpp>
#include <ntkflow/dist/communicator.hpp>

namespace ntkflow {

enum class Split { train, test };

/// Some samples on one rank, one per column: x is [d x n].
template <class Real>
struct Samples {
  Matrix<Real> x;

  [[nodiscard]] std::int64_t size() const { return x.cols(); }
  [[nodiscard]] std::int64_t dimension() const { return x.rows(); }
};

/// What every rank knows about one split: everything but the inputs.
struct SplitInfo {
  std::vector<std::int64_t> source_row;  ///< row number in the source file of each sample
  Matrix<double> target;                 ///< [n x C], encoded
  std::vector<std::int64_t> label;       ///< class of each sample; empty when there are no classes

  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(source_row.size()); }
};

/// Two samples of the training set that are the same after preprocessing, first < second.
struct DuplicatePair {
  std::int64_t first = 0;
  std::int64_t second = 0;
};

/// The data of a run: opened, checked, subset chosen, preprocessing fitted. Inputs stay in their
/// files; each rank loads the samples it needs.
class Dataset {
 public:
  /// Opens and surveys all inputs: every selected sample is read once by some rank, checked to be
  /// finite, hashed, and used to fit the preprocessing. Collective over comm. Throws ConfigError
  /// (options that contradict each other), IoError or DataError; ranks that did not fail themselves
  /// throw RemoteError with the same text and exit code.
  Dataset(const Communicator& comm, const DataOptions& options,
          Monitor& monitor = silent_monitor());
  Dataset(Dataset&&) noexcept;
  Dataset& operator=(Dataset&&) noexcept;
  Dataset(const Dataset&) = delete;
  Dataset& operator=(const Dataset&) = delete;
  ~Dataset();

  [[nodiscard]] std::int64_t dimension() const;
  [[nodiscard]] std::int64_t outputs() const;
  [[nodiscard]] const SplitInfo& split(Split split) const;
  [[nodiscard]] const Preprocessor& preprocessor() const;
  /// Where the data came from, for the result file.
  [[nodiscard]] std::string source() const;
  /// XXH3 of all selected samples as read, in order, as 16 hexadecimal digits; independent of the
  /// number of ranks.
  [[nodiscard]] std::string checksum() const;
  /// All samples of the training set that repeat an earlier one: `second` ascending, `first` the
  /// first sample with these inputs; and their number.
  [[nodiscard]] const std::vector<DuplicatePair>& duplicates() const;
  [[nodiscard]] std::int64_t duplicate_count() const;
  /// |x|^2 of all selected samples after preprocessing.
  [[nodiscard]] NormRange norm_range() const;

  /// Loads and preprocesses samples at the given positions (0 <= position < size, ascending) of a
  /// split. Each rank names its own. Collective over the constructor's comm: a failure of one rank
  /// is a failure of all. Throws as the constructor, and DataError for a value that Real cannot
  /// hold.
  template <class Real>
  [[nodiscard]] Samples<Real> load(Split split, std::span<const std::int64_t> positions) const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

extern template Samples<float> Dataset::load<float>(Split, std::span<const std::int64_t>) const;
extern template Samples<double> Dataset::load<double>(Split, std::span<const std::int64_t>) const;

/// The sizes of a run's data.
struct DataShape {
  std::int64_t train_size = 0;
  std::int64_t test_size = 0;
  std::int64_t dimension = 0;
  std::int64_t outputs = 0;
};
/// Counts samples, dimension and outputs, from headers where they tell; labels are read only when
/// the number of classes depends on them, inputs never. Local. Throws as Dataset.
DataShape inspect_data(const DataOptions& options);

}  // namespace ntkflow
