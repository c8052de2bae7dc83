// How wide a network must be for its tangent kernel at the start to be within epsilon of the limit,
// beside the widths that theory knows to be enough, and what the smallest eigenvalue lambda_0 of
// the limit has to do with it. Ref: Arora et al. (2019), theorem 3.1; Du, Zhai, Poczos, Singh
// (2019), section 3.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <ntkflow/finite/tangent.hpp>
#include <ntkflow/linalg/local_eigen.hpp>

#include "limiting_kernel.hpp"
#include "statistics.hpp"
#include "studies.hpp"
#include "width_bounds.hpp"

namespace ntkflow {

namespace {

/// Du et al. ask for this part of lambda_0.
constexpr double kEnough = 0.75;

/// The samples with sample 1 at each separation from sample 0, and what the limit is there.
struct Limit {
  explicit Limit(const StudyProblem& problem);

  Matrix<double> samples;         ///< x, and behind it sample 1 at each separation, [d x (N + S)]
  Matrix<double> kernel;          ///< of x, [N x N]
  double diagonal = 0.0;          ///< mean of that of `kernel`
  double norm = 0.0;              ///< spectral one of `kernel`
  std::vector<double> least;      ///< S smallest eigenvalues
  std::vector<double> diagonals;  ///< S means of diagonals
  /// Of the part of the first layer's parameters, S of each, or none.
  std::vector<FirstLayerMoments> first_layer;
  std::vector<double> first_least;
};

double mean_diagonal(const Matrix<double>& kernel) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < kernel.rows(); ++i) {
    sum += kernel(i, i);
  }
  return sum / static_cast<double>(kernel.rows());
}

/// The smallest eigenvalue, which is not to be rounding.
double least_of(const Matrix<double>& kernel, double separation) {
  const std::vector<double> values = diagonalise_local(kernel.view()).values;
  constexpr double kSingular = 1e-12;
  if (!(values.front() > kSingular * values.back())) {
    throw NumericalError(fmt::format(
        "the limiting kernel of the training samples is singular with the first two at an angle "
        "of {:.3g}, so that no width keeps its smallest eigenvalue; take fewer samples, larger "
        "experiment.separations or another activation",
        separation));
  }
  return values.front();
}

Limit::Limit(const StudyProblem& problem) {
  const std::int64_t n = problem.x.cols();
  const auto& separations = problem.options.width_bound.separations;
  const LimitingKernel limiting(problem.architecture);
  kernel = whole(limiting.of(KernelType::ntk, problem.x));
  diagonal = mean_diagonal(kernel);
  norm = diagonalise_local(kernel.view()).values.back();
  samples = Matrix<double>(problem.x.rows(), n + std::ssize(separations));
  std::copy_n(problem.x.data(), problem.x.size(), samples.data());
  for (std::size_t s = 0; s < separations.size(); ++s) {
    const Matrix<double> moved = brought_together(problem.x, separations[s]);
    std::copy_n(moved.column(1), moved.rows(), samples.column(n + static_cast<std::int64_t>(s)));
    const Matrix<double> near = whole(limiting.of(KernelType::ntk, moved));
    least.push_back(least_of(near, separations[s]));
    diagonals.push_back(mean_diagonal(near));
    if (auto moments = relu_first_layer(problem.architecture, moved)) {
      first_least.push_back(least_of(moments->mean, separations[s]));
      first_layer.push_back(std::move(*moments));
    }
  }
}

/// The kernel of the first n samples with sample `moved` in place of sample 1.
Matrix<double> with_sample(const Matrix<double>& kernel, std::int64_t n, std::int64_t moved) {
  const auto index = [&](std::int64_t i) { return i == 1 ? moved : i; };
  Matrix<double> chosen(n, n);
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t i = 0; i < n; ++i) {
      chosen(i, j) = kernel(index(i), index(j));
    }
  }
  return chosen;
}

