// How fast networks approach their limit as they grow wider. Ref: Lee et al. (2019), section 3 and
// appendix; Dyer, Gur-Ari (2020), section 3; Chizat, Oyallon, Bach (2019), equation 3.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include <ntkflow/dynamics/local_flow.hpp>
#include <ntkflow/finite/tangent.hpp>

#include "limiting_kernel.hpp"
#include "statistics.hpp"
#include "studies.hpp"
#include "width_powers.hpp"

namespace ntkflow {

namespace {

/// What is measured of each network, and the power of the width with which theory lets it scale.
struct Quantity {
  const char* name;
  const char* long_name;
  double theory;
  double tolerance;
};
constexpr std::size_t kQuantityCount = 5;

std::array<Quantity, kQuantityCount> quantities(const ActivationSpec& activation) {
  const WidthPowers powers = width_powers(activation);
  return {{
      {"kernel_deviation", "|empirical - limiting kernel| at the start", powers.kernel_deviation,
       0.1},
      {"kernel_drift", "|change of the empirical kernel in training|", powers.kernel_drift, 0.25},
      {"function_gap", "|network - limiting flow| at test points after training",
       powers.function_gap, 0.1},
      {"linearisation_gap", "|network - its own linearisation| at test points after training",
       powers.kernel_drift, 0.25},
      {"laziness", "relative change of the loss over that of the Jacobian", -powers.jacobian_change,
       0.1},
  }};
}

double frobenius(const Matrix<double>& a) {
  return std::sqrt(static_cast<double>(a.size())) *
         root_mean_square({a.data(), static_cast<std::size_t>(a.size())});
}

double distance(const Matrix<double>& a, const Matrix<double>& b) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    sum += (a.data()[i] - b.data()[i]) * (a.data()[i] - b.data()[i]);
  }
  return std::sqrt(sum);
}

/// The limiting kernel of the training points, and of these with the test points.
struct Limit {
  explicit Limit(const StudyProblem& problem)
      : Limit(problem, LimitingKernel(problem.architecture)) {}
  Limit(const StudyProblem& problem, const LimitingKernel& limiting)
      : kernel(whole(limiting.of(KernelType::ntk, problem.x))),
        cross(whole(limiting.between(KernelType::ntk, problem.x, problem.test_x))),
        flow(kernel.view(), kernel.rows()) {}

  Matrix<double> kernel;
  Matrix<double> cross;
  LocalFlow flow;
};

/// A quantity that can be drawn in logarithms, or 0.
double positive_or_none(double value) {
  return value > 0.0 && std::isfinite(value) ? value : 0.0;
}

/// The quantities of one network; 0 where it has none: after divergence those of training, and the
/// laziness of a network whose Jacobian did not move by as much as can be seen.
template <class Real>
std::array<double, kQuantityCount> measure(const StudyProblem& problem, const Limit& limit,
                                           const Draw& draw, DrawTable& diverged,
                                           Monitor& monitor) {
  const Matrix<Real> x = rounded<Real>(problem.x);
  const Matrix<Real> test_x = rounded<Real>(problem.test_x);
  Network<Real> network(problem.architecture, {problem.x.rows(), draw.width, 1}, draw.id);
  const Tangent<Real> before(network, x.view());
  const Matrix<double> at_start = before.kernel(before);
  const double scale = frobenius(limit.kernel);
  const double deviation = positive_or_none(distance(at_start, limit.kernel) / scale);
  Matrix<double> f0_test;
  Matrix<double> own_cross;
  {
    const Tangent<Real> at_test(network, test_x.view());
    f0_test = at_test.values().clone();
    own_cross = before.kernel(at_test);
  }
  const TrainingOutcome outcome =
      train_draw<Real>(network, problem, x.view(), problem.y, draw, diverged, {}, monitor);
  if (outcome.diverged_at >= 0) {
    return {deviation, 0.0, 0.0, 0.0, 0.0};
  }
  const Tangent<Real> after(network, x.view());
  const Matrix<double> at_end = after.kernel(after);
  const double moved = relative_jacobian_change(at_end, after.kernel(before), at_start);
  const double learned =
      std::abs(outcome.loss.front() - outcome.loss.back()) / outcome.loss.front();
  const Matrix<double> f_test = network.evaluate(test_x.view());
  const auto gap = [&](const LocalFlow& kernel, const Matrix<double>& cross) {
    const Matrix<double> expected =
        trained_under(kernel, cross, problem.options.network, problem.y, before.values(), f0_test);
    return positive_or_none(distance(f_test, expected) /
                            std::sqrt(static_cast<double>(expected.size())));
  };
  return {deviation, positive_or_none(distance(at_end, at_start) / scale),
          gap(limit.flow, limit.cross), gap(LocalFlow(at_start.view(), x.cols()), own_cross),
          positive_or_none(learned / moved)};
}

}  // namespace

