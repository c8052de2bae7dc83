#include <initializer_list>
#include <utility>

#include <fmt/format.h>

#include "paths.hpp"
#include "read_tables.hpp"

namespace ntkflow::config {

namespace {

// As far as the data module goes.
constexpr std::int64_t kMostClasses = 1'000'000;
constexpr std::int64_t kLargestSyntheticSize = std::int64_t{1} << 40;
constexpr std::int64_t kLargestSyntheticDimension = std::int64_t{1} << 20;

/// The path at a key, resolved; of "file.h5:/path/to/dataset" only the file.
std::string read_data_path(const TableReader& files, std::string_view key, DataFormat format,
                           const std::string& folder) {
  const auto text = files.text(key);
  if (!text) {
    return {};
  }
  const PathResult expanded = expand_environment(*text);
  if (!expanded.problem.empty()) {
    files.complain(key, expanded.problem);
    return {};
  }
  DatasetPath parts{expanded.path, {}};
  if (format == DataFormat::hdf5) {
    parts = split_dataset_path(expanded.path);
    if (parts.dataset.empty()) {
      files.complain(key, fmt::format("found \"{}\" (string); allowed with format = \"hdf5\": "
                                      "\"file.h5:/path/to/dataset\"",
                                      *text));
      return {};
    }
  }
  const PathResult file = resolve_path(parts.file, folder);
  if (!file.problem.empty()) {
    files.complain(key, file.problem);
    return {};
  }
  return parts.dataset.empty() ? file.path : fmt::format("{}:{}", file.path, parts.dataset);
}

DataFiles read_files(const TableReader& files, DataFormat format, const std::string& folder) {
  if (!files.present()) {
    return {};
  }
  DataFiles read{read_data_path(files, "inputs", format, folder),
                 read_data_path(files, "targets", format, folder)};
  if (!files.has("inputs")) {
    files.require("inputs");
  }
  if (format == DataFormat::csv && files.has("targets")) {
    files.complain("targets",
                   "not with format = \"csv\", whose targets are columns of `inputs`; name them in "
                   "data.target_columns");
  } else if (format != DataFormat::csv && !files.has("targets")) {
    files.require("targets");
  }
  return read;
}

/// Keys that say nothing about data of this format are refused.
void refuse_keys(const TableReader& table, std::initializer_list<std::string_view> keys,
                 std::string_view only_with, std::string_view found) {
  for (const std::string_view key : keys) {
    if (table.has(key)) {
      table.complain(key,
                     fmt::format("only with {}, and found {}; remove the key", only_with, found));
    }
  }
}

std::vector<PreprocessStep> read_preprocess(const TableReader& data) {
  std::vector<PreprocessStep> steps;
  const toml::node* node = data.find("preprocess");
  const toml::array* list = node == nullptr ? nullptr : node->as_array();
  if (node != nullptr && list == nullptr) {
    data.reject("preprocess");
  }
  if (list != nullptr) {
    for (const toml::node& element : *list) {
      if (const auto step = data.choice("preprocess", element, kPreprocessSteps)) {
        steps.push_back(*step);
      }
    }
  }
  return steps;
}

std::vector<std::string> read_target_columns(const TableReader& data) {
  std::vector<std::string> columns;
  const toml::node* node = data.find("target_columns");
  const toml::array* list = node == nullptr ? nullptr : node->as_array();
  if (node != nullptr && (list == nullptr || list->empty())) {
    data.reject("target_columns");
  }
  if (list != nullptr) {
    for (const toml::node& element : *list) {
      const auto number = element.value_exact<std::int64_t>();
      const auto name = element.value_exact<std::string>();
      if (number && *number >= 0) {
        columns.push_back(std::to_string(*number));
      } else if (name && !name->empty()) {
        columns.push_back(*name);
      } else {
        data.reject("target_columns", element);
      }
    }
  }
  return columns;
}

TargetOptions read_targets(const TableReader& targets, DataFormat format) {
  TargetOptions options;
  if (format == DataFormat::synthetic) {
    options.encoding = TargetEncoding::raw;  // generated targets are numbers, not classes
  }
  options.encoding = targets.choice("encoding", kTargetEncodings).value_or(options.encoding);
  options.on = targets.real("on").value_or(options.on);
  options.off = targets.real("off").value_or(options.off);
  options.classes = targets.integer("classes", 1, kMostClasses);
  const std::string found =
      fmt::format("encoding = \"{}\"", name_of(kTargetEncodings, options.encoding));
  if (format == DataFormat::synthetic && options.encoding != TargetEncoding::raw) {
    targets.complain("encoding",
                     fmt::format("synthetic targets are numbers without classes; allowed: \"raw\", "
                                 "and found \"{}\"",
                                 name_of(kTargetEncodings, options.encoding)));
  }
  if (options.encoding != TargetEncoding::one_hot) {
    refuse_keys(targets, {"on", "off"}, "encoding = \"one_hot\"", found);
  } else if (options.on <= options.off) {
    targets.complain(targets.has("on") ? "on" : "off",
                     fmt::format("found on = {} and off = {}; allowed: on greater than off, since "
                                 "the class with the largest output is the answer",
                                 options.on, options.off));
  }
  if (options.encoding == TargetEncoding::raw) {
    refuse_keys(targets, {"classes"}, "encoding = \"one_hot\" or \"class_index\"", found);
  }
  return options;
}

SyntheticOptions read_synthetic(const TableReader& data) {
  SyntheticOptions options;
  const auto kind = data.choice("kind", kSyntheticKinds);
  options.kind = kind.value_or(options.kind);
  options.size = data.integer("size", 1, kLargestSyntheticSize);
  options.dimension =
      data.integer("dimension", 1, kLargestSyntheticDimension).value_or(options.dimension);
  options.target = data.text("target").value_or(options.target);
  if (!data.has("kind")) {
    data.require("kind");
  }
  if (kind == SyntheticKind::circle && options.dimension != 2) {
    data.complain("dimension",
                  fmt::format("found {}; allowed with kind = \"circle\": 2", options.dimension));
  }
  if (kind && kind != SyntheticKind::boolean_cube && !data.has("size")) {
    data.require("size");
  }
  if (kind == SyntheticKind::boolean_cube) {
    if (options.dimension > kLargestCubeDimension) {
      data.complain("dimension",
                    fmt::format("found {}; allowed with kind = \"boolean_cube\": at "
                                "most {}, or {}",
                                options.dimension, kLargestCubeDimension, kExactCubeRoute));
    } else if (options.dimension > kLargestWholeCube && !options.size && !data.has("train_size")) {
      data.complain(
          "dimension",
          fmt::format("found {}; all 2^{} corners as samples are allowed up to 2^{}: set "
                      "data.size for some of them, or use {}",
                      options.dimension, options.dimension, kLargestWholeCube, kExactCubeRoute));
    } else if (const auto corners = std::int64_t{1} << options.dimension;
               options.size.value_or(0) > corners) {
      data.complain("size", fmt::format("found {}; the cube of dimension {} has {} corners",
                                        *options.size, options.dimension, corners));
    }
  }
  if (options.target.empty()) {
    data.reject("target");
  }
  return options;
}

}  // namespace

DataOptions read_data(const TableReader& data, const std::string& folder) {
  DataOptions options;
  const auto format = data.choice("format", kDataFormats);
  options.format = format.value_or(options.format);
  options.train_size = data.integer("train_size", 1);
  options.train_offset = data.integer("train_offset", 0).value_or(options.train_offset);
  options.test_size = data.integer("test_size", 0);
  options.subset = data.choice("subset", kSubsetRules).value_or(options.subset);
  options.seed = static_cast<std::uint64_t>(data.integer("seed", 0).value_or(0));
  options.preprocess = read_preprocess(data);
  options.targets = read_targets(data.subtable("targets"), options.format);
  if (data.has("format") && !format) {
    return options;  // what else must be there depends on it
  }
  const std::string found = fmt::format("format = \"{}\"", name_of(kDataFormats, options.format));
  if (options.format == DataFormat::csv) {
    options.target_columns = read_target_columns(data);
  } else {
    refuse_keys(data, {"target_columns"}, "format = \"csv\"", found);
  }
  if (options.format == DataFormat::synthetic) {
    refuse_keys(data, {"train", "test"}, "data files", found);
    options.synthetic = read_synthetic(data);
  } else {
    refuse_keys(data, {"kind", "size", "dimension", "target"}, "format = \"synthetic\"", found);
    if (!data.has("train")) {
      data.require("train");
    }
    options.train = read_files(data.subtable("train"), options.format, folder);
    options.test = read_files(data.subtable("test"), options.format, folder);
    if (options.test_size.value_or(0) > 0 && !data.has("test")) {
      data.complain("test_size", "a test set is asked for, and data.test names no files for it");
    }
  }
  if (options.subset == SubsetRule::per_class && options.targets.encoding == TargetEncoding::raw) {
    data.complain("subset",
                  "\"per_class\" needs classes, and data.targets has encoding = \"raw\"; allowed "
                  "with it: \"first\" | \"random\"");
  }
  return options;
}

}  // namespace ntkflow::config