/// Largest entry of |empirical - limit| over the mean diagonal, its spectral norm over that of the
/// limit, and for each separation the smallest eigenvalue over that of the limit.
template <class Real>
std::vector<double> measure(const StudyProblem& problem, const Limit& limit,
                            MatrixView<const Real> samples, const Draw& draw) {
  const std::int64_t n = problem.x.cols();
  const Network<Real> network(problem.architecture, {samples.rows, draw.width, 1}, draw.id);
  const Tangent<Real> tangent(network, samples);
  const Matrix<double> kernel = tangent.kernel(tangent);
  require_finite(kernel, "the kernels of networks");
  Matrix<double> difference(n, n);
  double largest = 0.0;
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t i = 0; i < n; ++i) {
      difference(i, j) = kernel(i, j) - limit.kernel(i, j);
      largest = std::max(largest, std::abs(difference(i, j)));
    }
  }
  const std::vector<double> errors = diagonalise_local(difference.view()).values;
  std::vector<double> values = {
      largest / limit.diagonal,
      std::max(std::abs(errors.front()), std::abs(errors.back())) / limit.norm};
  for (std::size_t s = 0; s < limit.least.size(); ++s) {
    const Matrix<double> near = with_sample(kernel, n, n + static_cast<std::int64_t>(s));
    values.push_back(diagonalise_local(near.view()).values.front() / limit.least[s]);
  }
  return values;
}

/// What is read off the draws of every width.
class Measured {
 public:
  Measured(DrawTable& table, const ExperimentOptions& options)
      : table_(&table), options_(&options), log2_widths_(ntkflow::log2_widths(options.network)) {}

  [[nodiscard]] const std::vector<double>& log2_widths() const { return log2_widths_; }
  /// Of quantity `index`, all networks.
  [[nodiscard]] std::vector<double> all(std::int64_t index) const {
    std::vector<double> values;
    for (std::size_t w = 0; w < log2_widths_.size(); ++w) {
      const std::vector<double> of_width = table_->across_draws(w, index);
      values.insert(values.end(), of_width.begin(), of_width.end());
    }
    return values;
  }
  /// At each width what `confidence` of the draws are not above.
  [[nodiscard]] std::vector<double> quantiles(std::int64_t index) const {
    std::vector<double> values;
    for (std::size_t w = 0; w < log2_widths_.size(); ++w) {
      values.push_back(
          quantile_at(table_->across_draws(w, index), options_->width_bound.confidence));
    }
    return values;
  }
  /// At each width by how much of an eigenvalue, that of the limit over `factor`, `confidence` of
  /// the draws fall short, at most.
  [[nodiscard]] std::vector<double> shortfalls(std::int64_t index, double factor) const {
    std::vector<double> values;
    for (std::size_t w = 0; w < log2_widths_.size(); ++w) {
      std::vector<double> shortfall = table_->across_draws(w, index);
      for (double& value : shortfall) {
        value = 1.0 - value * factor;
      }
      values.push_back(quantile_at(shortfall, options_->width_bound.confidence));
    }
    return values;
  }
  /// Whether any width is enough in theory.
  [[nodiscard]] bool reaches(double bound) const {
    return static_cast<double>(options_->network.widths.back()) >= bound;
  }
  /// At how many widths that are enough in theory too few draws are within `most`.
  [[nodiscard]] std::int64_t broken(const std::vector<double>& values, double bound,
                                    double most) const {
    std::int64_t count = 0;
    for (std::size_t w = 0; w < values.size(); ++w) {
      const bool is_enough = static_cast<double>(options_->network.widths[w]) >= bound;
      count += is_enough && values[w] > most ? 1 : 0;
    }
    return count;
  }

 private:
  DrawTable* table_;
  const ExperimentOptions* options_;
  std::vector<double> log2_widths_;
};

constexpr const char* kEpsilonAxis = "/experiment/epsilon";
constexpr const char* kSeparationAxis = "/experiment/separation";
constexpr std::int64_t kFirstRatio = 2;  // quantities before those of the separations

