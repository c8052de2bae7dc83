// Discrete gradient descent just below and just above the largest stable rate 2 / lambda_max: the
// residual of mode i is (1 - eta lambda_i)^s of what it was. The closed form stands beside the
// iteration itself. Ref: Lee et al. (2019), section 2.2; Jacot, Gabriel, Hongler (2018), section 5.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/dynamics/training_rule.hpp>
#include <ntkflow/linalg/stored_symmetric.hpp>
#include <ntkflow/spectrum/summary.hpp>

#include "shared_kernel.hpp"
#include "studies.hpp"

namespace ntkflow {

namespace {

constexpr const char* kRateAxis = "/experiment/rate";
constexpr const char* kStepAxis = "/experiment/step";

/// Losses after each step, by rate.
using Losses = std::vector<std::vector<double>>;

/// Sum of squares of C columns from `first` on.
double squared_norm(const Matrix<double>& a, std::int64_t first, std::int64_t count) {
  double sum = 0.0;
  for (std::int64_t j = first; j < first + count; ++j) {
    for (std::int64_t i = 0; i < a.rows(); ++i) {
      sum += a.column(j)[i] * a.column(j)[i];
    }
  }
  return sum;
}

/// Descent in closed form, in the eigenbasis.
class ClosedForm {
 public:
  /// @param eigen  of K; must outlive this.  @param residual  y - f_0. Collective over the grid.
  ClosedForm(const EigenSystem<double>& eigen, const Matrix<double>& residual)
      : eigen_(&eigen), modes_(modes_of(eigen, residual)) {
    for (std::int64_t i = 0; i < modes_.rows(); ++i) {
      double energy = 0.0;
      for (std::int64_t j = 0; j < modes_.cols(); ++j) {
        energy += modes_.column(j)[i] * modes_.column(j)[i];
      }
      energy_.push_back(energy);
    }
  }

  /// 1/2 mean |f - y|^2 after so many steps. Local.
  [[nodiscard]] double loss(double rate, std::int64_t step) const {
    double sum = 0.0;
    for (std::int64_t i = 0; i < modes_.rows(); ++i) {
      sum += energy_left(i, rate, step);
    }
    return sum / (2.0 * static_cast<double>(modes_.rows()));
  }
  /// The part of the loss that stands in the leading mode after so many steps. Local.
  [[nodiscard]] double leading_share(double rate, std::int64_t step) const {
    return energy_left(modes_.rows() - 1, rate, step) /
           (2.0 * static_cast<double>(modes_.rows()) * loss(rate, step));
  }
  /// y - f after so many steps with each rate, C columns for each. Collective over the grid.
  [[nodiscard]] Matrix<double> residuals(const std::vector<double>& rates,
                                         std::int64_t step) const {
    const std::int64_t outputs = modes_.cols();
    Matrix<double> remaining(modes_.rows(), std::ssize(rates) * outputs);
    for (std::size_t k = 0; k < rates.size(); ++k) {
      for (std::int64_t i = 0; i < modes_.rows(); ++i) {
        const double by = left(i, rates[k], step);
        for (std::int64_t j = 0; j < outputs; ++j) {
          remaining(i, static_cast<std::int64_t>(k) * outputs + j) = by * modes_(i, j);
        }
      }
    }
    return from_modes(*eigen_, remaining);
  }

 private:
  /// (1 - eta lambda_i)^step at eta = rate / lambda_max.
  [[nodiscard]] double left(std::int64_t i, double rate, std::int64_t step) const {
    const std::int64_t n = modes_.rows();
    const TrainingRule rule{Optimizer::gradient_descent,
                            rate * static_cast<double>(n) / eigen_->values.back()};
    return rule.residual(eigen_->values[static_cast<std::size_t>(i)], static_cast<double>(step), n);
  }
  [[nodiscard]] double energy_left(std::int64_t i, double rate, std::int64_t step) const {
    const double by = left(i, rate, step);
    return energy_[static_cast<std::size_t>(i)] * by * by;
  }

