#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <ntkflow/dist/communicator.hpp>

namespace ntkflow {

enum class Overwrite { no, yes };

/// Bytes that one rank passes to one collective call of HDF5; MPI-IO counts in 32 bits.
inline constexpr std::int64_t kTransferBytes = std::int64_t{1} << 30;

/// How long a rank that abandons a file waits for the others to do the same.
inline constexpr double kUnwindingSeconds = 20.0;

/// What an HDF5 attribute of ours may hold.
using Attribute =
    std::variant<std::string, double, std::int64_t, std::vector<double>, std::vector<std::int64_t>>;

/// Name and description of a data set, as every one of a result file has them.
struct DatasetInfo {
  std::string path;       ///< absolute, as "/regression/coefficients"; groups are created as needed
  std::string long_name;  ///< what it holds, in words
  std::string units = "1";          ///< "1" for pure numbers
  std::vector<std::int64_t> shape;  ///< rows first, as HDF5 tools show it
  std::vector<std::string> axes;    ///< for each axis the path of its dimension scale, made before
};

/// An HDF5 file that all ranks write together. Collective over the communicator, every member,
/// unless said otherwise.
///
/// Written as `<name>.partial` in the same folder and renamed by commit(), so that a reader never
/// sees half a result; destruction without commit() removes the partial file, and a rank that the
/// others do not follow into it within `patience` seconds ends all ranks with ExitCode::internal.
/// After a failed write the file cannot be closed (parallel HDF5 then hangs in its own
/// collectives), so the error is printed to stderr by the lowest failing rank, the partial file is
/// removed and all ranks end through MPI_Abort with ExitCode::resources. Transfers are cut into
/// rounds of `transfer_bytes`.
class ResultFile {
 public:
  /// Throws OutputExistsError, or IoError when the folder is missing or not writable, on all ranks.
  ResultFile(const Communicator& comm, std::string path, Overwrite overwrite,
             std::int64_t transfer_bytes = kTransferBytes, double patience = kUnwindingSeconds);
  ResultFile(const ResultFile&) = delete;
  ResultFile& operator=(const ResultFile&) = delete;
  ResultFile(ResultFile&&) noexcept;
  ResultFile& operator=(ResultFile&&) noexcept;
  ~ResultFile();

  [[nodiscard]] const std::string& path() const noexcept;

  /// Sets an attribute of the group or data set at `object` ("/" for the file), which is created as
  /// a group if absent.
  void attribute(const std::string& object, const std::string& name, const Attribute& value);

  /// A dimension scale: a one-dimensional data set that names and numbers an axis. The same values
  /// on all ranks.
  void scale(const std::string& path, const std::string& long_name,
             std::span<const std::int64_t> values);
  void scale(const std::string& path, const std::string& long_name, std::span<const double> values,
             const std::string& units = "1");

  /// A whole data set from values that every rank holds (row-major); rank 0's are written.
  void write(const DatasetInfo& info, std::span<const double> values);
  void write(const DatasetInfo& info, std::span<const std::int64_t> values);
  /// Text is stored as netCDF's character arrays: an axis of single characters, `<path>_length`, is
  /// added after those of `info`, and xarray joins them. Arrays of HDF5's own strings crash netCDF
  /// before 4.9.1 (netcdf-c issue 2159), and parallel HDF5 writes no variable-length ones.
  void write(const DatasetInfo& info, std::span<const std::string> values);

  /// Creates a data set of 64-bit reals to be filled by write_rows.
  void create(const DatasetInfo& info);
  /// Writes rows [begin, begin + count) of this rank (row-major, contiguous; count may be 0, and
  /// differ over the ranks).
  void write_rows(const std::string& path, std::int64_t begin, std::int64_t count,
                  const double* values);
  /// The same within one index `slab` of the first axis, the same on all ranks: rows are counted
  /// along the second axis.
  void write_slab_rows(const std::string& path, std::int64_t slab, std::int64_t begin,
                       std::int64_t count, const double* values);
  /// Writes the box of this rank that starts at these indices and has these extents, one of each
  /// axis (row-major, contiguous; an extent may be 0, and boxes differ over the ranks).
  void write_box(const std::string& path, std::span<const std::int64_t> start,
                 std::span<const std::int64_t> extent, const double* values);

  /// Flushes, closes, syncs to disk and renames. Nothing may be written afterwards. With
  /// Overwrite::no a file that has appeared at the path since is not replaced: OutputExistsError,
  /// and the complete result stays under its partial name, which the message gives.
  void commit();

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// What ResultFile's constructor checks about `path`, before any work is done. Collective over
/// comm. Also compares the free space of the folder with `bytes` and throws ResourceError when it
/// is too small, and ConfigError when the result would replace one of the files `inputs`, also
/// through a link.
void check_output(const Communicator& comm, const std::string& path, Overwrite overwrite,
                  std::int64_t bytes, std::span<const std::string> inputs = {});

/// Version of the HDF5 library in use. Local.
std::string hdf5_version();

}  // namespace ntkflow