/// Adds measured widths over an axis of so many values, and on which side of them the truth is.
void add_widths(const std::string& name, const std::string& long_name, const char* axis,
                const std::vector<WidthFound>& found, StudyResult& result) {
  std::vector<double> widths;
  std::vector<double> sides;
  for (const WidthFound& width : found) {
    widths.push_back(width.width);
    sides.push_back(static_cast<double>(width.side));
  }
  const auto count = std::ssize(found);
  const std::string path = "/experiment/" + name;
  result.data.push_back({{path, long_name, "1", {count}, {axis}}, std::move(widths)});
  result.data.push_back({{path + "_side",
                          "0: it is this width; -1: at most this, the narrowest; 1: more than "
                          "this, the widest",
                          "1",
                          {count},
                          {axis}},
                         std::move(sides)});
}

/// The widths that keep the kernel within epsilon, measured and in theory.
void add_deviations(const StudyProblem& problem, const Limit& limit, const Measured& measured,
                    StudyResult& result) {
  const FiniteWidthOptions& options = problem.options.width_bound;
  const double failure = 1.0 - options.confidence;
  const std::int64_t n = problem.x.cols();
  const auto count = std::ssize(options.epsilons);
  const auto widths = std::ssize(problem.options.network.widths);
  const auto by_epsilon = [&](const std::string& name, const char* long_name,
                              std::vector<double> values) {
    result.data.push_back(
        {{"/experiment/" + name, long_name, "1", {count}, {kEpsilonAxis}}, std::move(values)});
  };
  struct Norm {
    const char* name;
    const char* deviation;
    const char* words;
  };
  const Norm norms[] = {
      {"entry", "largest |empirical - limiting kernel| of an entry over the limit's mean diagonal",
       "largest entry"},
      {"spectral", "spectral norm of the difference of kernels over that of the limit",
       "spectral norm"}};
  for (std::int64_t k = 0; k < 2; ++k) {
    const Norm& norm = norms[k];
    const std::string name = norm.name;
    const std::vector<double> quantiles = measured.quantiles(k);
    result.data.push_back({{"/experiment/" + name + "_deviation",
                            norm.deviation,
                            "1",
                            {widths, problem.options.network.draws},
                            {kWidthAxis, kDrawAxis}},
                           measured.all(k)});
    result.data.push_back({{"/experiment/" + name + "_quantile",
                            "what a fraction `confidence` of the networks does not exceed",
                            "1",
                            {widths},
                            {kWidthAxis}},
                           quantiles});
    const auto line = fit_power(measured.log2_widths(), quantiles);
    std::vector<WidthFound> needed;
    std::vector<double> fitted;
    for (const double epsilon : options.epsilons) {
      needed.push_back(width_within(measured.log2_widths(), quantiles, epsilon));
      fitted.push_back(line && line->slope < 0.0
                           ? std::exp2((std::log2(epsilon) - line->intercept) / line->slope)
                           : 0.0);
    }
    add_widths(name + "_width",
               "smallest width at which a fraction `confidence` of networks is within epsilon",
               kEpsilonAxis, needed, result);
    by_epsilon(name + "_fitted_width", "the same on the fitted power of epsilon; 0: no fit",
               std::move(fitted));
    if (line && line->slope < 0.0) {
      const double power = 1.0 / line->slope;
      const double error = line->slope_error / (line->slope * line->slope);
      result.lines.push_back(fmt::format("{:<13} width ~ {:.3g} epsilon^({:+.3f} +- {:.3f})",
                                         norm.words, std::exp2(-line->intercept / line->slope),
                                         power, error));
      // In Bernstein's width, 2 (variance + range epsilon) / epsilon^2, the second term takes
      // range epsilon / (variance + range epsilon) off the power: with relu 0.11 on average over
      // the default epsilons, here 1/8. Beside it three standard errors of the fit.
      result.claims.push_back({fmt::format("power of epsilon in the width needed, {}", norm.words),
                               power, -2.0, 0.125 + 3.0 * error});
    }
  }

  const double entries = static_cast<double>(n) * (static_cast<double>(n) + 1.0) / 2.0;
  std::vector<double> arora;
  for (const double epsilon : options.epsilons) {
    arora.push_back(arora_width(problem.architecture.depth - 1, epsilon, failure / entries));
  }
  by_epsilon("arora_width",
             "L^6 / epsilon^4 log(L N (N + 1) / (2 failure)), by a union over all entries: its "
             "constant, not known, taken as 1",
             std::move(arora));
  if (const auto moments = relu_moments(problem.architecture, problem.x)) {
    const std::vector<double> quantiles = measured.quantiles(0);
    std::vector<double> bounds;
    std::int64_t reached = 0;
    std::int64_t broken = 0;
    for (const double epsilon : options.epsilons) {
      bounds.push_back(bernstein_width(*moments, epsilon * limit.diagonal, n, failure));
      reached += measured.reaches(bounds.back()) ? 1 : 0;
      broken += measured.broken(quantiles, bounds.back(), epsilon);
    }
    by_epsilon("bernstein_width", "sufficient for all entries to be within epsilon",
               std::move(bounds));
    if (reached > 0) {
      result.claims.push_back(
          {fmt::format("widths enough by Bernstein's inequality, known of {} of {} epsilons, at "
                       "which too few networks are within epsilon",
                       reached, count),
           static_cast<double>(broken), 0.0, 0.0});
    }
  }
}

