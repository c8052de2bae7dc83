#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <ntkflow/base/numbers.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dynamics/gradient_flow.hpp>
#include <ntkflow/dynamics/krylov_flow.hpp>
#include <ntkflow/linalg/refined_inverse.hpp>
#include <ntkflow/linalg/stored_symmetric.hpp>
#include <ntkflow/regression/scores.hpp>

#include "results.hpp"
#include "stages.hpp"

namespace ntkflow::app {
namespace {

/// Losses and accuracies along the flow.
struct Curves {
  std::vector<double> train_loss, test_loss, train_accuracy, test_accuracy;
};

/// Appends the scores of each time of a batch, whose outputs stand side by side in [n x (times C)].
void score_batch(const Matrix<double>& outputs, const SplitInfo& split, std::vector<double>& loss,
                 std::vector<double>& scores) {
  const std::int64_t c = split.target.cols();
  for (std::int64_t first = 0; first < outputs.cols(); first += c) {
    const auto at_time = outputs.view().block(0, first, outputs.rows(), c);
    loss.push_back(flow_loss(at_time, split.target.view()));
    if (!split.label.empty()) {
      scores.push_back(accuracy(at_time, split.label));
    }
  }
}

/// Adds `size` times from `begin` on to the stored trajectory.
void write_predictions(ResultFile& file, const Communicator& comm, std::int64_t begin,
                       std::int64_t size, const Matrix<double>& on_test, std::int64_t outputs) {
  std::vector<double> rows;
  const std::int64_t mine = comm.rank() == 0 ? size : 0;
  rows.reserve(comm.rank() == 0 ? static_cast<std::size_t>(on_test.size()) : 0);
  for (std::int64_t i = 0; i < mine; ++i) {
    const auto one = row_major(on_test.view().block(0, i * outputs, on_test.rows(), outputs));
    rows.insert(rows.end(), one.begin(), one.end());
  }
  file.write_rows("/dynamics/test_prediction", begin, mine, rows.data());
}

/// As a configuration spells it.
std::string optimizer_name(Optimizer optimizer) {
  switch (optimizer) {
    case Optimizer::flow:
      return "flow";
    case Optimizer::gradient_descent:
      return "gradient_descent";
    case Optimizer::heavy_ball:
      return "heavy_ball";
    case Optimizer::nesterov:
      return "nesterov";
  }
  return {};
}

/// Writes the axes of the points, by what rule training moves between them, and whether that is
/// stable.
void write_rule(Run& run, const Flow& flow, const std::vector<double>& points) {
  const TrainingRule& rule = flow.rule();
  ResultFile& file = run.file;
  const DynamicsOptions& options = *run.problem.config.dynamics;
  std::vector<double> times;
  for (const double point : points) {
    times.push_back(rule.time(point));
  }
  file.scale("/dynamics/time",
             rule.has_steps() ? "number of steps times the learning rate" : "time of gradient flow",
             times);
  file.attribute("/dynamics/time", "lambda_max", flow.lambda_max());
  file.attribute("/dynamics", "optimizer", optimizer_name(rule.optimizer));
  if (!rule.has_steps()) {
    return;
  }
  const std::vector<std::int64_t> steps(points.begin(), points.end());
  file.write({"/dynamics/step", "number of steps", "1", {std::ssize(steps)}, {"/dynamics/time"}},
             steps);
  const Stability stability = stability_of(rule, flow.modes());
  const double limit = stability.stable_learning_rate;
  file.attribute("/dynamics", "learning_rate", rule.learning_rate);
  file.attribute("/dynamics", "stable_learning_rate", limit);
  file.attribute("/dynamics", "unstable_modes", stability.unstable_modes);
  if (options.optimizer != Optimizer::gradient_descent) {
    file.attribute("/dynamics", "momentum", rule.momentum);
  }
  run.report.line(fmt::format(
      "  {}: learning rate {:.4g} ({:.4g}/lambda_max), stable below {:.4g} ({:.4g}/lambda_max)",
      optimizer_text(rule.optimizer), rule.learning_rate, rule.learning_rate * flow.lambda_max(),
      limit, limit * flow.lambda_max()));
  run.report.value("unstable_modes", static_cast<double>(stability.unstable_modes));
  if (stability.unstable_modes == 0) {
    return;
  }
  const double rises_at = stability.rises_at.value_or(-1.0);
  file.attribute("/dynamics", "loss_rises_at_step", static_cast<std::int64_t>(rises_at));
  run.report.warning(fmt::format(
      "the learning rate {:.6g} is not below {:.6g}, beyond which {} diverges: {} mode{} grow{} "
      "without bound{}",
      rule.learning_rate, limit, optimizer_text(rule.optimizer), stability.unstable_modes,
      stability.unstable_modes == 1 ? "" : "s", stability.unstable_modes == 1 ? "s" : "",
      stability.rises_at
          ? fmt::format(", and the training loss exceeds its start at step {:.0f}", rises_at)
          : std::string(", but nothing in the residual excites it")));
}

/// How many points, the first ones, have values that do not overflow.
std::int64_t computable(Run& run, const Flow& flow, const std::vector<double>& points) {
  const TrainedModes modes = flow.modes();
  const std::size_t finite =
      finite_points(flow.rule(), points, modes.lambda.back() + modes.ridge, modes.samples);
  if (finite < points.size()) {
    run.file.attribute("/dynamics", "overflow_step", static_cast<std::int64_t>(points[finite]));
    const std::size_t lost = points.size() - finite;
    run.report.warning(
        fmt::format("f overflows: the last {}, from {:.0f} on, {} stored as inf, with accuracy 0",
                    lost == 1 ? "recorded step" : fmt::format("{} recorded steps", lost),
                    points[finite], lost == 1 ? "is" : "are"));
  }
  return static_cast<std::int64_t>(finite);
}

/// Errors of f_t at the times of a batch that begins at `first`, given its coefficients.
using ErrorEstimate = std::function<std::vector<double>(
    std::size_t first, std::span<const double> times, const Matrix<double>& coefficients)>;

/// What the estimates are of.
struct ErrorNames {
  const char* in_file;
  const char* on_screen;
};

/// What is stored of steps that overflow, the last ones.
void write_overflow(Run& run, std::int64_t begin, std::int64_t count, bool has_predictions,
                    Curves& curves, std::vector<double>& errors) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const SplitInfo& test = run.split(Split::test);
  const auto all = static_cast<std::size_t>(count);
  errors.resize(all, kInfinity);
  curves.train_loss.resize(all, kInfinity);
  if (!run.split(Split::train).label.empty()) {
    curves.train_accuracy.resize(all, 0.0);
  }
  if (run.test) {
    curves.test_loss.resize(all, kInfinity);
    if (!test.label.empty()) {
      curves.test_accuracy.resize(all, 0.0);
    }
  }
  if (has_predictions) {
    const std::int64_t outputs = run.residual.cols();
    Matrix<double> infinite;
    collectively(run.comm, [&] { infinite = Matrix<double>(test.size(), outputs); });
    std::fill_n(infinite.data(), infinite.size(), kInfinity);
    for (std::int64_t point = begin; point < count; ++point) {
      write_predictions(run.file, run.comm, point, 1, infinite, outputs);
    }
  }
}

/// Follows training on training and test set, a batch of points after the other, and writes it.
void follow(Run& run, const Flow& flow, const std::vector<double>& times, const ErrorNames& names,
            const ErrorEstimate& estimate) {
  ResultFile& file = run.file;
  Report& report = run.report;
  const SplitInfo& train = run.split(Split::train);
  const SplitInfo& test = run.split(Split::test);
  const std::int64_t outputs = run.residual.cols();
  const auto count = static_cast<std::int64_t>(times.size());
  write_rule(run, flow, times);
  const std::int64_t computed = computable(run, flow, times);
  const bool store = run.problem.config.output.predictions && run.test;
  if (store) {
    file.create({"/dynamics/test_prediction",
                 "outputs at the test samples along the flow",
                 "1",
                 {count, test.size(), outputs},
                 {"/dynamics/time", "/test_sample", "/output"}});
  }

  Curves curves;
  std::vector<double> errors;
  const PhaseWork& work = run.problem.plan.phase("dynamics");
  report.phase(work, [&] {
    for (std::int64_t begin = 0; begin < computed; begin += run.problem.plan.times_per_batch) {
      const std::int64_t size = std::min(run.problem.plan.times_per_batch, computed - begin);
      const auto batch = std::span<const double>(times).subspan(static_cast<std::size_t>(begin),
                                                                static_cast<std::size_t>(size));
      {  // the coefficients go before the values on the training set come
        const Matrix<double> coefficients = flow.coefficients(batch);
        const auto more = estimate(static_cast<std::size_t>(begin), batch, coefficients);
        errors.insert(errors.end(), more.begin(), more.end());
        if (run.test) {
          Matrix<double> on_test = run.test->multiply_transposed(coefficients, report);
          add_initial(run.initial.test, on_test);
          score_batch(on_test, test, curves.test_loss, curves.test_accuracy);
          if (store) {
            write_predictions(file, run.comm, begin, size, on_test, outputs);
          }
        }
      }
      Matrix<double> on_train = flow.train_increment(batch);
      add_initial(run.initial.train, on_train);
      score_batch(on_train, train, curves.train_loss, curves.train_accuracy);
    }
    if (computed < count) {
      write_overflow(run, computed, count, store, curves, errors);
    }
  });

  const auto write_curve = [&](const char* path, const char* long_name,
                               const std::vector<double>& values) {
    if (!values.empty()) {
      file.write({path, long_name, "1", {count}, {"/dynamics/time"}}, values);
    }
  };
  write_curve("/dynamics/train_loss", "half the mean over training samples of |f - y|^2",
              curves.train_loss);
  write_curve("/dynamics/test_loss", "half the mean over test samples of |f - y|^2",
              curves.test_loss);
  write_curve("/dynamics/train_accuracy", "fraction of training samples classified rightly",
              curves.train_accuracy);
  write_curve("/dynamics/test_accuracy", "fraction of test samples classified rightly",
              curves.test_accuracy);
  // Of what does not overflow, if anything does not.
  const double largest_error =
      computed == 0 ? errors.front()
                    : std::accumulate(errors.begin(), errors.begin() + computed, 0.0, max_or_nan);
  write_curve("/dynamics/error_estimate", names.in_file, errors);
  file.attribute("/dynamics", "error_estimate", largest_error);
  report.value("error_estimate", largest_error);
  std::string summary = fmt::format("  {} {:.1e}", names.on_screen, largest_error);
  if (!curves.test_loss.empty()) {
    const auto best = static_cast<std::size_t>(
        std::min_element(curves.test_loss.begin(), curves.test_loss.end()) -
        curves.test_loss.begin());
    const double time = flow.rule().time(times[best]);
    file.attribute("/dynamics", "best_time_by_test_loss", time);
    report.value("best_time_by_test_loss", time);
    summary += fmt::format("; best test loss {:.6g} at t = {:.4g} ({:.4g}/lambda_max)",
                           curves.test_loss[best], time, time * flow.lambda_max());
    if (flow.rule().has_steps()) {
      file.attribute("/dynamics", "best_step_by_test_loss", static_cast<std::int64_t>(times[best]));
      summary += fmt::format(", after {:.0f} steps", times[best]);
    }
    if (!curves.test_accuracy.empty()) {
      summary += fmt::format(", accuracy {:.4f} there, {:.4f} at the last time",
                             curves.test_accuracy[best], curves.test_accuracy.back());
    }
  }
  report.line(summary);
}

}  // namespace

