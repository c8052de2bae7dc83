#include "sample_source.hpp"

#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>

#include "csv_reader.hpp"
#include "hdf5_source.hpp"
#include "idx_reader.hpp"
#include "synthetic.hpp"

namespace ntkflow {
namespace {

void require_both(const DataFiles& files, const std::string& key) {
  if (files.inputs.empty() || files.targets.empty()) {
    throw ConfigError(key + " must name two files, 'inputs' and 'targets'");
  }
}

}  // namespace

std::unique_ptr<SampleSource> open_source(const DataOptions& options, Split split) {
  if (options.format == DataFormat::synthetic) {
    if (split == Split::test && options.test_size.value_or(0) == 0) {
      return nullptr;
    }
    return std::make_unique<SyntheticSource>(options, split);
  }
  const DataFiles& files = split == Split::train ? options.train : options.test;
  const std::string key = split == Split::train ? "data.train" : "data.test";
  if (split == Split::test && files.inputs.empty() && files.targets.empty()) {
    return nullptr;
  }
  switch (options.format) {
    case DataFormat::idx:
      require_both(files, key);
      return std::make_unique<IdxSource>(files);
    case DataFormat::hdf5:
      require_both(files, key);
      return std::make_unique<Hdf5Source>(files);
    case DataFormat::csv:
      if (files.inputs.empty() || !files.targets.empty()) {
        throw ConfigError(key +
                          " must name one file, 'inputs': the targets of csv data are columns of "
                          "it (data.target_columns)");
      }
      return std::make_unique<CsvSource>(files.inputs, options.target_columns);
    case DataFormat::synthetic:
      break;
  }
  NTKFLOW_EXPECTS(false, static_cast<int>(options.format));
  return nullptr;
}

}  // namespace ntkflow