/// The widths that keep 3/4 of lambda_0, measured and in theory.
void add_eigenvalues(const StudyProblem& problem, const Limit& limit, const Measured& measured,
                     StudyResult& result) {
  const FiniteWidthOptions& options = problem.options.width_bound;
  const auto count = std::ssize(options.separations);
  const auto& network = problem.options.network;
  std::vector<double> ratio;
  std::vector<double> relative;
  std::vector<WidthFound> needed;
  std::vector<double> log2_least;
  std::vector<double> log2_needed;
  for (std::size_t s = 0; s < limit.least.size(); ++s) {
    const std::int64_t index = kFirstRatio + static_cast<std::int64_t>(s);
    const std::vector<double> all = measured.all(index);
    ratio.insert(ratio.end(), all.begin(), all.end());
    relative.push_back(limit.least[s] / limit.diagonals[s]);
    needed.push_back(
        width_within(measured.log2_widths(), measured.shortfalls(index, 1.0), 1.0 - kEnough));
    if (needed.back().side == WidthFound::Side::exactly) {
      log2_least.push_back(std::log2(relative.back()));
      log2_needed.push_back(std::log2(needed.back().width));
    }
  }
  result.data.push_back({{"/experiment/eigenvalue_ratio",
                          "smallest eigenvalue of each empirical kernel over that of the limit",
                          "1",
                          {count, std::ssize(network.widths), network.draws},
                          {kSeparationAxis, kWidthAxis, kDrawAxis}},
                         std::move(ratio)});
  result.data.push_back({{"/experiment/lambda_0",
                          "smallest eigenvalue of the limiting kernel over the mean of its "
                          "diagonal",
                          "1",
                          {count},
                          {kSeparationAxis}},
                         relative});
  add_widths("eigenvalue_width",
             "smallest width at which a fraction `confidence` of networks keeps 3/4 of lambda_0",
             kSeparationAxis, needed, result);
  if (log2_least.size() >= 2) {
    const Line line = fit_line(log2_least, log2_needed);
    result.lines.push_back(fmt::format("3/4 lambda_0  width ~ {:.3g} lambda_0^({:+.3f} +- {:.3f})",
                                       std::exp2(line.intercept), line.slope, line.slope_error));
  }
  const auto beyond = std::count_if(needed.begin(), needed.end(), [](const WidthFound& found) {
    return found.side == WidthFound::Side::more_than;
  });
  if (beyond > 0) {
    result.lines.push_back(fmt::format(
        "3/4 of lambda_0 is not reached at {} of {} separations; set wider network.widths", beyond,
        count));
  }
  if (const auto [pairs, growing] = compare_widths(relative, needed); pairs > 0) {
    result.claims.push_back({fmt::format("pairs of {} with lambda_0 at most half in one of the two "
                                         "at which the width needed does not grow",
                                         pairs),
                             static_cast<double>(pairs - growing), 0.0, 0.0});
  }
}

