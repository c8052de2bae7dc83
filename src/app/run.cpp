#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <variant>

#include <fmt/format.h>

#include <ntkflow/base/numbers.hpp>
#include <ntkflow/dynamics/gradient_flow.hpp>
#include <ntkflow/dynamics/initial_function.hpp>
#include <ntkflow/regression/fit.hpp>
#include <ntkflow/regression/scores.hpp>

#include "commands.hpp"
#include "fail_together.hpp"
#include "joint_covariance.hpp"
#include "kernel_attributes.hpp"
#include "memory.hpp"
#include "results.hpp"
#include "stages.hpp"
#include "stop_signal.hpp"

namespace ntkflow::app {

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

NetworkDraw draw_network(Run& run, const char* phase, std::int64_t columns, std::uint64_t seed,
                         SingularCovariance singular, const std::string& remedy) {
  const PhaseWork& work = run.problem.plan.phase(phase);
  const std::int64_t train_size = run.problem.train_size();
  auto [outcome, jitter] = run.report.phase(work, [&] {
    return with_covariance(load_joint_nngp(run.problem), singular, run.report,
                           [&](DistMatrix<double> covariance) {
                             return draw_gaussian_process(std::move(covariance), train_size,
                                                          columns, seed, run.report);
                           });
  });
  if (const auto* failure = std::get_if<NotPositiveDefinite>(&outcome)) {
    refuse_covariance("no initial function can be drawn: the NNGP covariance", *failure, train_size,
                      jitter, remedy);
  }
  return {std::move(std::get<InitialValues>(outcome)), jitter};
}

void refuse_covariance(const std::string& what, const NotPositiveDefinite& failure,
                       std::int64_t train_size, double jitter, const std::string& remedy) {
  const std::int64_t position = failure.order - 1;
  const bool in_train = position < train_size;
  throw NumericalError(fmt::format(
      "{} of training and test samples is not positive definite{}, so {} sample {} repeats an "
      "earlier one or is determined by the others to rounding; remove it or {}",
      what, jitter > 0.0 ? fmt::format(", even with {:.1e} on its diagonal", jitter) : "",
      in_train ? "training" : "test", in_train ? position : position - train_size, remedy));
}

EigenSystem<double> eigensystem_of(Run& run, const KernelMatrix<double>& kernel,
                                   const char* gram_phase, const char* phase) {
  const Plan& plan = run.problem.plan;
  const PhaseWork& gram_work = plan.phase(gram_phase);
  auto k = run.report.phase(gram_work,
                            [&] { return kernel.assemble_symmetric(Triangle::lower, run.report); });
  const PhaseWork& work = plan.phase(phase);
  auto outcome = run.report.phase(work, [&] { return diagonalise(std::move(k)); });
  if (const auto* failure = std::get_if<EigenFailure>(&outcome)) {
    throw NumericalError(fmt::format(
        "the eigensolver p?syevd failed (info = {}): the kernel matrix holds a value that is not "
        "finite, or the iteration did not converge; try another parallel.block_size",
        failure->info));
  }
  return std::move(std::get<EigenSystem<double>>(outcome));
}

namespace {

void draw_initial_function(Run& run) {
  const std::int64_t outputs = run.problem.dataset->outputs();
  const auto& dynamics = run.problem.config.dynamics;
  if (!dynamics || dynamics->initial == InitialFunction::zero) {
    run.initial = {Matrix<double>(run.problem.train_size(), outputs),
                   Matrix<double>(run.problem.test_size(), outputs)};
  } else {
    run.initial = draw_network(run, "initial function", outputs, dynamics->seed,
                               SingularCovariance::refused, "set dynamics.initial = \"zero\"")
                      .values;
  }
  run.residual = difference(run.split(Split::train).target, run.initial.train);
}

/// @param kept  of the ridge path, where it had one
EigenSystem<double> eigen_stages(Run& run, std::optional<EigenSystem<double>> kept) {
  auto eigen = kept ? std::move(*kept)
                    : eigensystem_of(run, *run.training.matrix, "gram for eigen", "eigensystem");
  if (has_full_spectrum(run.problem.config)) {
    full_spectrum(run, eigen);
  }
  if (is_spectral(run.problem.config)) {
    spectral_dynamics(run, eigen);
  }
  return eigen;
}

void finish(ResultFile& file, Report& report, const Problem& problem) {
  const std::int64_t peak = problem.grid->comm().max(peak_resident_bytes());
  report.phase(problem.plan.phase("write"), [&] {
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
  report.phase(problem.plan.phase("load samples"), [&] {
    training = load_training_kernel<double>(problem);
    if (problem.test_size() > 0) {
      test.emplace(load_test_kernel(problem, training));
    }
  });
  report.line(describe_kernel(problem.config.kernel, *training.evaluator));
  write_evaluation(file, *training.evaluator);
}

void kernel_output(const Problem& problem, Report& report, ResultFile& file,
                   const KernelMatrix<double>& train,
                   const std::optional<KernelMatrix<double>>& test) {
  const PhaseWork& work = problem.plan.phase("kernel output");
  report.phase(work, [&] { write_kernel_matrices(file, train, test ? &*test : nullptr, report); });
}

void kernel_by_depth_output(const Problem& problem, Report& report, ResultFile& file,
                            const KernelMatrix<double>& train) {
  const PhaseWork& work = problem.plan.phase("kernel by depth");
  report.phase(work, [&] { write_kernel_by_depth(file, train, report); });
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
  if (config.regression || uses_krylov(config) || has_leading_spectrum(config)) {
    run.diagonal = run.training.matrix->column_diagonal();
  }
  std::optional<EigenSystem<double>> eigen;
  std::shared_ptr<const SolvedKernel> solved;
  if (config.regression) {
    const double trace = std::accumulate(run.diagonal.begin(), run.diagonal.end(), 0.0);
    run.mean_diagonal = trace / static_cast<double>(run.problem.train_size());
    if (config.regression->path) {
      eigen = ridge_path_stage(run);
    } else {
      run.ridge = checked_ridge(run, config.regression->ridge.value);
    }
    solved = std::make_shared<const SolvedKernel>(regression_stage(run));
  } else if (keeps_kernel(config)) {
    solved = std::make_shared<const SolvedKernel>(store_kernel(run, "gram", "mirror"));
  }
  if (uses_krylov(config)) {
    krylov_dynamics(run, has_leading_spectrum(config) ? solved : std::move(solved));
  }
  if (has_leading_spectrum(config)) {
    leading_spectrum(run, *solved);
  }
  solved.reset();  // the memory of matrix and factor serves the eigenvectors
  if (has_full_spectrum(config) || is_spectral(config)) {
    eigen = eigen_stages(run, std::move(eigen));
  }
  if (!posterior_shares_eigensystem(config)) {
    eigen.reset();
  }
  if (config.posterior) {
    posterior_stage(run, std::move(eigen));
  }
  if (config.random_functions) {
    random_functions_stage(run);
  }
  if (config.output.model) {
    const PhaseWork& work = run.problem.plan.phase("model");
    run.report.phase(work, [&] { write_model(run.file, run.problem); });
  }
  finish(run.file, run.report, run.problem);
}

}  // namespace

void run(const Communicator& comm, const CommandLine& line) {
  watch_stop_signals();
  Report report(comm, line);
  Problem problem = prepare(comm, line, PlannedCommand::run, report);
  ResultFile file(comm, problem.config.output.file, line.overwrite);
  Run state{comm, std::move(problem), report, std::move(file), {}, std::nullopt, {}, {}, {}, 0.0,
            0.0};
  fail_together(comm, state.file.path(), [&] { all_stages(state, line.text); });
}

void gram(const Communicator& comm, const CommandLine& line) {
  watch_stop_signals();
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
