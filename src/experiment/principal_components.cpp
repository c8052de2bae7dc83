// Learning along one principal component of the limiting kernel: its coefficient decays as
// e^(-lambda t), and nothing else moves. Ref: Jacot, Gabriel, Hongler (2018), section 6.3 and
// figure 3.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ntkflow/dynamics/local_flow.hpp>

#include "limiting_kernel.hpp"
#include "statistics.hpp"
#include "studies.hpp"

namespace ntkflow {

namespace {

constexpr std::int64_t kShownComponents = 10;
/// Of a random batch of 512 digits and one network of width 10,000 (Jacot et al., figure 3).
const std::vector<double> kPublished{0.0457, 0.00108, 0.00078};

/// Eigenvalues of Pi = K/N, descending, and eigenvectors of mean square 1 on the training set.
struct Components {
  std::vector<double> value;
  Matrix<double> vector;  ///< [N x k]
};

Components leading_components(const StudyProblem& problem) {
  const Matrix<double> kernel =
      whole(LimitingKernel(problem.architecture).of(KernelType::ntk, problem.x));
  const LocalFlow flow(kernel.view(), kernel.rows());
  const std::int64_t n = kernel.rows();
  const std::int64_t count = std::min(n, std::max(kShownComponents, problem.options.component));
  Components components{{}, Matrix<double>(n, count)};
  for (std::int64_t k = 0; k < count; ++k) {
    const std::int64_t ascending = n - 1 - k;
    components.value.push_back(flow.eigen().values[static_cast<std::size_t>(ascending)] /
                               static_cast<double>(n));
    const double* vector = flow.eigen().vectors.column(ascending);
    // An eigenvector has no sign of its own: its largest element is positive.
    const double* largest = std::max_element(
        vector, vector + n, [](double a, double b) { return std::abs(a) < std::abs(b); });
    const double scale = std::copysign(std::sqrt(static_cast<double>(n)), *largest);
    std::transform(vector, vector + n, components.vector.column(k),
                   [=](double value) { return value * scale; });
  }
  return components;
}

/// f - f*, by its coefficient along the component, with the sign that makes it positive at the
/// start, and the root mean square of the rest.
struct Parts {
  double along = 0.0;
  double across = 0.0;
};

Parts parts_of(const Matrix<double>& f, const Matrix<double>& target, const double* component) {
  const std::int64_t n = f.rows();
  const auto count = static_cast<double>(n);
  Parts parts;
  for (std::int64_t i = 0; i < n; ++i) {
    parts.along += (target.data()[i] - f.data()[i]) * component[i] / count;
  }
  double rest = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double error = target.data()[i] - f.data()[i] - parts.along * component[i];
    rest += error * error / count;
  }
  parts.across = std::sqrt(rest);
  return parts;
}

}  // namespace