SolvedKernel store_kernel(Run& run, const char* gram_phase, const char* mirror_phase) {
  const auto timed = [&](const char* phase, auto&& work) {
    const PhaseWork& planned = run.problem.plan.phase(phase);
    return run.report.phase(planned, work);
  };
  const auto k = std::make_shared<DistMatrix<double>>(timed(gram_phase, [&] {
    return run.training.matrix->assemble_symmetric(Triangle::lower, run.report);
  }));
  timed(mirror_phase, [&] { mirror_lower(*k); });
  SolvedKernel kernel;
  auto products = std::make_unique<StoredSymmetric<double>>(*k, run.diagonal);
  if (has_leading_spectrum(run.problem.config)) {
    kernel.frobenius = products->frobenius_norm();
  }
  kernel.products = std::move(products);
  kernel.memory = k;
  return kernel;
}

void spectral_dynamics(Run& run, const EigenSystem<double>& eigen) {
  const DynamicsOptions& options = *run.problem.config.dynamics;
  const auto n = static_cast<double>(run.problem.train_size());
  const double lambda_max = eigen.values.back() / n;
  const TrainingRule rule = training_rule(options, lambda_max);
  collectively(run.comm, [&] { require_stable(options, rule, lambda_max + run.ridge / n); });
  const GradientFlow flow(eigen, run.residual, run.ridge, rule);
  const auto times = absolute_times(options, lambda_max);
  const KernelOperator k(*run.training.matrix, run.report);
  write_method(run.file, "/dynamics", "spectral", run.problem.reasons.method);
  follow(run, flow, times,
         rule.has_steps()
             ? ErrorNames{"how far the identity K A + p(K) r = r of the steps is missed",
                          "identity of the steps holds to"}
             : ErrorNames{"how far the flow's identity K A + exp(-t K / N) r = r is missed",
                          "flow identity holds to"},
         [&](std::size_t, std::span<const double> batch, const Matrix<double>& coefficients) {
           return flow.identity_errors(k, batch, coefficients);
         });
}

