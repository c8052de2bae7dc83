#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/linalg/refine.hpp>
#include <ntkflow/linalg/stored_symmetric.hpp>
#include <ntkflow/regression/fit.hpp>
#include <ntkflow/regression/scores.hpp>

#include "results.hpp"
#include "stages.hpp"

namespace ntkflow::app {
namespace {

struct Solved {
  RegressionFit fit;
  SolvedKernel kernel;
};
using Attempt = std::variant<Solved, NotSolvable>;

/// Whether a mixed-precision attempt failed in a way that double precision may mend. A repeated
/// sample makes K singular in any precision.
bool may_fall_back(const Run& run, const Attempt& attempt) {
  if (const auto* solved = std::get_if<Solved>(&attempt)) {
    return solved->fit.refinement == RefineOutcome::stalled;
  }
  const std::int64_t position = std::get<NotSolvable>(attempt).order - 1;
  const auto& pairs = run.problem.dataset->duplicates();
  return run.ridge > 0.0 || std::none_of(pairs.begin(), pairs.end(),
                                         [&](const auto& pair) { return pair.second == position; });
}

/// Factors and solves in the precision of `k`, lower triangle filled. Collective.
template <class Real>
Attempt solve(Run& run, Precision precision, DistMatrix<Real> k) {
  Report& report = run.report;
  const Plan& plan = run.problem.plan;
  const RunConfig& config = run.problem.config;
  if (keeps_kernel(config)) {
    const PhaseWork& work = plan.phase("mirror");
    report.phase(work, [&] { mirror_lower(k); });
  }
  std::vector<std::int64_t> repeated;
  for (const DuplicatePair& pair : run.problem.dataset->duplicates()) {
    repeated.push_back(pair.second);
  }
  const KernelOperator exact(*run.training.matrix, report);
  FitOptions options;
  options.factorization = config.regression->factorization;
  if (precision == Precision::mixed) {
    options.refinement = RefineOptions{};
  }
  auto outcome = report.untimed("regression", [&] {
    return fit_regression(std::move(k), exact, run.residual, run.ridge, repeated, options, report);
  });
  if (auto* failure = std::get_if<NotSolvable>(&outcome)) {
    PhaseWork attempted = plan.phase("factor");
    attempted.flop = 0.0;  // how many it did before it failed, nobody has counted
    report.record(attempted, failure->factor_seconds);
    return *failure;
  }
  auto& regression = std::get<Regression<Real>>(outcome);
  const FitSeconds& seconds = regression.fit.seconds;
  const auto record = [&](const char* name, double time) { report.record(plan.phase(name), time); };
  record("factor", seconds.factor);
  record("condition", seconds.condition);
  const auto repeats = 1.0 + static_cast<double>(regression.fit.refinement_steps);
  report.record(plan.phase("solve"), seconds.solve, repeats);
  report.record(plan.phase("residual"), seconds.residual, repeats);

  const auto factor = std::make_shared<CholeskyFactor<Real>>(std::move(regression.factor));
  SolvedKernel kernel;
  auto products = std::make_unique<StoredSymmetric<Real>>(factor->matrix(), run.diagonal);
  if (has_leading_spectrum(config)) {
    kernel.frobenius = products->frobenius_norm();
  }
  kernel.products = std::move(products);
  kernel.inverse = std::make_unique<CholeskyInverse<Real>>(*factor);
  kernel.memory = factor;
  kernel.coefficients = regression.fit.coefficients.clone();
  kernel.norm = regression.fit.norm;
  kernel.is_single = precision != Precision::double_precision;
  return Solved{std::move(regression.fit), std::move(kernel)};
}

/// The kernel matrix as `precision` stores it, factored and solved. Collective.
Attempt solve(Run& run, Precision precision) {
  Report& report = run.report;
  const PhaseWork& work = run.problem.plan.phase("gram");
  const auto timed = [&](auto&& assemble) { return report.phase(work, assemble); };
  const KernelMatrix<double>& kernel = *run.training.matrix;
  switch (precision) {
    case Precision::single_precision:
      return solve(run, precision, timed([&] {
                     return load_training_kernel<float>(run.problem)
                         .matrix->assemble_symmetric(Triangle::lower, report);
                   }));
    case Precision::mixed:
      return solve(run, precision, timed([&] { return kernel.assemble_rounded(report); }));
    default:
      return solve(run, precision,
                   timed([&] { return kernel.assemble_symmetric(Triangle::lower, report); }));
  }
}

[[noreturn]] void refuse_singular(const Run& run, const NotSolvable& failure) {
  const std::int64_t position = failure.order - 1;
  std::string cause =
      "samples closer to each other than rounding can tell, or fewer dimensions than samples";
  for (const DuplicatePair& pair : run.problem.dataset->duplicates()) {
    if (pair.second == position) {
      cause = fmt::format("training sample {} is the same as sample {}", pair.second, pair.first);
    }
  }
  // In the unit in which the configuration gives the ridge.
  const bool relative = run.problem.config.regression->ridge.scale == RidgeScale::mean_diagonal;
  const double unit = relative ? run.mean_diagonal : 1.0;
  throw NumericalError(
      fmt::format("the kernel matrix is not positive definite: its leading minor of order {} of {} "
                  "fails, which adds training sample {} "
                  "(row {} of the source); likely cause: {}; remove the cause or set "
                  "regression.ridge = {:.2g} or more (now {:.2g})",
                  failure.order, run.problem.train_size(), position,
                  run.split(Split::train).source_row[static_cast<std::size_t>(position)], cause,
                  failure.suggested_ridge / unit, run.ridge / unit));
}

/// Why mixed precision did not do.
std::string failure_of(const Attempt& attempt) {
  if (const auto* failure = std::get_if<NotSolvable>(&attempt)) {
    return fmt::format("the kernel matrix is not positive definite in single precision (order {})",
                       failure->order);
  }
  const RegressionFit& fit = std::get<Solved>(attempt).fit;
  return fmt::format(
      "refinement stalled after {} steps at a backward error of {:.1e} (condition number about "
      "{:.1e} in single precision)",
      fit.refinement_steps, fit.backward_error, 1.0 / fit.reciprocal_condition);
}

/// The plan of the same run in double precision, if this run's memory holds it.
std::optional<Plan> double_plan(const Problem& problem) {
  RunConfig config = problem.config;
  config.regression->precision = Precision::double_precision;
  Plan plan = make_plan(config, problem.plan.shape, problem.target.ranks, problem.target.command,
                        problem.target.rates);
  return plan.fits(problem.target.bytes_per_rank) ? std::optional(std::move(plan)) : std::nullopt;
}

/// Solves as configured; where mixed precision does not reach its tolerance, in double precision if
/// memory allows.
Solved solve_or_fall_back(Run& run, std::string& reason) {
  Precision& precision = run.problem.config.regression->precision;
  Attempt attempt = solve(run, precision);
  if (precision == Precision::mixed && may_fall_back(run, attempt)) {
    const std::string failure = failure_of(attempt);
    std::optional<Plan> plan;
    collectively(run.comm, [&] { plan = double_plan(run.problem); });
    if (!plan) {
      throw NumericalError(
          failure +
          "; double precision would do more, but its memory is not available: raise "
          "regression.ridge" +
          (std::holds_alternative<Solved>(attempt)
               ? ", use more ranks, or set regression.precision = \"single\" for a solution that "
                 "is "
                 "not refined"
               : " or use more ranks"));
    }
    run.report.warning(failure + "; going on in double precision");
    attempt = NotSolvable{};  // frees the matrix
    reason = "fallback: " + failure;
    precision = Precision::double_precision;
    run.problem.plan = std::move(*plan);
    attempt = solve(run, precision);
  }
  if (const auto* failure = std::get_if<NotSolvable>(&attempt)) {
    refuse_singular(run, *failure);
  }
  return std::move(std::get<Solved>(attempt));
}

void warn_of_rounding(Run& run, const RegressionFit& fit) {
  // A refinement that converged has shown that rounding to single does not matter.
  const bool is_single = run.problem.config.regression->precision == Precision::single_precision;
  const double noise =
      static_cast<double>(run.problem.train_size()) *
      (is_single ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon());
  if (fit.reciprocal_condition < noise) {
    run.report.warning(
        fmt::format("the kernel matrix is singular to working precision: reciprocal condition "
                    "{:.1e} is below N eps = "
                    "{:.1e}; trust no digit of the coefficients, or raise regression.ridge",
                    fit.reciprocal_condition, noise));
  }
  if (fit.smallest_pivot.value < noise * fit.largest_diagonal) {
    run.report.warning(fmt::format(
        "the smallest pivot of the factorisation, {:.1e} at training sample {}, is rounding noise",
        fit.smallest_pivot.value, fit.smallest_pivot.index));
  }
}

void write_fit(Run& run, const RegressionFit& fit, const std::string& reason) {
  const RegressionOptions& options = *run.problem.config.regression;
  Report& report = run.report;
  ResultFile& file = run.file;
  file.write({"/regression/coefficients",
              "alpha = (K + ridge I)^-1 (y - f0)",
              "1",
              {run.problem.train_size(), run.residual.cols()},
              {"/train_sample", "/output"}},
             row_major(fit.coefficients.view()));
  // f(X) = f_0 + K alpha = y - residual - ridge alpha
  Matrix<double> train_prediction = difference(run.split(Split::train).target, fit.residual);
  for (std::int64_t i = 0; i < train_prediction.size(); ++i) {
    train_prediction.data()[i] -= fit.ridge * fit.coefficients.data()[i];
  }
  const auto attribute = [&](const char* name, double value) {
    file.attribute("/regression", name, value);
    report.value(name, value);
  };
  file.attribute("/regression", "precision", precision_name(run.problem.config));
  if (!reason.empty()) {
    file.attribute("/regression", "precision_reason", reason);
  }
  attribute("ridge", fit.ridge);
  attribute("backward_error", fit.backward_error);
  file.attribute("/regression", "refinement_steps", fit.refinement_steps);
  file.attribute("/regression", "refinement_history", fit.refinement_history);
  attribute("log_determinant", fit.log_determinant);
  attribute("log_marginal_likelihood", fit.log_marginal_likelihood);
  attribute("reciprocal_condition", fit.reciprocal_condition);
  attribute("smallest_pivot", fit.smallest_pivot.value);
  file.attribute("/regression", "smallest_pivot_sample", fit.smallest_pivot.index);
  attribute("train_mse",
            mean_squared_error(train_prediction.view(), run.split(Split::train).target.view()));
  if (options.precision == Precision::mixed) {
    std::string history;
    for (const double error : fit.refinement_history) {
      history += fmt::format("{}{:.1e}", history.empty() ? "" : ", ", error);
    }
    report.line(fmt::format("  refined from single precision in {} step{}, backward errors {}",
                            fit.refinement_steps, fit.refinement_steps == 1 ? "" : "s", history));
  }
  report.line(
      fmt::format("  backward error {:.1e}, reciprocal condition {:.1e}, smallest pivot {:.2e}, "
                  "log likelihood {:.6g}",
                  fit.backward_error, fit.reciprocal_condition, fit.smallest_pivot.value,
                  fit.log_marginal_likelihood));
}

void predict_test_set(Run& run, const RegressionFit& fit) {
  Report& report = run.report;
  ResultFile& file = run.file;
  const PhaseWork& work = run.problem.plan.phase("test predictions");
  Matrix<double> prediction =
      report.phase(work, [&] { return run.test->multiply_transposed(fit.coefficients, report); });
  add_initial(run.initial.test, prediction);
  const SplitInfo& test = run.split(Split::test);
  if (run.problem.config.output.predictions) {
    file.write({"/regression/test_prediction",
                "outputs at the test samples",
                "1",
                {test.size(), prediction.cols()},
                {"/test_sample", "/output"}},
               row_major(prediction.view()));
  }
  const auto attribute = [&](const char* name, double value) {
    file.attribute("/regression", name, value);
    report.value(name, value);
  };
  const double mse = mean_squared_error(prediction.view(), test.target.view());
  attribute("test_mse", mse);
  run.test_prediction = std::move(prediction);
  if (test.label.empty()) {
    report.line(fmt::format("  test mean squared error {:.6g}", mse));
    return;
  }
  const double score = accuracy(std::as_const(run.test_prediction).view(), test.label);
  attribute("test_accuracy", score);
  report.line(fmt::format("  test accuracy {:.4f}, test mean squared error {:.6g}", score, mse));
}

}  // namespace

SolvedKernel regression_stage(Run& run) {
  std::string reason = run.problem.reasons.precision;
  Solved solved = solve_or_fall_back(run, reason);
  const RegressionFit& fit = solved.fit;
  if (!std::isfinite(fit.backward_error) || !std::isfinite(fit.log_marginal_likelihood)) {
    throw NumericalError(
        "the solution of the regression is not finite: targets or kernel exceed the range of the "
        "precision; "
        "rescale the targets or set regression.precision = \"double\"");
  }
  warn_of_rounding(run, fit);
  write_fit(run, fit, reason);
  if (run.test) {
    predict_test_set(run, fit);
  }
  return std::move(solved.kernel);
}

}  // namespace ntkflow::app