/// Widths of theory for 3/4 of the smallest eigenvalue of the first layer's part of the limit. That
/// is all that Du et al. look at; the rest of a kernel has no negative eigenvalues, so that what is
/// enough for this part is enough for the kernel to keep as much.
void add_eigenvalue_bounds(const StudyProblem& problem, const Limit& limit,
                           const Measured& measured, StudyResult& result) {
  const FiniteWidthOptions& options = problem.options.width_bound;
  const double failure = 1.0 - options.confidence;
  const std::int64_t n = problem.x.cols();
  const auto count = std::ssize(options.separations);
  std::vector<double> relative;
  std::vector<double> chernoff;
  std::vector<double> start;
  std::vector<double> training;
  std::int64_t reached = 0;
  std::int64_t broken = 0;
  for (std::size_t s = 0; s < limit.first_layer.size(); ++s) {
    relative.push_back(limit.first_least[s] / mean_diagonal(limit.first_layer[s].mean));
    start.push_back(du_start_width(n, relative.back(), failure));
    training.push_back(du_training_width(n, relative.back(), failure));
    chernoff.push_back(chernoff_width(limit.first_layer[s], kEnough, failure));
    reached += measured.reaches(chernoff.back()) ? 1 : 0;
    const std::int64_t index = kFirstRatio + static_cast<std::int64_t>(s);
    broken += measured.broken(measured.shortfalls(index, limit.least[s] / limit.first_least[s]),
                              chernoff.back(), 1.0 - kEnough);
  }
  const auto by_separation = [&](const char* path, const char* long_name,
                                 std::vector<double> values) {
    result.data.push_back({{path, long_name, "1", {count}, {kSeparationAxis}}, std::move(values)});
  };
  by_separation("/experiment/first_layer_lambda_0",
                "smallest eigenvalue of the part of the limiting kernel of the first layer's "
                "parameters over the mean of its diagonal",
                std::move(relative));
  by_separation("/experiment/du_start_width",
                "(N / l)^2 log(N / failure), l = first_layer_lambda_0: its constant, not known, "
                "taken as 1",
                std::move(start));
  by_separation("/experiment/du_training_width",
                "N^6 / (l^4 failure^3), for training: its constant taken as 1",
                std::move(training));
  by_separation("/experiment/chernoff_width",
                "sufficient for 3/4 of the first layer's smallest eigenvalue", std::move(chernoff));
  if (reached > 0) {
    result.claims.push_back(
        {fmt::format("widths enough for 3/4 of the first layer's lambda_0 by Chernoff's bound, "
                     "known of {} of {} separations, at which too few networks keep it",
                     reached, count),
         static_cast<double>(broken), 0.0, 0.0});
  }
}

}  // namespace

template <class Real>
StudyResult finite_width_bound(const Communicator& comm, const StudyProblem& problem,
                               Monitor& monitor) {
  const NetworkOptions& network = problem.options.network;
  const FiniteWidthOptions& options = problem.options.width_bound;
  const Limit limit = prepared(comm, [&] { return Limit(problem); });
  const Matrix<Real> samples = prepared(comm, [&] { return rounded<Real>(limit.samples); });
  DrawTable table = DrawTable::create(comm, network, kFirstRatio + std::ssize(options.separations));
  for_each_draw(comm, network, monitor, [&](const Draw& draw, Monitor&) {
    const auto values = measure<Real>(problem, limit, samples.view(), draw);
    std::copy(values.begin(), values.end(), table.of(draw).begin());
  });
  table.complete(comm);

  StudyResult result = start_result(network);
  result.axes.push_back({kEpsilonAxis, "distance from the limiting kernel", options.epsilons});
  result.axes.push_back(
      {kSeparationAxis, "angle between the first two samples", options.separations, "rad"});
  result.attributes.push_back({kEpsilonAxis, "confidence", options.confidence});
  const Measured measured(table, problem.options);
  add_deviations(problem, limit, measured, result);
  add_eigenvalues(problem, limit, measured, result);
  if (!limit.first_layer.empty()) {
    add_eigenvalue_bounds(problem, limit, measured, result);
  }
  return result;
}

template StudyResult finite_width_bound<float>(const Communicator&, const StudyProblem&, Monitor&);
template StudyResult finite_width_bound<double>(const Communicator&, const StudyProblem&, Monitor&);

}  // namespace ntkflow
