// Accuracy of both kernels of wide networks by depth and activation, as tables of the literature
// have it. Ref: Lee et al. (2018), table 1; Arora et al. (2019), table 1.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <ntkflow/regression/scores.hpp>

#include "shared_kernel.hpp"
#include "studies.hpp"

namespace ntkflow {

namespace {

constexpr const char* kKernelAxis = "/experiment/kernel";
constexpr const char* kTypeAxis = "/experiment/type";
constexpr const char* kDepthAxis = "/experiment/depth";

struct Type {
  KernelType type;
  const char* name;
};
constexpr std::array kTypes{Type{KernelType::nngp, "nngp"}, Type{KernelType::ntk, "ntk"}};

/// Values of every kernel, type and depth, row-major.
class Table {
 public:
  explicit Table(const ExperimentOptions& options)
      : depths_(static_cast<std::size_t>(options.depth.depths)),
        values_(options.kernels.size() * kTypes.size() * depths_) {}

  /// Of depths 1, 2, ...
  [[nodiscard]] std::span<double> of(std::size_t kernel, std::size_t type) {
    return std::span(values_).subspan((kernel * kTypes.size() + type) * depths_, depths_);
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
  /// Largest distance between the predictions of both kernels of depth 1, over the largest.
  double parted = 0.0;
};

double largest_magnitude(const Matrix<double>& a) {
  double largest = 0.0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(a.data()[i]));
  }
  return largest;
}

/// |a - b| / |b|, largest elements.
double relative_distance(const Matrix<double>& a, const Matrix<double>& b) {
  double largest = 0.0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(a.data()[i] - b.data()[i]));
  }
  return largest / largest_magnitude(b);
}

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
    Matrix<double> of_nngp;
    for (std::size_t type = 0; type < kTypes.size(); ++type) {
      stop_if_asked(comm, progress);
      progress.begin(1.0);
      const RegressionFit fit = fit_shared(train.of_type(kTypes[type].type), problem.y,
                                           options.depth.ridge, "experiment.ridge", progress);
      Matrix<double> prediction =
          test.of_type(kTypes[type].type).multiply_transposed(fit.coefficients, progress);
      const auto at = static_cast<std::size_t>(depth - 1);
      tables.accuracy.of(kernel, type)[at] = accuracy(prediction.view(), problem.test_label);
      tables.mse.of(kernel, type)[at] =
          mean_squared_error(prediction.view(), problem.test_y.view());
      // An estimate that overflowed is infinite, which no file should hold.
      tables.condition.of(kernel, type)[at] = std::min(1.0 / fit.reciprocal_condition, 1e300);
      if (depth == 1 && kTypes[type].type == KernelType::ntk) {
        tables.parted = std::max(tables.parted, relative_distance(prediction, of_nngp));
      }
      of_nngp = std::move(prediction);
      progress.end();
    }
  }
}

/// Whether the data are the first 1,000 training and all test images of MNIST on the sphere with
/// targets 0.9 and -0.1: by their numbers of images of each digit.
bool has_published_data(const StudyProblem& problem) {
  constexpr std::array<std::int64_t, 10> kTrain{97, 116, 99, 93, 105, 92, 94, 117, 87, 100};
  constexpr std::array<std::int64_t, 10> kTest{980, 1135, 1032, 1010, 982,
                                               892, 958,  1028, 974,  1009};
  const auto has = [](const std::vector<std::int64_t>& labels, const auto& counts) {
    std::int64_t total = 0;
    for (std::size_t digit = 0; digit < counts.size(); ++digit) {
      const auto found = std::count(labels.begin(), labels.end(), static_cast<std::int64_t>(digit));
      if (found != counts[digit]) {
        return false;
      }
      total += found;
    }
    return total == std::ssize(labels);
  };
  if (problem.x.rows() != 784 || !has(problem.label, kTrain) || !has(problem.test_label, kTest)) {
    return false;
  }
  double squared_norm = 0.0;
  for (std::int64_t j = 0; j < problem.x.rows(); ++j) {
    squared_norm += problem.x(j, 0) * problem.x(j, 0);
  }
  return std::abs(squared_norm / 784.0 - 1.0) < 1e-9 && problem.y(0, problem.label[0]) == 0.9 &&
         problem.y(0, (problem.label[0] + 1) % 10) == -0.1;
}

