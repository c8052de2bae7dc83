#include "ntkflow/data/input_file.hpp"

#include <variant>

#include <ntkflow/base/contract.hpp>

#include "csv_reader.hpp"
#include "hdf5_source.hpp"
#include "idx_reader.hpp"
#include "survey.hpp"

namespace ntkflow {

struct InputFile::Implementation {
  std::string name;
  std::variant<std::monostate, IdxReader, Hdf5Rows, CsvSource> file;
};

namespace {

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

}  // namespace

InputFile::InputFile(DataFormat format, const std::string& name)
    : implementation_(std::make_unique<Implementation>()) {
  NTKFLOW_EXPECTS(format != DataFormat::synthetic, name);
  implementation_->name = name;
  if (format == DataFormat::idx) {
    implementation_->file.emplace<IdxReader>(name);
  } else if (format == DataFormat::hdf5) {
    implementation_->file.emplace<Hdf5Rows>(name);
  } else {
    implementation_->file.emplace<CsvSource>(name, std::vector<std::string>{}, CsvTargets::absent);
  }
}

InputFile::InputFile(InputFile&&) noexcept = default;
InputFile& InputFile::operator=(InputFile&&) noexcept = default;
InputFile::~InputFile() = default;

std::int64_t InputFile::size() const {
  return std::visit(Overloaded{[](const std::monostate&) { return std::int64_t{0}; },
                               [](const IdxReader& file) { return file.header().rows; },
                               [](const Hdf5Rows& file) { return file.rows(); },
                               [](const CsvSource& file) { return file.size(); }},
                    implementation_->file);
}

std::int64_t InputFile::dimension() const {
  return std::visit(Overloaded{[](const std::monostate&) { return std::int64_t{0}; },
                               [](const IdxReader& file) { return file.header().values_per_row; },
                               [](const Hdf5Rows& file) { return file.values_per_row(); },
                               [](const CsvSource& file) { return file.dimension(); }},
                    implementation_->file);
}

Matrix<double> InputFile::read(std::span<const std::int64_t> rows) const {
  Matrix<double> x(dimension(), static_cast<std::int64_t>(rows.size()));
  std::visit(Overloaded{[](const std::monostate&) {},
                        [&](IdxReader& file) {
                          file.read(rows, x.view());
                          file.verify();
                        },
                        [&](const Hdf5Rows& file) { file.read(rows, x.view()); },
                        [&](CsvSource& file) { file.read_inputs(rows, x.view()); }},
             implementation_->file);
  check_finite(x.view(), implementation_->name, rows.data(), kNotFinite);
  return x;
}

}  // namespace ntkflow
