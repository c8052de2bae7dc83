#include <array>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include <ntkflow/base/narrow.hpp>

#include "paths.hpp"
#include "read_ascending.hpp"
#include "read_tables.hpp"

namespace ntkflow::config {

namespace {

constexpr std::int64_t kLargestInt = std::numeric_limits<int>::max();

bool says(const TableReader& table, std::string_view key, std::string_view word) {
  const toml::node* node = table.find(key);
  return node != nullptr && node->value_exact<std::string>() == word;
}

std::optional<GridShape> read_grid_shape(const TableReader& parallel) {
  const toml::node* node = parallel.find("grid");
  if (node == nullptr || says(parallel, "grid", "auto")) {
    return std::nullopt;
  }
  const toml::array* list = node->as_array();
  std::array<std::int64_t, 2> shape{};
  bool fine = list != nullptr && list->size() == shape.size();
  for (std::size_t i = 0; fine && i < shape.size(); ++i) {
    shape[i] = (*list)[i].value_exact<std::int64_t>().value_or(0);
    fine = shape[i] >= 1 && shape[i] <= kLargestInt;
  }
  if (!fine) {
    parallel.reject("grid");
    return std::nullopt;
  }
  return GridShape{narrow<int>(shape[0], "parallel.grid"), narrow<int>(shape[1], "parallel.grid")};
}

std::string read_output_path(const TableReader& output, const std::string& folder) {
  const auto text = output.text("file");
  if (!text) {
    return {};
  }
  const PathResult expanded = expand_environment(*text);
  const PathResult file = expanded.problem.empty() ? resolve_path(expanded.path, folder) : expanded;
  if (!file.problem.empty()) {
    output.complain("file", file.problem);
    return {};
  }
  return file.path;
}

constexpr std::int64_t kMostRidges = 1'000;

/// Several ridges with the grid that they came from, if they are no list.
std::pair<RidgePathOptions, std::optional<TimeGrid>> read_path(const TableReader& regression) {
  RidgePathOptions path;
  std::optional<TimeGrid> grid;
  if (regression.find("ridge")->is_table()) {
    grid = read_grid(regression.subtable("ridge"), kMostRidges, "ridge");
    path.ridges = grid ? all_times(*grid).values : std::vector<double>{};
  } else {
    path.ridges = read_ascending<double>(regression, "ridge", {1, kMostRidges}, [](double value) {
      return value >= 0.0 && std::isfinite(value);
    });
  }
  if (regression.has("select")) {
    path.select = regression.choice("select", kRidgeCriteria);
  }
  path.method = regression.choice("path_method", kRidgePathMethods).value_or(path.method);
  if (path.method == RidgePathMethod::krylov && path.select == RidgeCriterion::leave_one_out) {
    regression.complain("select",
                        "a Krylov space does not know the diagonal that leave-one-out errors need; "
                        "allowed: \"gcv\" or \"likelihood\", or path_method = \"spectral\"");
  }
  return {std::move(path), grid};
}

}  // namespace

RegressionTable read_regression(const TableReader& regression) {
  RegressionTable read;
  RegressionOptions& options = read.options;
  const toml::node* ridge = regression.find("ridge");
  if (ridge != nullptr && (ridge->is_array() || ridge->is_table())) {
    std::tie(options.path, read.grid) = read_path(regression);
  } else {
    options.ridge.value = regression.real("ridge", 0.0).value_or(options.ridge.value);
    for (const char* key : {"select", "path_method"}) {
      if (regression.has(key)) {
        regression.complain(key,
                            "one ridge leaves nothing to choose; allowed with a list, as "
                            "regression.ridge = [0.01, 0.1, 1]");
      }
    }
  }
  options.ridge.scale =
      regression.choice("ridge_scale", kRidgeScales).value_or(options.ridge.scale);
  options.precision = regression.choice("precision", kPrecisions).value_or(options.precision);
  options.factorization =
      regression.choice("factorization", kFactorizations).value_or(options.factorization);
  regression.choice("solver", kSolvers);  // checked for what it says; there is one
  return read;
}

OutputOptions read_output(const TableReader& output, const std::string& folder,
                          const std::optional<std::string>& output_file) {
  OutputOptions options;
  if (output_file) {
    output.text("file");  // not used, but still no number
    const PathResult file = resolve_path(*output_file, {});
    options.file = file.path;
    if (!file.problem.empty()) {
      output.complain("file", "--output: " + file.problem);
    }
  } else {
    options.file = read_output_path(output, folder);
    if (!output.has("file")) {
      output.require("file");
    }
  }
  options.predictions = output.boolean("predictions").value_or(options.predictions);
  options.gram = output.boolean("gram").value_or(options.gram);
  options.gram_depths = output.boolean("gram_depths").value_or(options.gram_depths);
  options.model = output.boolean("model").value_or(options.model);
  return options;
}

ParallelOptions read_parallel(const TableReader& parallel) {
  ParallelOptions options;
  options.grid = read_grid_shape(parallel);
  if (!says(parallel, "block_size", "auto")) {
    options.block_size = parallel.integer("block_size", 1);
  }
  if (!says(parallel, "threads", "auto")) {
    if (const auto threads = parallel.integer("threads", 1, kLargestInt)) {
      options.threads = narrow<int>(*threads, "parallel.threads");
    }
  }
  return options;
}

}  // namespace ntkflow::config
