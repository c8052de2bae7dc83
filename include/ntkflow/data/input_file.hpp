#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/data/options.hpp>

namespace ntkflow {

/// New inputs without targets, to which a stored model is applied. Local, every member. Throws
/// IoError or DataError.
class InputFile {
 public:
  /// @param name  a file, or "file.h5:/path/to/dataset". A csv file has an input in every column.
  /// @pre format is not synthetic.
  InputFile(DataFormat format, const std::string& name);
  InputFile(InputFile&&) noexcept;
  InputFile& operator=(InputFile&&) noexcept;
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile();

  [[nodiscard]] std::int64_t size() const;
  [[nodiscard]] std::int64_t dimension() const;
  /// The inputs at some rows, ascending, as stored, checked to be finite. [d x rows.size()]
  [[nodiscard]] Matrix<double> read(std::span<const std::int64_t> rows) const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace ntkflow
