#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include <ntkflow/base/monitor.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dynamics/gaussian_flow.hpp>
#include <ntkflow/linalg/stored_symmetric.hpp>

#include "results.hpp"
#include "stages.hpp"

namespace ntkflow::app {
namespace {

/// The kernels that the law is made of.
struct PosteriorKernels {
  KernelMatrix<double> theta;                 ///< between training samples
  KernelMatrix<double> test_theta;            ///< of these and the test samples
  std::optional<KernelMatrix<double>> prior;  ///< where Theta is not the NNGP kernel itself
  std::optional<KernelMatrix<double>> test_prior;
  std::optional<KernelMatrix<double>> covariance;  ///< NNGP kernel between test samples
  std::vector<double> variance;                    ///< its diagonal
};

PosteriorKernels load_kernels(const Run& run, const PosteriorOptions& options) {
  const KernelMatrix<double>& train = *run.training.matrix;
  const bool all_layers = options.training == TrainedLayers::all;
  const KernelType type = all_layers ? KernelType::ntk : KernelType::nngp;
  PosteriorKernels kernels{train.of_type(type), run.test->of_type(type), {}, {}, {}, {}};
  if (all_layers) {
    kernels.prior = train.of_type(KernelType::nngp);
    kernels.test_prior = run.test->of_type(KernelType::nngp);
  }
  if (options.covariance) {
    kernels.covariance = load_test_nngp(run.problem, run.training);
  }
  kernels.variance = run.test->of_type(KernelType::nngp).column_diagonal();
  return kernels;
}

PathStarts draw_starts(Run& run, const PosteriorOptions& options) {
  if (options.samples == 0) {
    return {};
  }
  const Matrix<double>& targets = run.split(Split::train).target;
  NetworkDraw draw =
      draw_network(run, "posterior draw", targets.cols() * options.samples, options.seed,
                   SingularCovariance::jittered, "set posterior.samples = 0");
  if (draw.jitter > 0.0) {
    run.report.line(
        fmt::format("  the covariance of f_0 is singular to rounding: paths start with {:.1e} on "
                    "its diagonal",
                    draw.jitter));
  }
  run.file.attribute("/posterior", "sample_jitter", draw.jitter);
  const double noise = options.training == TrainedLayers::last ? run.ridge : 0.0;
  PathStarts starts;
  collectively(run.comm,
               [&] { starts = start_paths(std::move(draw.values), targets, noise, options.seed); });
  return starts;
}

CholeskyFactor<double> factor_of(Run& run, const KernelMatrix<double>& kernel) {
  const Plan& plan = run.problem.plan;
  const PhaseWork& gram_work = plan.phase("posterior gram");
  auto theta = run.report.phase(
      gram_work, [&] { return kernel.assemble_symmetric(Triangle::lower, run.report); });
  for_each_diagonal(theta, [&](std::int64_t, double& value) { value += run.ridge; });
  const PhaseWork& work = plan.phase("posterior factor");
  auto outcome = run.report.phase(work, [&] {
    return factor_cholesky(std::move(theta), Factorization::automatic, run.report);
  });
  if (const auto* failure = std::get_if<NotPositiveDefinite>(&outcome)) {
    const std::int64_t position = failure->order - 1;
    throw NumericalError(fmt::format(
        "the law of f at t = infinity has no Cholesky factor to come from: the kernel matrix is "
        "not positive definite, its leading minor of order {} fails, which adds training sample {} "
        "(row {} of the source); remove it if it repeats another, raise regression.ridge, or ask "
        "for a finite time as well, posterior.times = [1e6, inf], since eigenvectors can do "
        "without",
        failure->order, position,
        run.split(Split::train).source_row[static_cast<std::size_t>(position)]));
  }
  return std::move(std::get<CholeskyFactor<double>>(outcome));
}

/// KK(X, X), both triangles, where the flow needs it.
std::optional<DistMatrix<double>> prior_matrix(Run& run, const PosteriorKernels& kernels) {
  if (!kernels.prior) {
    return std::nullopt;
  }
  std::optional<DistMatrix<double>> prior =
      kernels.prior->assemble_symmetric(Triangle::lower, run.report);
  mirror_lower(*prior);
  return prior;
}

/// Follows the law through all blocks of test points and writes it. Returns what was clipped.
Clipping write_laws(Run& run, const PosteriorOptions& options, const PosteriorKernels& kernels,
                    const GaussianFlow& flow, const std::vector<double>& times) {
  Clipping clipping;
  const std::int64_t points = run.problem.test_size();
  const std::int64_t step = run.problem.plan.points_per_block;
  const std::int64_t count = std::ssize(times);
  for (std::int64_t begin = 0; begin < points; begin += step) {
    const std::int64_t end = std::min(points, begin + step);
    std::optional<DistMatrix<double>> prior;
    if (kernels.test_prior) {
      prior = kernels.test_prior->assemble_columns(begin, end);
    }
    const GaussianFlow::Block block =
        flow.block(begin, kernels.test_theta.assemble_columns(begin, end), std::move(prior),
                   {kernels.variance.begin() + begin, kernels.variance.begin() + end});
    for (std::int64_t time = 0; time < count; ++time) {
      run.report.stop_if_requested("posterior");
      run.report.progress(begin * count + time * (end - begin), points * count);
      std::optional<DistMatrix<double>> covariance;
      if (kernels.covariance) {  // silently: the phase shows its own progress
        covariance = kernels.covariance->assemble_symmetric(Triangle::lower, silent_monitor());
      }
      const GaussianLaw law =
          flow.law(block, times[static_cast<std::size_t>(time)], std::move(covariance));
      clipping.add(law.clipping);
      write_law(run.file, options, time, begin, law, run.comm);
    }
  }
  return clipping;
}

void report_clipping(Run& run, const Clipping& clipping) {
  run.file.attribute("/posterior", "variance_clipped", clipping.largest);
  run.file.attribute("/posterior", "clipped_count", clipping.count);
  run.file.attribute("/posterior", "variance_rounding", clipping.relative_bound);
  run.report.value("variance_clipped", clipping.largest);
  run.report.value("variance_rounding", clipping.relative_bound);
  if (clipping.count > 0) {
    run.report.line(fmt::format("  {} variances below 0 were raised to it, by {:.1e} at most",
                                clipping.count, clipping.largest));
  }
  if (clipping.largest > clipping.rounding) {
    run.report.warning(
        fmt::format("a variance came out as {:.1e}, and rounding explains {:.1e}: trust no "
                    "variance of this result, or raise regression.ridge",
                    -clipping.largest, clipping.rounding));
  }
  constexpr double kCertified = 1e-3;
  if (clipping.relative_bound > kCertified) {
    run.report.warning(
        fmt::format("rounding may have changed a variance by {:.1e} of that of f_0, for the kernel "
                    "matrix is that badly conditioned: small variances of this result are not "
                    "certain, unless regression.ridge is raised",
                    clipping.relative_bound));
  }
}

}  // namespace

void posterior_stage(Run& run, std::optional<EigenSystem<double>> eigen) {
  const PosteriorOptions& options = *run.problem.config.posterior;
  const Plan& plan = run.problem.plan;
  const bool is_spectral = has_spectral_posterior(run.problem.config);
  const PosteriorKernels kernels = load_kernels(run, options);
  run.file.attribute(
      "/posterior", "training",
      std::string(options.training == TrainedLayers::all ? "all_layers" : "last_layer"));
  run.file.attribute("/posterior", "ridge", run.ridge);
  PathStarts starts = draw_starts(run, options);
  if (is_spectral && !eigen) {
    eigen = eigensystem_of(run, kernels.theta, "posterior gram", "posterior eigen");
  }
  std::vector<double> times = options.times;
  std::optional<double> lambda_max;
  if (eigen) {
    lambda_max = eigen->values.back() / static_cast<double>(run.problem.train_size());
    times = absolute_times(options.times, options.time_unit, *lambda_max);
  }
  std::variant<CholeskyFactor<double>, EigenSystem<double>> theta =
      eigen ? std::variant<CholeskyFactor<double>, EigenSystem<double>>(std::move(*eigen))
            : factor_of(run, kernels.theta);
  const Matrix<double>& targets = run.split(Split::train).target;
  const PhaseWork& basis = plan.phase("posterior basis");
  const auto flow = run.report.phase(basis, [&] {
    return GaussianFlow(std::move(theta), prior_matrix(run, kernels), run.ridge, targets,
                        std::move(starts));
  });

  create_posterior(run.file, options, times, run.problem.test_size(), targets.cols());
  if (lambda_max) {
    run.file.attribute("/posterior/time", "lambda_max", *lambda_max);
  }
  const PhaseWork& work = plan.phase("posterior");
  const Clipping clipping =
      run.report.phase(work, [&] { return write_laws(run, options, kernels, flow, times); });
  report_clipping(run, clipping);
}

}  // namespace ntkflow::app