  const EigenSystem<double>* eigen_;
  Matrix<double> modes_;  ///< row i for the ascending eigenvalue i
  std::vector<double> energy_;
};

struct Iterated {
  Losses losses;
  /// For each rate the largest |r - closed form| at steps 1, 2, 4, ... and the last one, over the
  /// larger of |r| at the start and then.
  std::vector<double> distance;
};

/// Whether the closed form is compared after this step.
bool is_compared(std::int64_t step, std::int64_t steps) {
  return (step & (step - 1)) == 0 || step == steps;
}

/// f_{s+1} = f_s - eta K/N (f_s - y), with the matrix itself, all rates at once. Collective.
Iterated iterate(const Communicator& comm, const LinearOperator& k, double largest_eigenvalue,
                 const Matrix<double>& residual, const LearningRateOptions& options,
                 const ClosedForm& closed, Monitor& monitor) {
  const std::int64_t outputs = residual.cols();
  const auto rates = std::ssize(options.rates);
  Iterated result;
  Matrix<double> r = prepared(comm, [&] {
    result.losses.resize(options.rates.size());
    result.distance.resize(options.rates.size());
    Matrix<double> all(residual.rows(), rates * outputs);
    for (std::int64_t j = 0; j < all.cols(); ++j) {
      std::copy_n(residual.column(j % outputs), residual.rows(), all.column(j));
    }
    return all;
  });
  const double start = squared_norm(r, 0, outputs);
  for (std::int64_t step = 0; step <= options.steps; ++step) {
    stop_if_asked(comm, monitor);
    if (step > 0) {
      const Matrix<double> product = k.apply(r);
      for (std::int64_t j = 0; j < r.cols(); ++j) {
        const double eta =
            options.rates[static_cast<std::size_t>(j / outputs)] / largest_eigenvalue;
        std::transform(r.column(j), r.column(j) + r.rows(), product.column(j), r.column(j),
                       [=](double left, double change) { return left - eta * change; });
      }
    }
    std::optional<Matrix<double>> expected;
    if (step > 0 && is_compared(step, options.steps)) {
      expected = closed.residuals(options.rates, step);
      for (std::int64_t i = 0; i < r.size(); ++i) {
        expected->data()[i] -= r.data()[i];
      }
    }
    for (std::size_t rate = 0; rate < options.rates.size(); ++rate) {
      const std::int64_t first = static_cast<std::int64_t>(rate) * outputs;
      const double now = squared_norm(r, first, outputs);
      result.losses[rate].push_back(now / (2.0 * static_cast<double>(r.rows())));
      if (expected) {
        const double apart = std::sqrt(squared_norm(*expected, first, outputs));
        result.distance[rate] =
            std::max(result.distance[rate], apart / std::sqrt(std::max(start, now)));
      }
    }
    monitor.progress(step, options.steps);
  }
  return result;
}

/// The first step after which the loss exceeds that at the start; -1: none.
std::int64_t first_beyond_start(const std::vector<double>& losses) {
  const auto found = std::find_if(losses.begin(), losses.end(),
                                  [&](double loss) { return loss > losses.front(); });
  return found == losses.end() ? -1 : found - losses.begin();
}

/// The largest quotient of the losses after two steps that follow each other; losses at the level
/// of rounding, whose square `noise` is in units of the start, are not looked at.
double largest_quotient(const std::vector<double>& losses, double noise) {
  double largest = 0.0;
  for (std::size_t step = 0; step + 1 < losses.size(); ++step) {
    if (losses[step] > noise * losses.front()) {
      largest = std::max(largest, losses[step + 1] / losses[step]);
    }
  }
  return largest;
}

void add_claims(const LearningRateOptions& options, const Iterated& iterated,
                const ClosedForm& closed, std::int64_t n, StudyResult& result) {
  // Each step rounds f anew; a thousand of them stay below this, and more add up.
  const double agreement = 1e-11 * std::max(1.0, static_cast<double>(options.steps) / 1000.0);
  result.claims.push_back(
      {"explicit iteration beside the closed form: largest distance over the residual's size",
       *std::max_element(iterated.distance.begin(), iterated.distance.end()), 0.0, agreement});
  const double rounding = static_cast<double>(n) * std::numeric_limits<double>::epsilon();
  double quotient = 0.0;
  bool any_stable = false;
  for (std::size_t k = 0; k < options.rates.size(); ++k) {
    const double rate = options.rates[k];
    const std::vector<double>& losses = iterated.losses[k];
    if (rate < 2.0) {
      any_stable = true;
      quotient = std::max(quotient, largest_quotient(losses, rounding * rounding));
      continue;
    }
    if (rate == 2.0) {
      result.lines.emplace_back(
          "no claim at 2/lambda_max: there the leading mode neither grows nor decays");
      continue;
    }
    // The squared residual grows as the mean of (1 - eta lambda_i)^2 over what it had in each mode:
    // by no more than the leading one, and by no less than what that one alone contributes.
    const double least = (rate - 1.0) * std::sqrt(closed.leading_share(rate, options.steps - 1));
    if (!(least > 1.0)) {
      result.lines.push_back(fmt::format(
          "no claim at {:g}/lambda_max: after {} steps the leading mode is not ahead of the others",
          rate, options.steps));
      continue;
    }
    result.claims.push_back(
        within(fmt::format("growth of the residual in the last step at {:g}/lambda_max", rate),
               std::sqrt(losses.back() / losses[losses.size() - 2]), least - rounding,
               rate - 1.0 + rounding));
  }
  if (any_stable) {
    result.claims.push_back(
        within("largest loss after a step over that before it, below 2/lambda_max", quotient, 0.0,
               1.0 + rounding));
  }
}

}  // namespace

StudyCost learning_rate_cost(const ExperimentOptions& options, const Architecture& architecture,
                             const DataShape& shape, int ranks) {
  const LearningRateOptions& rates = options.learning_rate;
  const auto n = static_cast<double>(shape.train_size);
  const auto columns =
      static_cast<double>(shape.outputs) * static_cast<double>(std::ssize(rates.rates));
  const auto steps = static_cast<double>(rates.steps);
  const double recorded = 2.0 * static_cast<double>(std::ssize(rates.rates)) * (steps + 1.0);
  StudyCost cost;
  // The matrix joins the eigenvectors when the workspace is gone.
  cost.bytes = samples_bytes(shape, architecture.activation, architecture.depth, ranks) +
               eigensystem_bytes(shape.train_size, ranks) + matrix_bytes(shape.train_size, ranks) +
               8.0 * (6.0 * n * columns + 2.0 * recorded);
  cost.file_bytes = 8.0 * recorded;
  cost.flop = 9.0 * n * n * n + 2.0 * n * n * static_cast<double>(shape.dimension) +
              2.0 * n * n * columns * (steps + 2.0 * std::log2(steps + 1.0));
  return cost;
}

StudyResult learning_rate(const Communicator& comm, const StudyProblem& problem, Monitor& monitor) {
  const LearningRateOptions& options = problem.options.learning_rate;
  const std::int64_t n = problem.x.cols();
  if (squared_norm(problem.y, 0, problem.y.cols()) == 0.0) {
    throw ConfigError("all training targets are 0, so that there is nothing to learn");
  }
  const auto grid = shared_grid(comm);
  const KernelMatrix<double> kernel =
      shared_kernel(problem.architecture, grid, n).matrix(problem.type, problem.x, problem.x);
  stop_if_asked(comm, monitor);
  const EigenSystem<double> eigen = shared_eigensystem(kernel, monitor);
  const double lambda_max = eigen.values.back() / static_cast<double>(n);
  const ClosedForm closed(eigen, problem.y);
  const DistMatrix<double> stored = kernel.assemble_symmetric(Triangle::both, monitor);
  const StoredSymmetric<double> k(stored, kernel.column_diagonal());
  const Iterated iterated =
      iterate(comm, k, eigen.values.back(), problem.y, options, closed, monitor);

  StudyResult result;
  const auto rates = std::ssize(options.rates);
  result.axes = {{kRateAxis, "learning rate times lambda_max", options.rates},
                 {kStepAxis, "step of descent", numbers(0, options.steps + 1)}};
  std::vector<double> explicit_losses;
  std::vector<double> closed_losses;
  std::vector<double> beyond;
  result.lines.push_back(
      fmt::format("largest stable rate 2/lambda_max = {:.6g}", 2.0 / lambda_max));
  for (std::size_t rate = 0; rate < options.rates.size(); ++rate) {
    const std::vector<double>& losses = iterated.losses[rate];
    explicit_losses.insert(explicit_losses.end(), losses.begin(), losses.end());
    for (std::int64_t step = 0; step <= options.steps; ++step) {
      closed_losses.push_back(closed.loss(options.rates[rate], step));
    }
    const std::int64_t first = first_beyond_start(losses);
    beyond.push_back(static_cast<double>(first));
    result.lines.push_back(
        fmt::format("rate {:<5g}/lambda_max: loss {:.4g} -> {:.4g} after {} steps, {}",
                    options.rates[rate], losses.front(), losses.back(), options.steps,
                    first < 0 ? "never beyond its start"
                              : fmt::format("beyond its start from step {}", first)));
  }
  const auto by_step = [&](const char* path, const char* long_name, std::vector<double> values) {
    result.data.push_back(
        {{path, long_name, "1", {rates, options.steps + 1}, {kRateAxis, kStepAxis}},
         std::move(values)});
  };
  by_step("/experiment/loss", "1/2 mean |f - y|^2 on the training samples, by iteration",
          std::move(explicit_losses));
  by_step("/experiment/closed_form_loss", "the same in closed form in the eigenbasis",
          std::move(closed_losses));
  const auto by_rate = [&](const char* path, const char* long_name, std::vector<double> values) {
    result.data.push_back({{path, long_name, "1", {rates}, {kRateAxis}}, std::move(values)});
  };
  by_rate("/experiment/first_beyond_start",
          "first step after which the loss exceeds its start; -1: none", std::move(beyond));
  by_rate("/experiment/distance",
          "largest distance of iteration and closed form over the residual's size",
          iterated.distance);
  result.attributes = {{kRateAxis, "lambda_max", lambda_max},
                       {kRateAxis, "stable_learning_rate", 2.0 / lambda_max}};
  add_claims(options, iterated, closed, n, result);
  return result;
}

}  // namespace ntkflow
