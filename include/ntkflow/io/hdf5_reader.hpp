#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ntkflow/io/result_file.hpp>

namespace ntkflow {

/// Reads an HDF5 file on one rank, each rank by itself. Local, every member. Throws IoError or
/// DataError that name file and path. Refuses data sets with external raw storage, virtual data
/// sets and external links, which would read other files in the name of this one, and sizes whose
/// product overflows or exceeds the file when uncompressed.
class Hdf5Reader {
 public:
  explicit Hdf5Reader(const std::string& path);
  Hdf5Reader(Hdf5Reader&&) noexcept;
  Hdf5Reader& operator=(Hdf5Reader&&) noexcept;
  Hdf5Reader(const Hdf5Reader&) = delete;
  Hdf5Reader& operator=(const Hdf5Reader&) = delete;
  ~Hdf5Reader();

  [[nodiscard]] bool has(const std::string& object) const;
  /// Extents of a data set; empty for a scalar.
  [[nodiscard]] std::vector<std::int64_t> shape(const std::string& dataset) const;
  /// Whether the stored type is an integer.
  [[nodiscard]] bool is_integer(const std::string& dataset) const;
  /// Rows [begin, begin + count) with all later axes, row-major, converted to double.
  void read_rows(const std::string& dataset, std::int64_t begin, std::int64_t count,
                 double* values) const;
  [[nodiscard]] std::vector<double> read_all(const std::string& dataset) const;
  /// Text of fixed or variable length, or as ResultFile writes it: single characters, joined along
  /// the last axis.
  [[nodiscard]] std::vector<std::string> read_strings(const std::string& dataset) const;
  /// An attribute, or nothing when it is absent.
  [[nodiscard]] std::optional<Attribute> attribute(const std::string& object,
                                                   const std::string& name) const;
  /// Names of the attributes of an object and of the members of a group, in creation order where
  /// tracked.
  [[nodiscard]] std::vector<std::string> attribute_names(const std::string& object) const;
  [[nodiscard]] std::vector<std::string> members(const std::string& group) const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace ntkflow
