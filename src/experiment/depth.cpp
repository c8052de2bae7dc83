// Accuracy of both kernels of wide networks by depth and activation, as tables of the literature
// have it. Ref: Lee et al. (2018), table 1; Arora et al. (2019), table 1.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <ntkflow/regression/scores.hpp>

#include "shared_kernel.hpp"
#include "studies.hpp"

namespace ntkflow {

namespace {

constexpr std::size_t kTypeCount = std::size(kBothTypes);

/// Values of every kernel, type and depth, row-major.
class Table {
 public:
  explicit Table(const ExperimentOptions& options)
      : depths_(static_cast<std::size_t>(options.depth.depths)),
        values_(options.kernels.size() * kTypeCount * depths_) {}

  /// Of depths 1, 2, ...
  [[nodiscard]] std::span<double> of(std::size_t kernel, std::size_t type) {
    return std::span(values_).subspan((kernel * kTypeCount + type) * depths_, depths_);
  }
  [[nodiscard]] const std::vector<double>& values() const { return values_; }

 private:
  std::size_t depths_;
  std::vector<double> values_;
};

struct Tables {
  explicit Tables(const ExperimentOptions& options)
      : accuracy(options), mse(options), condition(options) {}

  Table accuracy;
  Table mse;
  Table condition;
};

/// All kernels of one activation.
void measure(const Communicator& comm, const StudyProblem& problem,
             const std::shared_ptr<const ProcessGrid>& grid, std::size_t kernel,
             StudyProgress& progress, Tables& tables) {
  const ExperimentOptions& options = problem.options;
  Architecture architecture = options.kernels[kernel];
  for (int depth = 1; depth <= options.depth.depths; ++depth) {
    architecture.depth = depth;
    const LimitingKernel limit = shared_kernel(architecture, grid, problem.x.cols());
    const KernelMatrix<double> train = limit.matrix(KernelType::ntk, problem.x, problem.x);
    const KernelMatrix<double> test = limit.matrix(KernelType::ntk, problem.x, problem.test_x);
    for (std::size_t type = 0; type < kTypeCount; ++type) {
      stop_if_asked(comm, progress);
      progress.begin(1.0);
      const RegressionFit fit = fit_shared(train.of_type(kBothTypes[type]), problem.y,
                                           options.depth.ridge, "experiment.ridge", progress);
      const Matrix<double> prediction =
          test.of_type(kBothTypes[type]).multiply_transposed(fit.coefficients, progress);
      const auto at = static_cast<std::size_t>(depth - 1);
      tables.accuracy.of(kernel, type)[at] = accuracy(prediction.view(), problem.test_label);
      tables.mse.of(kernel, type)[at] =
          mean_squared_error(prediction.view(), problem.test_y.view());
      // An estimate that overflowed is infinite, which no file should hold.
      tables.condition.of(kernel, type)[at] = std::min(1.0 / fit.reciprocal_condition, 1e300);
      progress.end();
    }
  }
}

/// That depth pays for every kernel.
void add_claim(const StudyProblem& problem, Tables& tables, StudyResult& result) {
  const ExperimentOptions& options = problem.options;
  if (options.depth.depths < 2) {
    result.lines.emplace_back("no claim about depth: there is depth 1 alone");
    return;
  }
  double gain = 1.0;
  double linear = 0.0;
  for (std::size_t kernel = 0; kernel < options.kernels.size(); ++kernel) {
    for (std::size_t type = 0; type < kTypeCount; ++type) {
      const auto accuracy = tables.accuracy.of(kernel, type);
      const double best = *std::max_element(accuracy.begin() + 1, accuracy.end());
      if (best - accuracy[0] < gain) {
        gain = best - accuracy[0];
        linear = accuracy[0];
      }
    }
  }
  // Five standard errors of a difference of two accuracies, taken as independent.
  const double margin =
      5.0 * std::sqrt(2.0 * linear * (1.0 - linear) / static_cast<double>(problem.test_x.cols()));
  result.claims.push_back(
      within("smallest gain in accuracy of a kernel at its best depth over depth 1", gain,
             std::min(margin, 1.0), 1.0));
}

/// The table of accuracies for the screen.
void add_lines(const StudyProblem& problem, Tables& tables, StudyResult& result) {
  const ExperimentOptions& options = problem.options;
  std::size_t width = 0;
  for (const Architecture& kernel : options.kernels) {
    width = std::max(width, kernel_name(kernel).size());
  }
  std::string header = fmt::format("{:<{}}       depth", "", width);
  for (std::int64_t depth = 1; depth <= options.depth.depths; ++depth) {
    header += fmt::format(" {:6}", depth);
  }
  result.lines.push_back(
      fmt::format("test accuracy; ridge {:g} x mean diagonal: depth 1 is linear, its matrix of {} "
                  "samples has rank {} at most",
                  options.depth.ridge, problem.x.cols(), problem.x.rows() + 1));
  result.lines.push_back(header);
  for (std::size_t kernel = 0; kernel < options.kernels.size(); ++kernel) {
    for (std::size_t type = 0; type < kTypeCount; ++type) {
      std::string line = fmt::format("{:<{}}  {:<4}      ", kernel_name(options.kernels[kernel]),
                                     width, type_name(kBothTypes[type]));
      for (const double value : tables.accuracy.of(kernel, type)) {
        line += fmt::format(" {:.4f}", value);
      }
      result.lines.push_back(line);
    }
  }
}

}  // namespace

StudyCost depth_cost(const ExperimentOptions& options, const Architecture&, const DataShape& shape,
                     int ranks) {
  const auto count = static_cast<double>(options.kernels.size() * kTypeCount) *
                     static_cast<double>(options.depth.depths);
  const auto n = static_cast<double>(shape.train_size);
  const auto m = static_cast<double>(shape.test_size);
  const auto c = static_cast<double>(shape.outputs);
  StudyCost cost;
  for (const Architecture& kernel : options.kernels) {
    cost.bytes =
        std::max(cost.bytes, samples_bytes(shape, kernel.activation, options.depth.depths, ranks));
  }
  // Coefficients, residuals and what the fit keeps of them; three predictions at most at once.
  cost.bytes +=
      factor_bytes(shape.train_size, ranks) + 8.0 * c * (6.0 * n + 3.0 * m) + 24.0 * count;
  cost.file_bytes = 24.0 * count;
  // The kernel once for the factor and once for the residual, half of it each time.
  cost.flop = count * (n * n * n / 3.0 + 2.0 * n * (n + m) * static_cast<double>(shape.dimension) +
                       2.0 * n * (2.0 * n + m) * c);
  return cost;
}

StudyResult depth(const Communicator& comm, const StudyProblem& problem, Monitor& monitor) {
  require_classes(problem);
  const ExperimentOptions& options = problem.options;
  const auto grid = shared_grid(comm);
  const std::int64_t kernels = std::ssize(options.kernels);
  constexpr auto types = static_cast<std::int64_t>(kTypeCount);
  const std::int64_t depths = options.depth.depths;
  Tables tables = prepared(comm, [&] { return Tables(options); });
  StudyProgress progress(monitor, static_cast<double>(kernels * types * depths));
  for (std::size_t kernel = 0; kernel < options.kernels.size(); ++kernel) {
    measure(comm, problem, grid, kernel, progress, tables);
  }

  StudyResult result;
  result.axes = {{kKernelAxis, "kernel, named in kernel_name", numbers(0, kernels)},
                 {kTypeAxis, "type of kernel, named in type_name", numbers(0, types)},
                 {kDepthAxis, "affine layers of the network", numbers(1, depths)}};
  std::vector<std::string> names;
  for (const Architecture& kernel : options.kernels) {
    names.push_back(kernel_name(kernel));
  }
  result.names = {{{"/experiment/kernel_name",
                    "activation, weight variance and bias variance",
                    "1",
                    {kernels},
                    {kKernelAxis}},
                   names},
                  {{"/experiment/type_name", "kernel of the network", "1", {types}, {kTypeAxis}},
                   {type_name(kBothTypes[0]), type_name(kBothTypes[1])}}};
  const auto add = [&](const char* path, const char* long_name, const Table& table) {
    result.data.push_back(
        {{path, long_name, "1", {kernels, types, depths}, {kKernelAxis, kTypeAxis, kDepthAxis}},
         table.values()});
  };
  add("/experiment/test_accuracy", "fraction of test samples classified rightly", tables.accuracy);
  add("/experiment/test_mse", "mean squared error over test samples and outputs", tables.mse);
  add("/experiment/condition", "estimated condition number of K + ridge I in the 1-norm",
      tables.condition);
  result.attributes = {{"/experiment/condition", "ridge", options.depth.ridge}};
  add_lines(problem, tables, result);
  add_claim(problem, tables, result);
  return result;
}

}  // namespace ntkflow