/// Accuracies without a ridge of the two kernels of ReLU with these variances on these data, from
/// an independent computation.
constexpr int kPublishedDepth = 3;
constexpr std::array kPublished{0.9235, 0.9200};
/// Ridges up to here leave them as they are but for images whose two best answers are level.
constexpr double kPublishedRidge = 1e-3;
/// Five images of 10,000.
constexpr double kPublishedTolerance = 5e-4;

void add_claims(const StudyProblem& problem, Tables& tables, StudyResult& result) {
  const ExperimentOptions& options = problem.options;
  const double worst_condition = [&] {
    double worst = 0.0;
    for (std::size_t kernel = 0; kernel < options.kernels.size(); ++kernel) {
      for (std::size_t type = 0; type < kTypes.size(); ++type) {
        worst = std::max(worst, tables.condition.of(kernel, type)[0]);
      }
    }
    return worst;
  }();
  // Both solve the same system, each with its own rounding, which its condition enlarges.
  result.claims.push_back(
      {"depth 1 is a linear model: relative distance of predictions of NTK and NNGP kernel",
       tables.parted, 0.0, std::numeric_limits<double>::epsilon() * worst_condition});
  if (options.depth.depths >= 2) {
    double gain = 1.0;
    double linear = 0.0;
    for (std::size_t kernel = 0; kernel < options.kernels.size(); ++kernel) {
      for (std::size_t type = 0; type < kTypes.size(); ++type) {
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
  if (options.depth.depths < kPublishedDepth || options.depth.ridge > kPublishedRidge ||
      !has_published_data(problem)) {
    return;
  }
  for (std::size_t kernel = 0; kernel < options.kernels.size(); ++kernel) {
    const Architecture& architecture = options.kernels[kernel];
    if (architecture.activation.name != "relu" || architecture.weight_variance != 2.0 ||
        architecture.bias_variance != 0.01 || architecture.first_layer == FirstLayer::plain) {
      continue;
    }
    for (std::size_t type = 0; type < kTypes.size(); ++type) {
      result.claims.push_back({fmt::format("accuracy of the {} kernel of ReLU at depth {}",
                                           kTypes[type].name, kPublishedDepth),
                               tables.accuracy.of(kernel, type)[kPublishedDepth - 1],
                               kPublished[type], kPublishedTolerance});
    }
  }
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
    for (std::size_t type = 0; type < kTypes.size(); ++type) {
      std::string line = fmt::format("{:<{}}  {:<4}      ", kernel_name(options.kernels[kernel]),
                                     width, kTypes[type].name);
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
  const auto count = static_cast<double>(options.kernels.size() * kTypes.size()) *
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
  constexpr auto kTypeCount = static_cast<std::int64_t>(kTypes.size());
  const std::int64_t depths = options.depth.depths;
  Tables tables = prepared(comm, [&] { return Tables(options); });
  StudyProgress progress(monitor, static_cast<double>(kernels * kTypeCount * depths));
  for (std::size_t kernel = 0; kernel < options.kernels.size(); ++kernel) {
    measure(comm, problem, grid, kernel, progress, tables);
  }

  StudyResult result;
  result.axes = {{kKernelAxis, "kernel, named in kernel_name", numbers(0, kernels)},
                 {kTypeAxis, "type of kernel, named in type_name", numbers(0, kTypeCount)},
                 {kDepthAxis, "affine layers of the network", numbers(1, depths)}};
  std::vector<std::string> names;
  for (const Architecture& kernel : options.kernels) {
    names.push_back(kernel_name(kernel));
  }
  result.names = {
      {{"/experiment/kernel_name",
        "activation, weight variance and bias variance",
        "1",
        {kernels},
        {kKernelAxis}},
       names},
      {{"/experiment/type_name", "kernel of the network", "1", {kTypeCount}, {kTypeAxis}},
       {kTypes[0].name, kTypes[1].name}}};
  const auto add = [&](const char* path, const char* long_name, const Table& table) {
    result.data.push_back({{path,
                            long_name,
                            "1",
                            {kernels, kTypeCount, depths},
                            {kKernelAxis, kTypeAxis, kDepthAxis}},
                           table.values()});
  };
  add("/experiment/test_accuracy", "fraction of test samples classified rightly", tables.accuracy);
  add("/experiment/test_mse", "mean squared error over test samples and outputs", tables.mse);
  add("/experiment/condition", "estimated condition number of K + ridge I in the 1-norm",
      tables.condition);
  result.attributes = {{"/experiment/condition", "ridge", options.depth.ridge}};
  add_lines(problem, tables, result);
  add_claims(problem, tables, result);
  return result;
}

}  // namespace ntkflow
