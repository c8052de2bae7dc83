// How many samples a kernel needs to learn x_1 x_2 on {-1, 1}^d: some d^2, for it spreads its
// attention over all products of two inputs, where a network of four units is the function. Ref:
// Wei, Lee, Liu, Ma (2019), theorem 2.1; Ghorbani, Mei, Misiakiewicz, Montanari (2021), theorem 4.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <ntkflow/regression/scores.hpp>

#include "cube_samples.hpp"
#include "degree_spectrum.hpp"
#include "shared_kernel.hpp"
#include "statistics.hpp"
#include "studies.hpp"

namespace ntkflow {

namespace {

constexpr const char* kRatioAxis = "/experiment/ratio";

/// Samples at which the error falls through 1/2, between two sizes by their logarithms; nothing
/// where it does not.
std::optional<double> half_error_size(const std::vector<double>& sizes,
                                      const std::vector<double>& errors) {
  for (std::size_t k = 0; k + 1 < sizes.size(); ++k) {
    if (errors[k] >= 0.5 && errors[k + 1] < 0.5) {
      const double part = (errors[k] - 0.5) / (errors[k] - errors[k + 1]);
      return sizes[k] * std::pow(sizes[k + 1] / sizes[k], part);
    }
  }
  return std::nullopt;
}

struct Measured {
  std::vector<double> mse;       ///< [dimensions x ratios x draws]
  double four_unit_error = 0.0;  ///< largest over all test samples
};

/// Collective over comm.
Measured measure(const Communicator& comm, const StudyProblem& problem, Monitor& monitor) {
  const SampleComplexityOptions& options = problem.options.sample_complexity;
  const auto grid = shared_grid(comm);
  double work = 0.0;
  const auto work_of = [](std::int64_t size) { return std::pow(static_cast<double>(size), 3.0); };
  for (const std::int64_t dimension : options.dimensions) {
    for (const double ratio : options.ratios) {
      work += static_cast<double>(options.draws) * work_of(train_size(dimension, ratio));
    }
  }
  StudyProgress progress(monitor, work);
  Measured measured;
  for (const std::int64_t dimension : options.dimensions) {
    for (std::size_t ratio = 0; ratio < options.ratios.size(); ++ratio) {
      const std::int64_t n = train_size(dimension, options.ratios[ratio]);
      const LimitingKernel limit = shared_kernel(problem.architecture, grid, n);
      for (std::int64_t draw = 0; draw < options.draws; ++draw) {
        stop_if_asked(comm, progress);
        progress.begin(work_of(n));
        const CubeSamples samples =
            prepared(comm, [&] { return cube_samples(options, dimension, ratio, draw); });
        const auto& [x, test_x] = samples;
        const Matrix<double> by_four_units =
            prepared(comm, [&] { return four_unit_network(samples.test); });
        const Matrix<double> expected = product_of_two(test_x);
        const RegressionFit fit =
            fit_shared(limit.matrix(problem.type, x, x), product_of_two(x), 0.0, "", progress);
        const Matrix<double> f =
            limit.matrix(problem.type, x, test_x).multiply_transposed(fit.coefficients, progress);
        measured.mse.push_back(mean_squared_error(f.view(), expected.view()));
        for (std::int64_t i = 0; i < expected.rows(); ++i) {
          measured.four_unit_error =
              std::max(measured.four_unit_error, std::abs(by_four_units(i, 0) - expected(i, 0)));
        }
        progress.end();
      }
    }
  }
  return measured;
}

/// Errors of the draws of one size: their mean and its standard error.
struct TestError {
  double mean = 0.0;
  double standard = 0.0;
};

/// [dimensions][ratios]
std::vector<std::vector<TestError>> errors_of(const SampleComplexityOptions& options,
                                              const std::vector<double>& mse) {
  const auto draws = static_cast<std::size_t>(options.draws);
  std::vector<std::vector<TestError>> result(options.dimensions.size());
  std::size_t at = 0;
  for (std::vector<TestError>& of_dimension : result) {
    for (std::size_t ratio = 0; ratio < options.ratios.size(); ++ratio, at += draws) {
      const auto of_draws = std::span(mse).subspan(at, draws);
      of_dimension.push_back(
          {mean(of_draws), standard_deviation(of_draws) / std::sqrt(static_cast<double>(draws))});
    }
  }
  return result;
}

/// Whether the kernel has a part of degree 2 on the cube. Local.
bool can_learn_products(const StudyProblem& problem) {
  constexpr std::int64_t kDegree = 2;
  const std::int64_t dimension = std::min(problem.options.sample_complexity.dimensions.front(),
                                          CubeTransform::kLargestDimension);
  const DegreeSpectrum spectrum =
      degree_spectrum(CubeTransform(dimension, kDegree), problem.architecture, dimension, kDegree);
  const std::int64_t kernel =
      (problem.type == KernelType::ntk ? 0 : spectrum.depths) + problem.architecture.depth - 1;
  return spectrum.eigenvalue[static_cast<std::size_t>(kernel * spectrum.degrees + kDegree)] > 0.0;
}

constexpr double kErrors = 5.0;  // standard errors that a claim allows

/// Every kernel that treats all inputs alike spreads over the d (d - 1) / 2 products of two inputs:
/// what N samples span holds N of them at most, and of x_1 x_2 as much as of any other.
void claim_lower_bound(const SampleComplexityOptions& options,
                       const std::vector<std::vector<TestError>>& errors, StudyResult& result) {
  double shortfall = -1.0;
  double standard = 0.0;
  for (std::size_t k = 0; k < errors.size(); ++k) {
    const auto d = static_cast<double>(options.dimensions[k]);
    for (std::size_t ratio = 0; ratio < options.ratios.size(); ++ratio) {
      const auto n = static_cast<double>(train_size(options.dimensions[k], options.ratios[ratio]));
      const double bound = 1.0 - 2.0 * n / (d * (d - 1.0));
      const TestError& error = errors[k][ratio];
      if (bound > 0.0 && bound - error.mean > shortfall) {
        shortfall = bound - error.mean;
        standard = error.standard;
      }
    }
  }
  if (shortfall > -1.0) {
    result.claims.push_back({"how far the test error falls below 1 - 2 N / (d (d - 1))",
                             std::max(shortfall, 0.0), 0.0, kErrors * standard});
  }
}

/// Beside x_1 x_2 the kernel fits the d linear functions to N samples, which changes the error by
/// some d / N: that much differ the curves over N / d^2.
void claim_one_curve(const SampleComplexityOptions& options,
                     const std::vector<std::vector<TestError>>& errors, StudyResult& result) {
  constexpr double kLeastRatio = 0.5;  // below, all errors are about 1
  if (options.ratios.back() < kLeastRatio) {
    return;
  }
  double spread = 0.0;
  for (std::size_t ratio = 0; ratio < options.ratios.size(); ++ratio) {
    if (options.ratios[ratio] < kLeastRatio) {
      continue;
    }
    TestError least = errors.front()[ratio];
    TestError most = least;
    for (const std::vector<TestError>& of_dimension : errors) {
      least = of_dimension[ratio].mean < least.mean ? of_dimension[ratio] : least;
      most = of_dimension[ratio].mean > most.mean ? of_dimension[ratio] : most;
    }
    const double chance = kErrors * std::hypot(least.standard, most.standard);
    const double linear =
        1.0 / (options.ratios[ratio] * static_cast<double>(options.dimensions.front()));
    spread = std::max(spread, (most.mean - least.mean - chance) / linear);
  }
  result.claims.push_back(within(
      "spread of the test errors of all d at equal N / d^2 beyond five standard errors, over "
      "d / N of the smallest d",
      spread, 0.0, 1.0));
}

void claim_power(const SampleComplexityOptions& options, const std::vector<double>& mse,
                 StudyResult& result) {
  const std::size_t ratios = options.ratios.size();
  const auto draws = static_cast<std::size_t>(options.draws);
  std::vector<double> logs;
  std::vector<double> halves;
  double linear = 0.0;
  for (std::size_t k = 0; k < options.dimensions.size(); ++k) {
    const auto d = static_cast<double>(options.dimensions[k]);
    std::vector<double> sizes;
    for (const double ratio : options.ratios) {
      sizes.push_back(static_cast<double>(train_size(options.dimensions[k], ratio)));
    }
    for (std::size_t draw = 0; draw < draws; ++draw) {
      std::vector<double> of_draw;
      for (std::size_t ratio = 0; ratio < ratios; ++ratio) {
        of_draw.push_back(mse[(k * ratios + ratio) * draws + draw]);
      }
      if (const auto half = half_error_size(sizes, of_draw)) {
        logs.push_back(std::log2(d));
        halves.push_back(*half);
        linear = std::max(linear, d / *half);
      }
    }
  }
  if (logs.empty() || logs.front() == logs.back()) {
    result.lines.emplace_back(
        "no power of d: the test error falls through 1/2 at fewer than two dimensions");
    return;
  }
  // The d linear functions, which are learned first, take some d of these samples: for N = c d^2 +
  // d the power is 2 - d / N.
  const Line line = *fit_power(logs, halves);
  result.claims.push_back({"power of d in the number of samples at which the test error is 1/2",
                           line.slope, 2.0, kErrors * line.slope_error + linear});
}

void add_claims(const StudyProblem& problem, const Measured& measured, bool can_learn,
                const std::vector<std::vector<TestError>>& errors, StudyResult& result) {
  const SampleComplexityOptions& options = problem.options.sample_complexity;
  // The sums of d products of weights and inputs, of which d - 2 vanish, and of four units.
  result.claims.push_back({"largest error of the network of four units", measured.four_unit_error,
                           0.0, 32.0 * std::numeric_limits<double>::epsilon()});
  if (!can_learn) {
    result.lines.emplace_back(
        "no claim about the kernel: it has no part of degree 2 in the inputs and learns nothing of "
        "x1 x2");
    return;
  }
  constexpr std::int64_t kFewestSets = 4;
  if (options.draws < kFewestSets) {
    result.lines.push_back(
        fmt::format("no claim about the kernel: standard errors of so few training sets are not "
                    "known; set experiment.draws to {} or more",
                    kFewestSets));
    return;
  }
  claim_lower_bound(options, errors, result);
  if (options.dimensions.size() < 2) {
    result.lines.emplace_back("no claim about the dimension: there is one alone");
    return;
  }
  claim_one_curve(options, errors, result);
  claim_power(options, measured.mse, result);
}

}  // namespace

StudyCost sample_complexity_cost(const ExperimentOptions& all, const Architecture& architecture,
                                 const DataShape&, int ranks) {
  const SampleComplexityOptions& options = all.sample_complexity;
  StudyCost cost;
  for (const std::int64_t dimension : options.dimensions) {
    for (const double ratio : options.ratios) {
      const std::int64_t size = train_size(dimension, ratio);
      const auto n = static_cast<double>(size);
      const auto m = static_cast<double>(options.test_size);
      // Samples are drawn twice, one of the two in a tree.
      const double bytes = samples_bytes({size, options.test_size, dimension, 1},
                                         architecture.activation, architecture.depth, ranks) +
                           factor_bytes(size, ranks) +
                           8.0 * (n * (static_cast<double>(dimension) + 16.0) + 4.0 * m);
      cost.bytes = std::max(cost.bytes, bytes);
      cost.file_bytes += 8.0 * static_cast<double>(options.draws + 2);
      cost.flop += static_cast<double>(options.draws) *
                   (n * n * n / 3.0 + 2.0 * n * (n + m) * static_cast<double>(dimension));
    }
  }
  cost.bytes += 2.0 * cost.file_bytes;
  return cost;
}

StudyResult sample_complexity(const Communicator& comm, const StudyProblem& problem,
                              Monitor& monitor) {
  const SampleComplexityOptions& options = problem.options.sample_complexity;
  const bool can_learn = prepared(comm, [&] { return can_learn_products(problem); });
  const Measured measured = measure(comm, problem, monitor);
  const auto errors = errors_of(options, measured.mse);
  const auto dimensions = std::ssize(options.dimensions);
  const auto ratios = std::ssize(options.ratios);

  StudyResult result;
  result.axes = {{kDimensionAxis, "inputs d", options.dimensions},
                 {kRatioAxis, "training samples over d^2", options.ratios},
                 {kDrawAxis, "training set of each size", numbers(0, options.draws)}};
  result.data.push_back({{"/experiment/test_mse",
                          "mean squared error of x_1 x_2 at test corners; of predicting zero: 1",
                          "1",
                          {dimensions, ratios, options.draws},
                          {kDimensionAxis, kRatioAxis, kDrawAxis}},
                         measured.mse});
  std::vector<double> sizes;
  std::vector<double> mean_errors;
  for (std::size_t k = 0; k < errors.size(); ++k) {
    for (std::size_t ratio = 0; ratio < options.ratios.size(); ++ratio) {
      sizes.push_back(
          static_cast<double>(train_size(options.dimensions[k], options.ratios[ratio])));
      mean_errors.push_back(errors[k][ratio].mean);
    }
  }
  const auto by_size = [&](const char* path, const char* long_name, std::vector<double> values) {
    result.data.push_back(
        {{path, long_name, "1", {dimensions, ratios}, {kDimensionAxis, kRatioAxis}},
         std::move(values)});
  };
  by_size("/experiment/train_size", "training samples N", std::move(sizes));
  by_size("/experiment/mean_test_mse", "mean of test_mse over the draws", std::move(mean_errors));
  result.attributes = {{"/experiment/test_mse", "four_unit_error", measured.four_unit_error}};

  std::string header = fmt::format("{:>10}", "N / d^2");
  for (const double ratio : options.ratios) {
    header += fmt::format(" {:>7g}", ratio);
  }
  result.lines.push_back(header);
  for (std::size_t k = 0; k < errors.size(); ++k) {
    std::string line = fmt::format("d = {:<6}", options.dimensions[k]);
    for (const TestError& error : errors[k]) {
      line += fmt::format(" {:7.4f}", error.mean);
    }
    result.lines.push_back(line);
  }
  add_claims(problem, measured, can_learn, errors, result);
  return result;
}

}  // namespace ntkflow
