#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <ntkflow/base/timer.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/linalg/leading_eigenpairs.hpp>
#include <ntkflow/linalg/refined_inverse.hpp>
#include <ntkflow/spectrum/alignment.hpp>
#include <ntkflow/spectrum/measure.hpp>
#include <ntkflow/spectrum/principal_components.hpp>
#include <ntkflow/spectrum/summary.hpp>

#include "results.hpp"
#include "spectrum_results.hpp"
#include "stages.hpp"

namespace ntkflow::app {
namespace {

/// Eigenvalue and condition number, of K/N; a matrix that is singular to rounding has none.
/// @param zero  up to which an eigenvalue of K is zero to rounding
void write_condition(Run& run, double smallest, double largest, double zero) {
  const auto n = static_cast<double>(run.problem.train_size());
  const double condition =
      smallest > zero ? largest / smallest : std::numeric_limits<double>::infinity();
  run.file.attribute("/spectrum", "smallest_eigenvalue", smallest / n);
  run.file.attribute("/spectrum", "condition_number", condition);
  run.report.line(fmt::format("  smallest eigenvalue of K/N {:.3g}, condition number of K {:.3g}",
                              smallest / n, condition));
}

/// The first `count` vectors whole on every rank.
Matrix<double> whole_vectors(const Communicator& comm, const LeadingEigenpairs& pairs,
                             std::int64_t n, std::int64_t count) {
  Matrix<double> whole;
  collectively(comm, [&] { whole = Matrix<double>(n, count); });
  for (std::int64_t j = 0; j < count; ++j) {
    std::copy_n(pairs.vectors.column(j), pairs.rows.size(), whole.column(j) + pairs.rows.begin);
  }
  comm.sum(std::span(whole.data(), static_cast<std::size_t>(whole.size())));
  return whole;
}

/// Eigenvalues, not divided by N, and eigenvectors whole on every rank.
struct WholePairs {
  std::vector<double> values;
  Matrix<double> vectors;
  std::vector<double> residual;  ///< |K v - value v| of each
};

/// The first `count` of leading pairs.
WholePairs whole_pairs(const Communicator& comm, const LeadingEigenpairs& pairs, std::int64_t n,
                       std::int64_t count) {
  WholePairs whole{{pairs.values.begin(), pairs.values.begin() + count},
                   whole_vectors(comm, pairs, n, count),
                   {pairs.residual.begin(), pairs.residual.begin() + count}};
  for (double& residual : whole.residual) {
    residual *= pairs.values.front();
  }
  return whole;
}

/// Those of centred features, from products with K.
WholePairs centred_pairs(Run& run, const LinearOperator& k, const LinearOperator* exact) {
  const SpectrumOptions& options = *run.problem.config.spectrum;
  const CentredOperator centred(k);
  std::optional<CentredOperator> centred_exact;
  if (exact != nullptr) {
    centred_exact.emplace(*exact);
  }
  const LeadingEigenpairs pairs = leading_eigenpairs(
      run.comm, centred, centred_exact ? &*centred_exact : nullptr,
      {LeadingMethod::lanczos, options.projections, options.tolerance, options.seed}, run.report);
  if (pairs.converged < options.projections) {
    run.report.warning(
        fmt::format("of {} centred components {} reached spectrum.tolerance = {:.1e}",
                    options.projections, pairs.converged, options.tolerance));
  }
  return whole_pairs(run.comm, pairs, run.problem.train_size(), options.projections);
}

/// Kernel PCA, written to /kernel_pca. @param ones  K 1.  @param lambda_max  of K
void project(Run& run, WholePairs pairs, const double* ones, double lambda_max) {
  const std::int64_t n = run.problem.train_size();
  const SpectrumOptions& options = *run.problem.config.spectrum;
  std::vector<double> means;
  if (options.centre) {
    means.assign(ones, ones + n);
    std::for_each(means.begin(), means.end(), [n](double& v) { v /= static_cast<double>(n); });
  }
  std::vector<double> levels = pairs.residual;
  for (double& level : levels) {
    level = std::max(level, rounding_level(n, lambda_max));
  }
  PrincipalComponents components;
  collectively(run.comm, [&] {
    components = principal_components(pairs.values, std::move(pairs.vectors), levels, means);
  });
  std::optional<Matrix<double>> on_test;
  if (run.test) {
    on_test =
        projections(components, run.test->multiply_transposed(components.weights, run.report));
  }
  write_kernel_pca(run.file, components, on_test ? &*on_test : nullptr, options);
}

LeadingEigenpairs find_pairs(Run& run, const SolvedKernel& solved, const LinearOperator* exact) {
  const SpectrumOptions& options = *run.problem.config.spectrum;
  const Plan& plan = run.problem.plan;
  Report& report = run.report;
  const LeadingMethod method =
      options.method == SpectrumMethod::power ? LeadingMethod::power : LeadingMethod::lanczos;
  const std::int64_t count = *options.count;
  const Stopwatch watch;
  LeadingEigenpairs pairs = report.untimed("spectrum", [&] {
    return leading_eigenpairs(run.comm, *solved.products, exact,
                              {method, count, options.tolerance, options.seed}, report);
  });
  const double seconds = run.comm.max(watch.seconds());
  report.record(plan.phase("spectrum products"), pairs.product_seconds,
                static_cast<double>(pairs.products));
  report.record(plan.phase("spectrum basis"), std::max(0.0, seconds - pairs.product_seconds));
  if (pairs.degenerate_pair >= 0) {
    report.warning(
        fmt::format("power iteration cannot tell eigenpair {} from the next, their eigenvalues "
                    "are too near each other; its vector is one of those that both span; set "
                    "spectrum.method = \"lanczos\" or \"full\"",
                    pairs.degenerate_pair));
  }
  if (pairs.converged < count) {
    report.warning(fmt::format(
        "the first {} of {} eigenpairs reached spectrum.tolerance = {:.1e}; residual_by_pair says "
        "how good each is",
        pairs.converged, count, options.tolerance));
  }
  return pairs;
}

/// By inverse iteration with the factor. Solves with a single one are refined with K as stored,
/// which rounding has moved from K by u |K|_F at most.
void smallest_of_factor(Run& run, const SolvedKernel& solved, double lambda_max) {
  Report& report = run.report;
  const ShiftedOperator shifted(*solved.products, run.ridge);
  std::optional<RefinedInverse> refined;
  if (solved.is_single) {
    refined.emplace(run.comm, shifted, *solved.inverse, solved.norm, RefineOptions{}, report);
  }
  const LinearOperator& inverse = refined ? *refined : *solved.inverse;
  const Stopwatch watch;
  SmallestEigenvalue smallest = report.untimed("smallest eigenvalue", [&] {
    return smallest_eigenvalue(run.comm, inverse, run.ridge, lambda_max,
                               run.problem.config.spectrum->seed, report);
  });
  report.record(run.problem.plan.phase("smallest eigenvalue"), run.comm.max(watch.seconds()),
                static_cast<double>(smallest.solves));
  if (!std::isfinite(smallest.error)) {
    report.line(
        "  smallest eigenvalue and condition number: left out, inverse iteration found no positive "
        "eigenvalue of the inverse");
    return;
  }
  if (solved.is_single) {
    smallest.error += 0.5 * std::numeric_limits<float>::epsilon() * solved.frobenius;
  }
  const auto n = static_cast<double>(run.problem.train_size());
  run.file.attribute("/spectrum", "smallest_eigenvalue_error", smallest.error / n);
  write_condition(run, smallest.value, lambda_max, smallest.error);
  if (!smallest.converged) {
    report.warning(fmt::format(
        "inverse iteration for the smallest eigenvalue did not converge: {:.3g} of K/N, known to "
        "{:.1g}",
        smallest.value / n, smallest.error / n));
  }
}

/// One line of what was found.
void report_spectrum(Run& run, const SpectralMeasure& measure, const Alignment& alignment,
                     double residual) {
  const std::string centred = alignment.centred
                                  ? fmt::format("centred {:.4f}", *alignment.centred)
                                  : "centred left out: kernel or targets are constant to rounding";
  run.report.line(fmt::format(
      "  lambda_max(K/N) {:.6g}, largest learning rate {:.4g}, residual {:.1e}, alignment {:.4f} "
      "({})",
      measure.eigenvalue.front(), 2.0 / measure.eigenvalue.front(), residual, alignment.plain,
      centred));
}

}  // namespace

void full_spectrum(Run& run, const EigenSystem<double>& eigen) {
  const SpectrumOptions& options = *run.problem.config.spectrum;
  const std::int64_t n = run.problem.train_size();
  const Plan& plan = run.problem.plan;
  const double largest = eigen.values.back();
  const EigenOperator k(eigen);
  const Matrix<double>& targets = run.split(Split::train).target;
  Matrix<double> products;  // K [Y, 1]
  write_method(run.file, "/spectrum", spectrum_method_name(run.problem.config),
               run.problem.reasons.spectrum);
  const PhaseWork& work = plan.phase("spectrum");
  run.report.phase(work, [&] {
    const EigenCertificate certificate =
        certify(eigen, KernelOperator(*run.training.matrix, run.report));
    const SpectralMeasure measure = spectral_measure(eigen, modes_of(eigen, run.residual));
    products = k.apply(with_ones(targets));
    const double frobenius = std::sqrt(
        std::inner_product(eigen.values.begin(), eigen.values.end(), eigen.values.begin(), 0.0));
    const Alignment alignment = target_alignment(targets, products, frobenius, 0.0);
    const std::int64_t count = options.count.value_or(n);
    write_measure(run.file, measure, SpectrumPart::all, count, options);
    write_alignment(run.file, alignment);
    run.file.attribute("/spectrum", "effective_dimension",
                       effective_dimension(measure, run.ridge).lower);
    run.file.attribute("/spectrum", "residual", certificate.residual);
    run.file.attribute("/spectrum", "orthogonality", certificate.orthogonality);
    report_spectrum(run, measure, alignment, certificate.residual);
    write_condition(run, eigen.values.front(), largest, rounding_level(eigen));
    if (options.vectors) {
      write_vectors(run.file, eigen, count);
    }
  });
  if (options.projections > 0) {
    const PhaseWork& projecting = plan.phase("kernel pca");
    run.report.phase(projecting, [&] {
      const auto leading = static_cast<std::ptrdiff_t>(options.projections);
      WholePairs pairs = options.centre
                             ? centred_pairs(run, k, nullptr)
                             : WholePairs{{eigen.values.rbegin(), eigen.values.rbegin() + leading},
                                          leading_vectors(eigen, options.projections),
                                          std::vector<double>(static_cast<std::size_t>(leading))};
      project(run, std::move(pairs), products.column(targets.cols()), largest);
    });
  }
}

void leading_spectrum(Run& run, const SolvedKernel& solved) {
  const SpectrumOptions& options = *run.problem.config.spectrum;
  const std::int64_t n = run.problem.train_size();
  const Plan& plan = run.problem.plan;
  const KernelOperator regenerated(*run.training.matrix, run.report);
  const LinearOperator* exact = solved.is_single ? &regenerated : nullptr;
  const LeadingEigenpairs pairs = find_pairs(run, solved, exact);
  const double largest = pairs.values.front();
  const Matrix<double>& targets = run.split(Split::train).target;
  Matrix<double> products;  // K [Y, 1]
  write_method(run.file, "/spectrum", spectrum_method_name(run.problem.config),
               run.problem.reasons.spectrum);
  const PhaseWork& work = plan.phase("spectrum");
  run.report.phase(work, [&] {
    const double trace = std::accumulate(run.diagonal.begin(), run.diagonal.end(), 0.0);
    const SpectralMeasure measure = spectral_measure(run.comm, pairs, run.residual, trace);
    products = (exact != nullptr ? *exact : *solved.products).apply(with_ones(targets));
    const double stored = solved.is_single ? 0.5 * std::numeric_limits<float>::epsilon() : 0.0;
    const Alignment alignment = target_alignment(targets, products, solved.frobenius, stored);
    write_measure(run.file, measure, SpectrumPart::leading, *options.count, options);
    write_alignment(run.file, alignment);
    write_certificate(run.file, pairs);
    const Bounds dimension = effective_dimension(measure, run.ridge);
    run.file.attribute("/spectrum", "effective_dimension", dimension.lower);
    run.file.attribute("/spectrum", "effective_dimension_upper", dimension.upper);
    report_spectrum(run, measure, alignment,
                    *std::max_element(pairs.residual.begin(), pairs.residual.end()));
    run.report.line(fmt::format("  {} eigenpairs from {} products and {} restarts", pairs.converged,
                                pairs.products, pairs.restarts));
    if (options.vectors) {
      write_vectors(run.file, pairs, n);
    }
  });
  if (solved.inverse != nullptr) {
    smallest_of_factor(run, solved, largest);
  } else {
    run.report.line(
        "  smallest eigenvalue and condition number: left out, they come from the factor of "
        "[regression]");
  }
  if (options.projections > 0) {
    const PhaseWork& projecting = plan.phase("kernel pca");
    run.report.phase(projecting, [&] {
      WholePairs components = options.centre ? centred_pairs(run, *solved.products, exact)
                                             : whole_pairs(run.comm, pairs, n, options.projections);
      project(run, std::move(components), products.column(targets.cols()), largest);
    });
  }
}

}  // namespace ntkflow::app
