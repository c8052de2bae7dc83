#include "ntkflow/experiment/study.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/dynamics/local_flow.hpp>
#include <ntkflow/linalg/local.hpp>

#include "limiting_kernel.hpp"
#include "random_features.hpp"
#include "studies.hpp"

namespace ntkflow {

namespace {

/// A study of networks in their precision.
template <class Real>
StudyResult run_in(const Communicator& comm, const StudyProblem& problem, Monitor& monitor) {
  switch (problem.options.study) {
    case Study::kernel_convergence:
      return kernel_convergence<Real>(comm, problem, monitor);
    case Study::gaussian_limit:
      return gaussian_limit<Real>(comm, problem, monitor);
    case Study::principal_components:
      return principal_components<Real>(comm, problem, monitor);
    case Study::width_scaling:
      return width_scaling<Real>(comm, problem, monitor);
    case Study::descent:
      return descent<Real>(comm, problem, monitor);
    case Study::finite_width_bound:
      return finite_width_bound<Real>(comm, problem, monitor);
    case Study::boolean_cube:
      return boolean_cube(comm, problem, monitor);
    case Study::sphere:
      return sphere(comm, problem, monitor);
    case Study::learning_rate:
      return learning_rate(comm, problem, monitor);
    case Study::early_stopping:
      return early_stopping(comm, problem, monitor);
    case Study::sample_complexity:
      return sample_complexity(comm, problem, monitor);
    case Study::depth:
      return depth(comm, problem, monitor);
  }
  return {};
}

/// What a study of kernels takes; nothing for one of networks.
StudyCost kernel_study_cost(const ExperimentOptions& options, const Architecture& architecture,
                            const DataShape& shape, int ranks) {
  const auto cost = [&](auto&& of) { return of(options, architecture, shape, ranks); };
  switch (options.study) {
    case Study::boolean_cube:
      return cost(boolean_cube_cost);
    case Study::sphere:
      return cost(sphere_cost);
    case Study::learning_rate:
      return cost(learning_rate_cost);
    case Study::early_stopping:
      return cost(early_stopping_cost);
    case Study::sample_complexity:
      return cost(sample_complexity_cost);
    case Study::depth:
      return cost(depth_cost);
    default:
      return {};
  }
}

/// What a study looks at of the tangents of a network, at most.
struct TangentSizes {
  std::int64_t samples = 0;
  std::int64_t kernel_values = 0;
};

TangentSizes tangent_sizes(const ExperimentOptions& options, const DataShape& shape) {
  const std::int64_t n = shape.train_size;
  switch (options.study) {
    case Study::kernel_convergence:
      return {options.points + 1, options.points};
    case Study::width_scaling:
      return {std::max(2 * n, n + shape.test_size), std::max(3 * n * n, n * (n + shape.test_size))};
    case Study::finite_width_bound: {
      const std::int64_t all = n + std::ssize(options.width_bound.separations);
      return {all, all * all};
    }
    case Study::descent:
      return {std::max(n, shape.test_size), 0};
    default:
      return {};
  }
}

/// Floating-point operations of a network's tangents and of their kernel.
double tangent_flop(const Architecture& architecture, const NetworkShape& shape,
                    const TangentSizes& sizes) {
  double parameters = 0.0;
  double units = 0.0;
  for (int layer = 0; layer < architecture.depth; ++layer) {
    const auto fan_in = static_cast<double>(layer == 0 ? shape.inputs : shape.width);
    const auto fan_out =
        static_cast<double>(layer == architecture.depth - 1 ? shape.outputs : shape.width);
    parameters += fan_in * fan_out;
    units += fan_in + fan_out;
  }
  return 4.0 * parameters * static_cast<double>(sizes.samples) +
         2.0 * units * static_cast<double>(sizes.kernel_values);
}

/// Units of a hidden layer at most: those of the widest network, or of random features.
std::int64_t widest_layer(const ExperimentOptions& options, const DataShape& shape) {
  const std::int64_t widest = options.network.widths.back();
  return options.study == Study::descent
             ? std::max(widest, feature_counts(options.descent.features, shape.train_size).back())
             : widest;
}

/// Values in double of the widest random features and of what is solved with them.
double feature_values(const ExperimentOptions& options, const DataShape& shape) {
  if (options.study != Study::descent) {
    return 0.0;
  }
  const auto n = static_cast<double>(shape.train_size);
  const auto p = static_cast<double>(widest_layer(options, shape)) + 1.0;
  const auto ridges = static_cast<double>(std::ssize(options.descent.ridges));
  return p * (n + static_cast<double>(shape.test_size) + ridges) +
         4.0 * std::min(n, p) * std::min(n, p) +
         2.0 * n * (n + static_cast<double>(shape.test_size));
}

/// Numbers that a study records of each network.
double values_per_network(const ExperimentOptions& options) {
  switch (options.study) {
    case Study::kernel_convergence:
    case Study::gaussian_limit:
      return 2.0 * static_cast<double>(options.points) + 1.0;
    case Study::principal_components:
      return 2.0 * (static_cast<double>(options.network.steps) + 1.0) + 1.0;
    case Study::finite_width_bound:
      return 2.0 + static_cast<double>(std::ssize(options.width_bound.separations));
    default:
      return 6.0;
  }
}

/// Numbers that a study records of all networks.
double recorded_values(const ExperimentOptions& options) {
  const auto draws = static_cast<double>(options.network.draws);
  const double of_features = options.study == Study::descent
                                 ? static_cast<double>(std::ssize(options.descent.features)) *
                                       static_cast<double>(std::ssize(options.descent.ridges)) *
                                       (draws + 4.0)
                                 : 0.0;
  return values_per_network(options) * static_cast<double>(std::ssize(options.network.widths)) *
             draws +
         of_features;
}

/// The widths of networks that have numbers of their own.
constexpr double kMostFeatures = 0x1p24;

/// More than any machine has; beyond, sums of sizes would overflow.
constexpr double kNoMachine = 0x1p56;

/// Bytes in 64 bits; the largest integer where they are beyond all bounds.
std::int64_t bounded(double bytes) {
  return bytes < kNoMachine ? static_cast<std::int64_t>(bytes)
                            : std::numeric_limits<std::int64_t>::max();
}

bool is_finite(double value) {
  return std::isfinite(value);
}

NumericalError beyond_precision(const std::string& what) {
  return NumericalError("numbers of " + what +
                        " are beyond the range of the networks' precision; reduce "
                        "kernel.weight_variance or kernel.depth, or set network.precision = "
                        "\"double\"");
}

/// Throws NumericalError where anything that is to be written is not finite.
void check_finite(const StudyResult& result) {
  for (const StudyData& data : result.data) {
    if (!std::all_of(data.values.begin(), data.values.end(), is_finite)) {
      throw beyond_precision(data.info.path);
    }
  }
  for (const Claim& claim : result.claims) {
    if (!is_finite(claim.value) || !is_finite(claim.expected) || !is_finite(claim.tolerance)) {
      throw NumericalError("not a finite number: " + claim.statement);
    }
  }
}

}  // namespace

void check_study(const ExperimentOptions& options, const DataShape& shape) {
  const auto need = [](bool holds, const char* sentence) {
    if (!holds) {
      throw ConfigError(sentence);
    }
  };
  need((options.study != Study::depth && options.study != Study::early_stopping) ||
           shape.test_size > 0,
       "this study compares how well kernels predict, so it needs a test set; set data.test or "
       "data.test_size");
  if (!needs(options.study).networks) {
    return;
  }
  const bool is_on_circle = draws_curves(options.study);
  need(!is_on_circle || shape.dimension == 2,
       "this study draws curves over the unit circle, so its data must have 2 inputs; set "
       "data.dimension = 2");
  need(options.study == Study::principal_components || shape.outputs == 1,
       "this study looks at networks with one output; give data whose target is one number");
  need(options.study != Study::width_scaling || shape.test_size > 0,
       "width-scaling compares functions at test points; set data.test_size or data.test");
  need(options.study != Study::descent || shape.test_size > 0,
       "descent measures the error at test points; set data.test_size or data.test");
  need(options.study != Study::descent ||
           options.descent.features.back() * static_cast<double>(shape.train_size) <= kMostFeatures,
       "the largest of experiment.features asks for more than 16777216 random features");
  need(
      options.study != Study::finite_width_bound || (shape.train_size >= 2 && shape.dimension >= 2),
      "finite-width-bound brings two training samples together; give data with at least 2 samples "
      "and 2 inputs");
  need(options.study != Study::finite_width_bound || options.network.widths.size() >= 3,
       "finite-width-bound fits a line through widths; give network.widths at least three");
  need(options.study != Study::width_scaling ||
           (options.network.widths.size() >= 2 && options.network.steps >= 1),
       "width-scaling fits lines through widths after training; give network.widths at least two "
       "and network.steps at least 1");
  need(options.study != Study::width_scaling ||
           std::ssize(options.network.widths) * options.network.draws >= 3,
       "the error of a line needs three networks; set network.draws to at least 2");
  need(options.study != Study::principal_components || options.network.steps >= 1,
       "principal-components looks at how networks learn; set network.steps to at least 1");
  need(!is_on_circle || options.network.draws >= 2,
       "this study needs the standard error of an ensemble; set network.draws to at least 2");
  need(options.study != Study::principal_components || options.component <= shape.train_size,
       "experiment.component is larger than the number of training samples");
}

std::int64_t study_bytes(const ExperimentOptions& options, const Architecture& architecture,
                         const DataShape& shape, int ranks) {
  if (!needs(options.study).networks) {
    return bounded(kernel_study_cost(options, architecture, shape, ranks).bytes);
  }
  const std::int64_t real = options.network.precision == NetworkPrecision::single_precision ? 4 : 8;
  const NetworkShape widest{shape.dimension, widest_layer(options, shape), 1};
  const std::int64_t n = shape.train_size;
  const auto square = [](std::int64_t size) {
    return static_cast<double>(size) * static_cast<double>(size);
  };
  // What is recorded of the networks, in the tables and in the result; theory at as many points.
  const double recorded = 4.0 * recorded_values(options);
  const double theory = static_cast<double>(shape.test_size + options.points) *
                            static_cast<double>(4 * n + 4 + std::ssize(options.quantiles)) +
                        feature_values(options, shape);
  const double layers = static_cast<double>(architecture.depth) * static_cast<double>(widest.width);
  const double inputs =
      static_cast<double>(shape.dimension) * static_cast<double>(n + shape.test_size);
  const double looked_at = 3.0 * static_cast<double>(n) + static_cast<double>(shape.test_size) +
                           static_cast<double>(options.points);
  const double rough = layers * (static_cast<double>(widest.width + widest.inputs) + looked_at) +
                       inputs + square(n) + square(shape.test_size) + recorded + theory;
  if (!(rough < kNoMachine)) {
    return bounded(rough);
  }
  const TangentSizes tangents = tangent_sizes(options, shape);
  // Samples that Network::evaluate takes at once; tangents alone do without.
  const std::int64_t evaluated = options.study == Study::finite_width_bound ? 0 : 512;
  // Kernel, its eigenvectors and the eigensolver's workspace; inputs in both precisions.
  return 2 * evaluated * widest.width * real +
         training_bytes(architecture, widest, needs(options.study).training ? n : 0,
                        tangents.samples, tangents.kernel_values, real,
                        training_options(options.network).integrator) +
         8 * (8 * n * n + 3 * (n + shape.test_size) * shape.dimension +
              static_cast<std::int64_t>(recorded + theory));
}

std::int64_t study_file_bytes(const ExperimentOptions& options, const Architecture& architecture,
                              const DataShape& shape) {
  const double bytes = needs(options.study).networks
                           ? 8.0 * recorded_values(options)
                           : kernel_study_cost(options, architecture, shape, 1).file_bytes;
  return static_cast<std::int64_t>(std::min(bytes, kNoMachine));
}

double study_flop(const ExperimentOptions& options, const Architecture& architecture,
                  const DataShape& shape) {
  if (!needs(options.study).networks) {
    return kernel_study_cost(options, architecture, shape, 1).flop;
  }
  double flop = 0.0;
  for (const std::int64_t width : options.network.widths) {
    const NetworkShape network{shape.dimension, width, 1};
    flop += needs(options.study).training
                ? training_flop(architecture, network, shape.train_size,
                                training_options(options.network))
                : tangent_flop(architecture, network, tangent_sizes(options, shape));
  }
  if (options.study == Study::descent) {
    const auto n = static_cast<double>(shape.train_size);
    for (const std::int64_t count : feature_counts(options.descent.features, shape.train_size)) {
      const auto p = static_cast<double>(count);
      const double smaller = std::min(n, p);
      flop += tangent_flop(architecture, {shape.dimension, count, 1},
                           {shape.train_size + shape.test_size, 0}) +
              2.0 * p * n * smaller + 9.0 * smaller * smaller * smaller;
    }
  }
  return flop * static_cast<double>(options.network.draws);
}

double stable_learning_rate(const StudyProblem& problem) {
  const Matrix<double> kernel =
      whole(LimitingKernel(problem.architecture).of(KernelType::ntk, problem.x));
  const double lambda_max = LocalFlow(kernel.view(), kernel.rows()).lambda_max();
  if (!(lambda_max > 0.0)) {
    throw NumericalError(
        "the limiting kernel of the training samples is zero, so that networks learn nothing; "
        "raise kernel.weight_variance or kernel.bias_variance");
  }
  return 2.0 / lambda_max;
}

StudyResult run_study(const Communicator& comm, const StudyProblem& problem, Monitor& monitor) {
  StudyResult result = problem.options.network.precision == NetworkPrecision::single_precision
                           ? run_in<float>(comm, problem, monitor)
                           : run_in<double>(comm, problem, monitor);
  const auto diverged = std::count_if(result.diverged_at.begin(), result.diverged_at.end(),
                                      [](std::int64_t step) { return step >= 0; });
  if (diverged > 0) {
    result.claims.push_back({"networks that diverged", static_cast<double>(diverged), 0.0, 0.0});
  }
  check_finite(result);
  return result;
}

void require_finite(const Matrix<double>& values, const std::string& what) {
  if (!std::all_of(values.data(), values.data() + values.size(), is_finite)) {
    throw beyond_precision(what);
  }
}

Matrix<double> trained_under(const LocalFlow& kernel, const Matrix<double>& cross,
                             const NetworkOptions& options, const Matrix<double>& y,
                             const Matrix<double>& f0_train, const Matrix<double>& f0_test) {
  Matrix<double> residual = y.clone();
  for (std::int64_t i = 0; i < residual.size(); ++i) {
    residual.data()[i] -= f0_train.data()[i];
  }
  const double time = options.learning_rate * static_cast<double>(options.steps);
  const Matrix<double> coefficients =
      options.method == TrainingMethod::flow
          ? kernel.flow(residual, time)
          : kernel.descent(residual, options.learning_rate, options.steps);
  Matrix<double> f = f0_test.clone();
  multiply(Transpose::yes, Transpose::no, 1.0, cross.view(), coefficients.view(), 1.0, f.view());
  return f;
}

StudyResult start_result(const NetworkOptions& options) {
  StudyResult result;
  result.axes = {{kWidthAxis, "units of a hidden layer", options.widths},
                 {kDrawAxis, "network of each width", numbers(0, options.draws)}};
  return result;
}

std::string kernel_name(const Architecture& kernel) {
  const ActivationSpec& activation = kernel.activation;
  std::string name = activation.expression.empty() ? activation.name : activation.expression;
  for (const auto& parameter : activation.parameters) {
    name += fmt::format(" {} = {:g}", parameter.name, fmt::join(parameter.values, ", "));
  }
  return kernel.first_layer == FirstLayer::plain
             ? name + " (arora)"
             : fmt::format("{} ({:g}, {:g})", name, kernel.weight_variance, kernel.bias_variance);
}

std::string type_name(KernelType type) {
  return type == KernelType::ntk ? "ntk" : "nngp";
}

std::vector<std::int64_t> numbers(std::int64_t first, std::int64_t count) {
  std::vector<std::int64_t> result(static_cast<std::size_t>(count));
  std::iota(result.begin(), result.end(), first);
  return result;
}

std::vector<double> angles(std::int64_t count, double first, double last) {
  std::vector<double> result;
  for (std::int64_t i = 0; i < count; ++i) {
    result.push_back(first +
                     (last - first) * static_cast<double>(i) / static_cast<double>(count - 1));
  }
  return result;
}

Matrix<double> on_circle(const std::vector<double>& angles) {
  Matrix<double> points(2, std::ssize(angles));
  for (std::size_t i = 0; i < angles.size(); ++i) {
    points.column(static_cast<std::int64_t>(i))[0] = std::cos(angles[i]);
    points.column(static_cast<std::int64_t>(i))[1] = std::sin(angles[i]);
  }
  return points;
}

std::string few_draws_line() {
  return "no claim: standard errors of so few networks are not known; set network.draws to " +
         std::to_string(kFewestDraws) + " or more";
}

std::vector<std::int64_t> divergence(const DrawTable& diverged) {
  std::vector<std::int64_t> result;
  for (const double value : diverged.values()) {
    result.push_back(static_cast<std::int64_t>(value) - 1);
  }
  return result;
}

std::vector<double> log2_widths(const NetworkOptions& options) {
  std::vector<double> result;
  for (const std::int64_t width : options.widths) {
    result.push_back(std::log2(static_cast<double>(width)));
  }
  return result;
}

}  // namespace ntkflow
