#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include <ntkflow/base/numbers.hpp>
#include <ntkflow/dynamics/gradient_flow.hpp>
#include <ntkflow/dynamics/initial_function.hpp>
#include <ntkflow/regression/fit.hpp>
#include <ntkflow/regression/scores.hpp>

#include "commands.hpp"
#include "fail_together.hpp"
#include "kernel_attributes.hpp"
#include "memory.hpp"
#include "problem.hpp"
#include "results.hpp"

namespace ntkflow::app {
namespace {

/// The state that the stages of one run share.
struct Run {
  const Communicator& comm;
  Problem problem;
  Report& report;
  ResultFile file;
  TrainingKernel<double> training;
  std::optional<KernelMatrix<double>> test;  ///< absent without a test set
  InitialValues initial;
  Matrix<double> residual;     ///< y - f_0 on the training set, [N x C]
  double ridge = 0.0;          ///< absolute
  double mean_diagonal = 0.0;  ///< trace(K)/N, for a ridge that is relative to it

  [[nodiscard]] const SplitInfo& split(Split which) const { return problem.dataset->split(which); }
};

Matrix<double> difference(const Matrix<double>& a, const Matrix<double>& b) {
  Matrix<double> result = a.clone();
  std::transform(result.data(), result.data() + result.size(), b.data(), result.data(),
                 std::minus<>{});
  return result;
}

/// increment [n x k C] += f_0 [n x C], for each of k groups of columns.
void add_initial(const Matrix<double>& initial, Matrix<double>& increment) {
  for (std::int64_t j = 0; j < increment.cols(); ++j) {
    const double* f0 = initial.column(j % initial.cols());
    std::transform(f0, f0 + initial.rows(), increment.column(j), increment.column(j),
                   std::plus<>{});
  }
}

void draw_initial_function(Run& run) {
  const std::int64_t outputs = run.problem.dataset->outputs();
  const auto& dynamics = run.problem.config.dynamics;
  if (!dynamics || dynamics->initial == InitialFunction::zero) {
    run.initial = {Matrix<double>(run.problem.train_size(), outputs),
                   Matrix<double>(run.problem.test_size(), outputs)};
  } else {
    const PhaseWork& work = run.problem.plan.phase("initial function");
    auto outcome = run.report.phase(work.phase, work.flop, work.bytes, [&] {
      return draw_gaussian_process(
          load_joint_nngp(run.problem).assemble_symmetric(Triangle::lower, run.report),
          run.problem.train_size(), outputs, dynamics->seed);
    });
    if (const auto* failure = std::get_if<NotPositiveDefinite>(&outcome)) {
      const std::int64_t position = failure->order - 1;
      const bool in_train = position < run.problem.train_size();
      throw NumericalError(
          fmt::format("no initial function can be drawn: the NNGP covariance of training and test "
                      "samples is not positive definite, so "
                      "{} sample {} repeats an earlier one to rounding; remove it or set "
                      "dynamics.initial = \"zero\"",
                      in_train ? "training" : "test",
                      in_train ? position : position - run.problem.train_size()));
    }
    run.initial = std::move(std::get<InitialValues>(outcome));
  }
  run.residual = difference(run.split(Split::train).target, run.initial.train);
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

template <class Real>
std::variant<RegressionFit, NotSolvable> fit(Run& run, const KernelMatrix<Real>& kernel) {
  Report& report = run.report;
  const Plan& plan = run.problem.plan;
  auto k = report.phase("gram", plan.phase("gram").flop, plan.phase("gram").bytes,
                        [&] { return kernel.assemble_symmetric(Triangle::lower, report); });
  const KernelOperator exact(*run.training.matrix, report);
  std::vector<std::int64_t> repeated;
  for (const DuplicatePair& pair : run.problem.dataset->duplicates()) {
    repeated.push_back(pair.second);
  }
  auto outcome = report.untimed("regression", [&] {
    return fit_regression(std::move(k), exact, run.residual, run.ridge, repeated);
  });
  if (const auto* done = std::get_if<RegressionFit>(&outcome)) {
    const auto record = [&](const char* name, double seconds) {
      report.record({name, seconds, plan.phase(name).flop, plan.phase(name).bytes});
    };
    record("factor", done->seconds.factor);
    record("condition", done->seconds.condition);
    record("solve", done->seconds.solve);
    record("residual", done->seconds.residual);
  }
  return outcome;
}

void regression_stage(Run& run) {
  const RegressionOptions& options = *run.problem.config.regression;
  Report& report = run.report;
  auto outcome = options.precision == Precision::single_precision
                     ? fit(run, *load_training_kernel<float>(run.problem).matrix)
                     : fit(run, *run.training.matrix);
  if (const auto* failure = std::get_if<NotSolvable>(&outcome)) {
    refuse_singular(run, *failure);
  }
  const auto& fit = std::get<RegressionFit>(outcome);
  if (!std::isfinite(fit.backward_error)) {
    throw NumericalError(
        "the solution of the regression is not finite: targets or kernel exceed the range of the "
        "precision; "
        "rescale the targets or set regression.precision = \"double\"");
  }
  const double noise =
      static_cast<double>(run.problem.train_size()) *
      (options.precision == Precision::single_precision ? std::numeric_limits<float>::epsilon()
                                                        : std::numeric_limits<double>::epsilon());
  if (fit.reciprocal_condition < noise) {
    report.warning(
        fmt::format("the kernel matrix is singular to working precision: reciprocal condition "
                    "{:.1e} is below N eps = "
                    "{:.1e}; trust no digit of the coefficients, or raise regression.ridge",
                    fit.reciprocal_condition, noise));
  }
  if (fit.smallest_pivot.value < noise * fit.largest_diagonal) {
    report.warning(fmt::format(
        "the smallest pivot of the factorisation, {:.1e} at training sample {}, is rounding noise",
        fit.smallest_pivot.value, fit.smallest_pivot.index));
  }

  const std::int64_t rows = run.problem.train_size();
  const std::int64_t outputs = run.residual.cols();
  ResultFile& file = run.file;
  file.write({"/regression/coefficients",
              "alpha = (K + ridge I)^-1 (y - f0)",
              "1",
              {rows, outputs},
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
  attribute("ridge", fit.ridge);
  attribute("backward_error", fit.backward_error);
  file.attribute("/regression", "refinement_steps", fit.refinement_steps);
  attribute("log_determinant", fit.log_determinant);
  attribute("log_marginal_likelihood", fit.log_marginal_likelihood);
  attribute("reciprocal_condition", fit.reciprocal_condition);
  attribute("smallest_pivot", fit.smallest_pivot.value);
  file.attribute("/regression", "smallest_pivot_sample", fit.smallest_pivot.index);
  attribute("train_mse",
            mean_squared_error(train_prediction.view(), run.split(Split::train).target.view()));
  report.line(
      fmt::format("  backward error {:.1e}, reciprocal condition {:.1e}, smallest pivot {:.2e}, "
                  "log likelihood {:.6g}",
                  fit.backward_error, fit.reciprocal_condition, fit.smallest_pivot.value,
                  fit.log_marginal_likelihood));
  if (!run.test) {
    return;
  }
  const PhaseWork& work = run.problem.plan.phase("test predictions");
  Matrix<double> prediction = report.phase(work.phase, work.flop, work.bytes, [&] {
    return run.test->multiply_transposed(fit.coefficients, report);
  });
  add_initial(run.initial.test, prediction);
  const SplitInfo& test = run.split(Split::test);
  if (run.problem.config.output.predictions) {
    file.write({"/regression/test_prediction",
                "outputs at the test samples",
                "1",
                {test.size(), outputs},
                {"/test_sample", "/output"}},
               row_major(prediction.view()));
  }
  const double mse = mean_squared_error(prediction.view(), test.target.view());
  attribute("test_mse", mse);
  if (test.label.empty()) {
    report.line(fmt::format("  test mean squared error {:.6g}", mse));
    return;
  }
  const double score = accuracy(prediction.view(), test.label);
  attribute("test_accuracy", score);
  report.line(fmt::format("  test accuracy {:.4f}, test mean squared error {:.6g}", score, mse));
}

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

void dynamics_stage(Run& run, const EigenSystem<double>& eigen) {
  const DynamicsOptions& options = *run.problem.config.dynamics;
  ResultFile& file = run.file;
  Report& report = run.report;
  const SplitInfo& train = run.split(Split::train);
  const SplitInfo& test = run.split(Split::test);
  const std::int64_t outputs = run.residual.cols();
  const GradientFlow flow(eigen, run.residual, run.ridge);
  std::vector<double> times = options.times;
  if (options.time_unit == TimeUnit::inverse_lambda_max) {
    for (double& t : times) {
      t /= flow.lambda_max();
    }
  }
  const auto count = static_cast<std::int64_t>(times.size());
  file.scale("/dynamics/time", "time of gradient flow", times);
  file.attribute("/dynamics/time", "lambda_max", flow.lambda_max());
  const bool store = run.problem.config.output.predictions && run.test;
  if (store) {
    file.create({"/dynamics/test_prediction",
                 "outputs at the test samples along the flow",
                 "1",
                 {count, test.size(), outputs},
                 {"/dynamics/time", "/test_sample", "/output"}});
  }

  Curves curves;
  double identity_error = 0.0;
  const KernelOperator k(*run.training.matrix, report);
  const PhaseWork& work = run.problem.plan.phase("dynamics");
  report.phase(work.phase, work.flop, work.bytes, [&] {
    for (std::int64_t begin = 0; begin < count; begin += run.problem.plan.times_per_batch) {
      const std::int64_t size = std::min(run.problem.plan.times_per_batch, count - begin);
      const auto batch = std::span<const double>(times).subspan(static_cast<std::size_t>(begin),
                                                                static_cast<std::size_t>(size));
      const Matrix<double> coefficients = flow.coefficients(batch);
      identity_error = max_or_nan(identity_error, flow.identity_error(k, batch, coefficients));
      Matrix<double> on_train = flow.train_increment(batch);
      add_initial(run.initial.train, on_train);
      score_batch(on_train, train, curves.train_loss, curves.train_accuracy);
      if (!run.test) {
        continue;
      }
      Matrix<double> on_test = run.test->multiply_transposed(coefficients, report);
      add_initial(run.initial.test, on_test);
      score_batch(on_test, test, curves.test_loss, curves.test_accuracy);
      if (store) {
        std::vector<double> rows;
        rows.reserve(run.comm.rank() == 0 ? static_cast<std::size_t>(on_test.size()) : 0);
        for (std::int64_t i = 0; run.comm.rank() == 0 && i < size; ++i) {
          const auto one = row_major(on_test.view().block(0, i * outputs, test.size(), outputs));
          rows.insert(rows.end(), one.begin(), one.end());
        }
        file.write_rows("/dynamics/test_prediction", begin, run.comm.rank() == 0 ? size : 0,
                        rows.data());
      }
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
  file.attribute("/dynamics", "method", std::string("spectral"));
  file.attribute("/dynamics", "error_estimate", identity_error);
  report.value("error_estimate", identity_error);
  std::string summary = fmt::format("  flow identity holds to {:.1e}", identity_error);
  if (!curves.test_loss.empty()) {
    const auto best = static_cast<std::size_t>(
        std::min_element(curves.test_loss.begin(), curves.test_loss.end()) -
        curves.test_loss.begin());
    file.attribute("/dynamics", "best_time_by_test_loss", times[best]);
    report.value("best_time_by_test_loss", times[best]);
    summary += fmt::format("; best test loss {:.6g} at t = {:.4g} ({:.4g}/lambda_max)",
                           curves.test_loss[best], times[best], times[best] * flow.lambda_max());
    if (!curves.test_accuracy.empty()) {
      summary += fmt::format(", accuracy {:.4f} there, {:.4f} at the last time",
                             curves.test_accuracy[best], curves.test_accuracy.back());
    }
  }
  report.line(summary);
}

void spectrum_stage(Run& run, const EigenSystem<double>& eigen) {
  const KernelOperator k(*run.training.matrix, run.report);
  const PhaseWork& work = run.problem.plan.phase("spectrum");
  const SpectrumSummary summary = run.report.phase(work.phase, work.flop, work.bytes, [&] {
    SpectrumSummary result = summarise_spectrum(eigen, k, modes_of(eigen, run.residual), run.ridge);
    write_spectrum(run.file, result, eigen, *run.problem.config.spectrum);
    return result;
  });
  run.report.line(fmt::format(
      "  lambda_max(K/N) {:.6g}, lambda_min {:.3g}, largest learning rate {:.4g}, residual {:.1e}",
      summary.eigenvalue.front(), summary.eigenvalue.back(), summary.max_learning_rate,
      summary.residual));
}

void eigen_stages(Run& run) {
  const Plan& plan = run.problem.plan;
  const PhaseWork& gram_work = plan.phase("gram for eigen");
  auto k = run.report.phase(gram_work.phase, gram_work.flop, gram_work.bytes, [&] {
    return run.training.matrix->assemble_symmetric(Triangle::lower, run.report);
  });
  const PhaseWork& work = plan.phase("eigensystem");
  auto outcome = run.report.phase(work.phase, work.flop, work.bytes,
                                  [&] { return diagonalise(std::move(k)); });
  if (const auto* failure = std::get_if<EigenFailure>(&outcome)) {
    throw NumericalError(fmt::format(
        "the eigensolver p?syevd failed (info = {}): the kernel matrix holds a value that is not "
        "finite, or the iteration did not converge; try another parallel.block_size",
        failure->info));
  }
  const auto& eigen = std::get<EigenSystem<double>>(outcome);
  if (run.problem.config.spectrum) {
    spectrum_stage(run, eigen);
  }
  if (run.problem.config.dynamics) {
    dynamics_stage(run, eigen);
  }
}

void finish(ResultFile& file, Report& report, const Problem& problem) {
  const std::int64_t peak = problem.grid->comm().max(peak_resident_bytes());
  report.phase("write", 0.0, problem.plan.phase("write").bytes, [&] {
    file.attribute("/timing", "peak_resident_bytes", peak);
    file.attribute("/timing", "planned_bytes", problem.plan.peak_bytes());
    write_timing(file, report.phases());
    file.commit();
  });
  report.line(report.timing_table());
  report.line(fmt::format("memory: {} at most on a rank, {} planned",
                          format_bytes(static_cast<double>(peak)),
                          format_bytes(static_cast<double>(problem.plan.peak_bytes()))));
  report.value("peak_resident_bytes", static_cast<double>(peak));
  report.line("result: " + file.path());
}

/// The samples of this rank, and the kernels between them; says how these are evaluated.
/// Collective.
void load_samples(const Problem& problem, Report& report, ResultFile& file,
                  TrainingKernel<double>& training, std::optional<KernelMatrix<double>>& test) {
  report.phase("load samples", 0.0, problem.plan.phase("load samples").bytes, [&] {
    training = load_training_kernel<double>(problem);
    if (problem.test_size() > 0) {
      test.emplace(load_test_kernel(problem, training));
    }
  });
  report.line(describe_kernel(problem.config.kernel.type, *training.evaluator));
  write_evaluation(file, *training.evaluator);
}

void kernel_output(const Problem& problem, Report& report, ResultFile& file,
                   const KernelMatrix<double>& train,
                   const std::optional<KernelMatrix<double>>& test) {
  const PhaseWork& work = problem.plan.phase("kernel output");
  report.phase(work.phase, work.flop, work.bytes,
               [&] { write_kernel_matrices(file, train, test ? &*test : nullptr, report); });
}

void kernel_by_depth_output(const Problem& problem, Report& report, ResultFile& file,
                            const KernelMatrix<double>& train) {
  const PhaseWork& work = problem.plan.phase("kernel by depth");
  report.phase(work.phase, work.flop, work.bytes,
               [&] { write_kernel_by_depth(file, train, report); });
}

void all_stages(Run& run, const std::string& command_line) {
  const RunConfig& config = run.problem.config;
  write_problem(run.file, run.problem, command_line);
  load_samples(run.problem, run.report, run.file, run.training, run.test);
  if (config.output.gram) {
    kernel_output(run.problem, run.report, run.file, *run.training.matrix, run.test);
  }
  if (config.output.gram_depths) {
    kernel_by_depth_output(run.problem, run.report, run.file, *run.training.matrix);
  }
  draw_initial_function(run);
  if (config.regression) {
    const auto diagonal = run.training.matrix->column_diagonal();
    const double trace = std::accumulate(diagonal.begin(), diagonal.end(), 0.0);
    run.mean_diagonal = trace / static_cast<double>(run.problem.train_size());
    run.ridge = absolute_ridge(config.regression->ridge, trace, run.problem.train_size());
    regression_stage(run);
  }
  if (config.dynamics || config.spectrum) {
    eigen_stages(run);
  }
  if (config.output.model) {
    const PhaseWork& work = run.problem.plan.phase("model");
    run.report.phase(work.phase, work.flop, work.bytes,
                     [&] { write_model(run.file, run.problem); });
  }
  finish(run.file, run.report, run.problem);
}

}  // namespace

void run(const Communicator& comm, const CommandLine& line) {
  Report report(comm, line);
  Problem problem = prepare(comm, line, PlannedCommand::run, report);
  ResultFile file(comm, problem.config.output.file, line.overwrite);
  Run state{comm, std::move(problem), report, std::move(file), {}, std::nullopt, {}, {}, 0.0, 0.0};
  fail_together(comm, state.file.path(), [&] { all_stages(state, line.text); });
}

void gram(const Communicator& comm, const CommandLine& line) {
  Report report(comm, line);
  const Problem problem = prepare(comm, line, PlannedCommand::gram, report);
  ResultFile file(comm, problem.config.output.file, line.overwrite);
  fail_together(comm, file.path(), [&] {
    write_problem(file, problem, line.text);
    TrainingKernel<double> training;
    std::optional<KernelMatrix<double>> test;
    load_samples(problem, report, file, training, test);
    kernel_output(problem, report, file, *training.matrix, test);
    if (problem.config.output.gram_depths) {
      kernel_by_depth_output(problem, report, file, *training.matrix);
    }
    finish(file, report, problem);
  });
}

}  // namespace ntkflow::app