template <class Real>
StudyResult principal_components(const Communicator& comm, const StudyProblem& problem,
                                 Monitor& monitor) {
  const NetworkOptions& options = problem.options.network;
  const double amplitude = problem.options.amplitude;
  const std::int64_t n = problem.x.cols();
  const std::int64_t moments = options.steps + 1;
  const Components components = prepared(comm, [&] { return leading_components(problem); });
  const std::int64_t learned = problem.options.component - 1;
  const double* component = components.vector.column(learned);
  const double lambda = components.value[static_cast<std::size_t>(learned)];

  DrawTable along = DrawTable::create(comm, options, moments);
  DrawTable across = DrawTable::create(comm, options, moments);
  DrawTable diverged = DrawTable::create(comm, options, 1);
  const Matrix<Real> x = rounded<Real>(problem.x);
  for_each_draw(comm, options, monitor, [&](const Draw& draw, Monitor& progress) {
    Network<Real> network(problem.architecture, {problem.x.rows(), draw.width, 1}, draw.id);
    Matrix<double> target = network.evaluate(x.view());
    for (std::int64_t i = 0; i < n; ++i) {
      target.data()[i] += amplitude * component[i];
    }
    const auto visit = [&](std::int64_t step, const Matrix<double>& f) {
      const Parts parts = parts_of(f, target, component);
      along.of(draw)[static_cast<std::size_t>(step)] = parts.along;
      across.of(draw)[static_cast<std::size_t>(step)] = parts.across;
    };
    const TrainingOutcome outcome =
        train_draw<Real>(network, problem, x.view(), target, draw, diverged, visit, progress);
    // A network that diverged stays where it was.
    const std::size_t recorded = outcome.loss.size();
    for (DrawTable* table : {&along, &across}) {
      const auto values = table->of(draw);
      std::fill(values.begin() + static_cast<std::ptrdiff_t>(recorded), values.end(),
                values[recorded - 1]);
    }
  });
  along.complete(comm);
  across.complete(comm);
  diverged.complete(comm);

  std::vector<double> time;
  std::vector<double> theory;
  for (std::int64_t step = 0; step < moments; ++step) {
    time.push_back(options.learning_rate * static_cast<double>(step));
    theory.push_back(amplitude * std::exp(-lambda * time.back()));
  }

  StudyResult result = start_result(options);
  result.diverged_at = divergence(diverged);
  result.lines.push_back(fmt::format(
      "eigenvalues of K/N at depth {}: {:.4g}; published, of another scale of inputs, a random "
      "batch and one "
      "network of width 10,000: {:.4g}",
      problem.architecture.depth, fmt::join(components.value, " "), fmt::join(kPublished, " ")));
  double off_theory = 0.0;
  std::vector<double> largest_across;
  for (std::size_t width = 0; width < options.widths.size(); ++width) {
    off_theory = 0.0;
    largest_across.push_back(0.0);
    for (std::size_t step = 0; step < time.size(); ++step) {
      const auto index = static_cast<std::int64_t>(step);
      if (time[step] * lambda <= 1.0) {
        const double ratio = mean(along.across_draws(width, index)) / theory[step];
        off_theory = std::max(off_theory, std::abs(ratio - 1.0));
      }
      largest_across.back() =
          std::max(largest_across.back(), mean(across.across_draws(width, index)));
    }
    result.lines.push_back(
        fmt::format("width {:6}: mean along the component within {:.2f} % of {} e^(-lambda t) for "
                    "t <= 1/lambda; "
                    "mean across it at most {:.4f}",
                    options.widths[width], 100.0 * off_theory, amplitude, largest_across.back()));
  }

  const auto widths = std::ssize(options.widths);
  const std::int64_t shown = std::ssize(components.value);
  result.axes.push_back(
      {"/experiment/component", "principal component, from 1", numbers(1, shown)});
  result.axes.push_back({"/experiment/time", "time of training", time});
  result.data.push_back({{"/experiment/eigenvalue",
                          "eigenvalues of the limiting K/N",
                          "1",
                          {shown},
                          {"/experiment/component"}},
                         components.value});
  result.attributes.push_back(
      {"/experiment/eigenvalue", "published_eigenvalues", Attribute(kPublished)});
  std::vector<double> projection;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t k = 0; k < shown; ++k) {
      projection.push_back(components.vector(i, k));
    }
  }
  result.data.push_back({{"/experiment/projection",
                          "value of each component, of mean square 1, at each training sample",
                          "1",
                          {n, shown},
                          {"/train_sample", "/experiment/component"}},
                         projection});
  const auto of_networks = [&](const char* path, const char* long_name, const DrawTable& table) {
    result.data.push_back({{path,
                            long_name,
                            "1",
                            {widths, options.draws, moments},
                            {kWidthAxis, kDrawAxis, "/experiment/time"}},
                           table.values()});
  };
  of_networks("/experiment/along", "coefficient of f* - f along the component", along);
  of_networks("/experiment/across", "root mean square of f* - f across the component", across);
  result.data.push_back({{"/experiment/theory_along",
                          "amplitude e^(-lambda t)",
                          "1",
                          {moments},
                          {"/experiment/time"}},
                         theory});
  result.attributes.push_back({"/experiment/theory_along", "lambda", lambda});

  const std::int64_t widest = options.widths.back();
  const bool reaches = time.back() * lambda >= 1.0 && options.learning_rate * lambda <= 0.1;
  if (reaches) {
    result.claims.push_back(
        {fmt::format("part along component {}, width {}: relative distance from {} e^(-lambda t), "
                     "t <= 1/lambda",
                     learned + 1, widest, amplitude),
         off_theory, 0.0, 0.03});
  } else {
    result.lines.push_back(
        fmt::format("no claim about the part along the component: training should last until t = "
                    "1/lambda = {:.4g} in ten steps or more",
                    1.0 / lambda));
  }
  if (widths > 1) {
    const auto logs = log2_widths(options);
    const auto line = fit_power(std::vector{logs.front(), logs.back()},
                                std::vector{largest_across.front(), largest_across.back()});
    if (line) {
      result.claims.push_back({"power of the width with which the norm across the component falls",
                               line->slope, -0.5, 0.15});
    } else {
      result.lines.emplace_back("no power of the width: nothing moved across the component");
    }
  }
  return result;
}

template StudyResult principal_components<float>(const Communicator&, const StudyProblem&,
                                                 Monitor&);
template StudyResult principal_components<double>(const Communicator&, const StudyProblem&,
                                                  Monitor&);

}  // namespace ntkflow