void krylov_dynamics(Run& run, std::shared_ptr<const SolvedKernel> solved) {
  const DynamicsOptions& options = *run.problem.config.dynamics;
  Report& report = run.report;
  const bool has_factor = solved != nullptr && solved->inverse != nullptr;
  const bool regenerated = options.products == FlowProducts::regenerated;
  const KernelOperator exact(*run.training.matrix, report);
  const ShiftedOperator exact_shifted(exact, run.ridge);
  std::optional<RefinedInverse> refined;
  if (has_factor && regenerated && solved->is_single) {
    refined.emplace(run.comm, exact_shifted, *solved->inverse, solved->norm, RefineOptions{},
                    report);
  }
  const bool is_rounded = has_factor && solved->is_single && !regenerated;
  KrylovOperators operators;
  operators.products = regenerated ? &exact : solved->products.get();
  operators.inverse = refined ? &*refined : has_factor ? solved->inverse.get() : nullptr;
  operators.exact = is_rounded ? &exact : nullptr;
  operators.trace = std::accumulate(run.diagonal.begin(), run.diagonal.end(), 0.0);
  operators.roundoff = 0.5 * (is_rounded ? double{std::numeric_limits<float>::epsilon()}
                                         : std::numeric_limits<double>::epsilon());
  const auto built_flow = report.untimed("krylov", [&] {
    return std::make_unique<const KrylovFlow>(run.comm, operators, run.residual,
                                              has_factor ? &solved->coefficients : nullptr,
                                              run.ridge, options, report);
  });
  const KrylovFlow& flow = *built_flow;
  solved.reset();  // the matrix has served

  const KrylovReport& built = flow.report();
  const Plan& plan = run.problem.plan;
  report.record(plan.phase("krylov products"), built.product_seconds,
                static_cast<double>(built.products));
  if (has_factor) {
    report.record(plan.phase("krylov solves"), built.solve_seconds,
                  static_cast<double>(built.solves));
  }
  report.record(plan.phase("krylov basis"), built.orthogonalisation_seconds);
  report.record(plan.phase("krylov estimate"), built.estimate_seconds);
  report.line(fmt::format("  a space of {} dimensions from {} products and {} solves",
                          built.dimension, built.products, built.solves));
  if (!built.converged) {
    report.warning(fmt::format(
        "the Krylov space reached its largest dimension, {}, before dynamics.tolerance = {:.1e}; "
        "see error_estimate for what was reached, raise the tolerance, or set dynamics.method = "
        "\"spectral\"",
        built.dimension, options.tolerance));
  }
  const auto& estimates = flow.error_estimate();
  const double largest_residual = largest_magnitude(run.residual.data(), run.residual.size());
  if (const double error = std::accumulate(estimates.begin(), estimates.end(), 0.0, max_or_nan);
      built.converged && !(error <= options.tolerance * largest_residual)) {
    report.line(fmt::format(
        "  dynamics.tolerance is not reached at all times: {}",
        is_rounded ? "products with K in single precision keep about six digits, "
                     "dynamics.products = \"regenerated\" keeps all"
                   : "rounding in double precision is as large as error_estimate says"));
  }
  write_method(run.file, "/dynamics", "krylov", run.problem.reasons.method);
  ResultFile& file = run.file;
  file.attribute("/dynamics", "products", std::string(regenerated ? "regenerated" : "stored"));
  file.attribute("/dynamics", "basis_dimension", built.dimension);
  file.attribute("/dynamics", "product_count", built.products);
  file.attribute("/dynamics", "solve_count", built.solves);
  file.attribute("/dynamics", "identity_error", built.identity_error);
  follow(run, flow, flow.times(),
         {"estimated largest error of f over samples and outputs", "estimated error of f_t"},
         [&](std::size_t first, std::span<const double> batch, const Matrix<double>&) {
           const auto begin = flow.error_estimate().begin() + static_cast<std::ptrdiff_t>(first);
           return std::vector<double>(begin, begin + static_cast<std::ptrdiff_t>(batch.size()));
         });
}

}  // namespace ntkflow::app