template <class Real>
StudyResult width_scaling(const Communicator& comm, const StudyProblem& problem, Monitor& monitor) {
  const NetworkOptions& options = problem.options.network;
  const Limit limit = prepared(comm, [&] { return Limit(problem); });
  const auto theories = quantities(problem.architecture.activation);
  constexpr auto kCount = static_cast<std::int64_t>(kQuantityCount);
  DrawTable measured = DrawTable::create(comm, options, kCount);
  DrawTable diverged = DrawTable::create(comm, options, 1);
  for_each_draw(comm, options, monitor, [&](const Draw& draw, Monitor& progress) {
    const auto values = measure<Real>(problem, limit, draw, diverged, progress);
    std::copy(values.begin(), values.end(), measured.of(draw).begin());
  });
  measured.complete(comm);
  diverged.complete(comm);

  StudyResult result = start_result(options);
  result.diverged_at = divergence(diverged);
  const auto widths = std::ssize(options.widths);
  std::vector<double> values;
  std::vector<double> slopes;
  std::vector<double> errors;
  std::vector<double> intercepts;
  std::vector<double> theory;
  std::vector<std::string> names;
  const auto logs = log2_widths(options);
  for (std::int64_t k = 0; k < kCount; ++k) {
    const Quantity& quantity = theories[static_cast<std::size_t>(k)];
    std::vector<double> x;
    std::vector<double> y;
    for (std::size_t width = 0; width < options.widths.size(); ++width) {
      for (const double value : measured.across_draws(width, k)) {
        values.push_back(value);
        x.push_back(logs[width]);
        y.push_back(value);
      }
    }
    const auto fitted = fit_power(x, y);
    const Line line = fitted.value_or(Line{});
    slopes.push_back(line.slope);
    errors.push_back(line.slope_error);
    intercepts.push_back(line.intercept);
    theory.push_back(quantity.theory);
    names.emplace_back(quantity.name);
    if (!fitted) {
      result.lines.push_back(
          fmt::format("{:<17} no power of the width: it could be measured at fewer than two widths",
                      quantity.name));
      continue;
    }
    result.lines.push_back(fmt::format("{:<17} ~ width^({:+.3f} +- {:.3f}), theory {:+.2f}",
                                       quantity.name, line.slope, line.slope_error,
                                       quantity.theory));
    result.claims.push_back({fmt::format("power of the width in {}", quantity.long_name),
                             line.slope, quantity.theory, quantity.tolerance});
  }
  const char* axis = "/experiment/quantity";
  result.axes.push_back({axis, "quantity, named in quantity_name", numbers(0, kCount)});
  result.names.push_back(
      {{"/experiment/quantity_name", "name of each quantity", "1", {kCount}, {axis}}, names});
  result.data.push_back({{"/experiment/value",
                          "each quantity of each network; 0: it could not be measured",
                          "1",
                          {kCount, widths, options.draws},
                          {axis, kWidthAxis, kDrawAxis}},
                         values});
  const auto by_quantity = [&](const char* path, const char* long_name, std::vector<double> found) {
    result.data.push_back({{path, long_name, "1", {kCount}, {axis}}, std::move(found)});
  };
  by_quantity("/experiment/slope",
              "power of the width, by least squares of the logarithms; 0: no line", slopes);
  by_quantity("/experiment/slope_error", "standard error of the slope", errors);
  by_quantity("/experiment/intercept", "log2 of the quantity at width 1 on the line", intercepts);
  by_quantity("/experiment/theory_slope", "power of the width in theory", theory);
  return result;
}

template StudyResult width_scaling<float>(const Communicator&, const StudyProblem&, Monitor&);
template StudyResult width_scaling<double>(const Communicator&, const StudyProblem&, Monitor&);

}  // namespace ntkflow
