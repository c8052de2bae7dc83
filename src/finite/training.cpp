#include "ntkflow/finite/training.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/base/numbers.hpp>

#include "pass.hpp"
#include "pending_updates.hpp"

namespace ntkflow {
namespace {

/// 1/2 mean_i |f(x_i) - y_i|^2, or of f = 0 where `values` is empty.
double cost(const Matrix<double>& values, const Matrix<double>& target) {
  double sum = 0.0;
  for (std::int64_t k = 0; k < target.size(); ++k) {
    const double residual =
        values.size() == 0 ? target.data()[k] : values.data()[k] - target.data()[k];
    sum += residual * residual;
  }
  return 0.5 * sum / static_cast<double>(target.rows());
}

/// The largest norm of a row, or NaN or infinity.
template <class Real>
double largest_row_norm(MatrixView<const Real> a) {
  std::vector<Real> squares(static_cast<std::size_t>(a.rows));
  for (std::int64_t j = 0; j < a.cols; ++j) {
    std::transform(squares.begin(), squares.end(), a.column(j), squares.begin(),
                   [](Real sum, Real value) { return sum + value * value; });
  }
  double most = 0.0;
  for (const Real square : squares) {
    most = max_or_nan(most, static_cast<double>(square));
  }
  return std::sqrt(most);
}

/// A network on its way, and what its steps need. A gradient is never formed: it is the pass whose
/// deltas are derivatives of the cost.
template <class Real>
class Trainer {
 public:
  Trainer(Network<Real>& network, MatrixView<const Real> x, const Matrix<double>& target,
          const TrainingOptions& options)
      : network_(network),
        target_(target),
        step_(options.learning_rate),
        now_(network, x, 1),
        before_(network, x, 1),
        scratch_(Pass<Real>::scratch_rows(network), x.cols) {
    if (options.integrator == Integrator::flow) {
      middle_.emplace(network, x, 1);
    }
    for (int layer = 0; layer < network.depth(); ++layer) {
      pending_.emplace_back(network.fan_out(layer), network.fan_in(layer), x.cols);
    }
  }

  /// f on the training set, [N x C].
  const Matrix<double>& forward() {
    values_ = now_.forward(network_, pending_);
    return values_;
  }

  /// One step from where `forward` was, or false where it would leave the range in which `undo`
  /// can go back, and is not taken.
  bool advance() {
    differentiate(now_, values_);
    if (!(largest_change(now_, step_) < kLargestChange)) {
      return false;
    }
    move(now_, -step_);
    if (middle_) {
      differentiate(*middle_, middle_->forward(network_, pending_));
      if (!(largest_change(*middle_, step_) < kLargestChange)) {
        move(now_, step_);
        return false;
      }
      move(now_, 0.5 * step_);
      move(*middle_, -0.5 * step_);
    }
    std::swap(now_, before_);
    return true;
  }

  /// Takes the last step back. Once after each `advance`.
  void undo() {
    if (middle_) {
      move(*middle_, 0.5 * step_);
      move(before_, 0.5 * step_);
    } else {
      move(before_, step_);
    }
  }

  /// Leaves all parameters in the network.
  void finish() {
    for (int layer = 0; layer < network_.depth(); ++layer) {
      pending_[static_cast<std::size_t>(layer)].fold_into(network_.weights(layer).view());
    }
  }

 private:
  /// A larger change would leave no digit of a parameter that is of order 1.
  static constexpr double kLargestChange = 1.0 / std::numeric_limits<Real>::epsilon();

  /// From f on the training set to the gradient of the cost.
  void differentiate(Pass<Real>& pass, const Matrix<double>& values) {
    const auto residual = pass.deltas(network_.depth() - 1);
    const double weight = 1.0 / static_cast<double>(target_.rows());
    for (std::int64_t i = 0; i < target_.rows(); ++i) {
      for (std::int64_t c = 0; c < target_.cols(); ++c) {
        residual(c, i) = static_cast<Real>(weight * (values(i, c) - target_(i, c)));
      }
    }
    pass.backward(network_, pending_, scratch_.view());
  }

  /// A bound of what `factor` times the gradient changes in any parameter, or NaN or infinity.
  double largest_change(const Pass<Real>& gradient, double factor) const {
    double most = 0.0;
    for (int layer = 0; layer < network_.depth(); ++layer) {
      const auto a = gradient.inputs(layer);
      const double delta = largest_row_norm<Real>(gradient.deltas(layer));
      most = max_or_nan(most, network_.weight_scale(layer) * delta * largest_row_norm<Real>(a));
      most =
          max_or_nan(most, network_.bias_scale() * delta * std::sqrt(static_cast<double>(a.cols)));
    }
    return std::abs(factor) * most;
  }

  /// theta += factor grad.
  void move(const Pass<Real>& gradient, double factor) {
    for (int layer = 0; layer < network_.depth(); ++layer) {
      const auto delta = gradient.deltas(layer);
      pending_[static_cast<std::size_t>(layer)].add(
          static_cast<Real>(factor * network_.weight_scale(layer)), delta, gradient.inputs(layer),
          network_.weights(layer).view());
      const auto bias_factor = static_cast<Real>(factor * network_.bias_scale());
      std::vector<Real>& biases = network_.biases(layer);
      for (std::int64_t i = 0; i < delta.cols; ++i) {
        std::transform(biases.begin(), biases.end(), delta.column(i), biases.begin(),
                       [bias_factor](Real bias, Real d) { return bias + bias_factor * d; });
      }
    }
  }

  Network<Real>& network_;
  const Matrix<double>& target_;
  double step_;
  std::vector<PendingUpdates<Real>> pending_;
  Pass<Real> now_;
  Pass<Real> before_;                 ///< the gradient at the start of the last step
  std::optional<Pass<Real>> middle_;  ///< of Heun's method: the gradient at the end of Euler's step
  Matrix<Real> scratch_;
  Matrix<double> values_;
};

}  // namespace

template <class Real>
TrainingOutcome train(Network<Real>& network, MatrixView<const Real> x,
                      const Matrix<double>& target, const TrainingOptions& options,
                      const TrainingVisit& visit, Monitor& monitor) {
  NTKFLOW_EXPECTS(
      x.cols >= 1 && target.rows() == x.cols && target.cols() == network.shape().outputs, x.cols,
      target.rows(), target.cols(), network.shape().outputs);
  NTKFLOW_EXPECTS(options.steps >= 0 && options.learning_rate > 0.0, options.steps,
                  options.learning_rate);
  Trainer<Real> trainer(network, x, target, options);
  TrainingOutcome outcome;
  double limit = std::numeric_limits<double>::max();
  for (std::int64_t step = 0;; ++step) {
    const Matrix<double>& values = trainer.forward();
    const double loss = cost(values, target);
    if (!(loss <= limit)) {
      if (step > 0) {
        trainer.undo();
      }
      outcome.diverged_at = std::max<std::int64_t>(step - 1, 0);
      break;
    }
    if (step == 0) {
      limit = std::min(limit, kDivergence * std::max(loss, cost({}, target)));
    }
    outcome.loss.push_back(loss);
    if (visit) {
      visit(step, values);
    }
    if (step == options.steps) {
      break;
    }
    monitor.progress(step, options.steps);
    if (monitor.stop_requested()) {
      throw InterruptedError("stopped on request while training a network");
    }
    if (!trainer.advance()) {
      outcome.diverged_at = step;
      break;
    }
  }
  trainer.finish();
  return outcome;
}

std::int64_t training_bytes(const Architecture& architecture, const NetworkShape& shape,
                            std::int64_t samples, std::int64_t tangent_samples,
                            std::int64_t kernel_values, std::int64_t bytes_per_real,
                            Integrator integrator) {
  const std::int64_t hidden_layers = architecture.depth - 1;
  std::int64_t parameters = 0;
  std::int64_t pending = 0;
  for (int layer = 0; layer <= hidden_layers; ++layer) {
    const std::int64_t fan_in = layer == 0 ? shape.inputs : shape.width;
    const std::int64_t fan_out = layer == hidden_layers ? shape.outputs : shape.width;
    parameters += fan_out * (fan_in + 1);
    pending += (fan_out + fan_in) * PendingUpdates<double>::capacity(fan_out, fan_in, samples);
  }
  // The hidden units twice, as inputs and as deltas, and one layer of them as scratch.
  const std::int64_t hidden = hidden_layers * shape.width;
  const std::int64_t scratch = hidden_layers == 0 ? 0 : shape.width;
  const std::int64_t passes = integrator == Integrator::flow ? 3 : 2;
  const std::int64_t training = (passes * (2 * hidden + shape.outputs) + scratch) * samples;
  const std::int64_t tangent =
      (shape.inputs + hidden + shape.outputs * (hidden + shape.outputs) + scratch) *
      tangent_samples;
  constexpr auto kDouble = static_cast<std::int64_t>(sizeof(double));
  // Kernel values in double, beside the products of a layer in Real: one for each pair of samples,
  // and one for each pair of outputs as well.
  return bytes_per_real * (parameters + pending + training + tangent + kernel_values +
                           kernel_values / (shape.outputs * shape.outputs)) +
         kDouble * (kernel_values + 2 * shape.outputs * samples);
}

double training_flop(const Architecture& architecture, const NetworkShape& shape,
                     std::int64_t samples, const TrainingOptions& options) {
  double products = 0.0;  // of a pass forward, one back and an update
  for (int layer = 0; layer < architecture.depth; ++layer) {
    const std::int64_t fan_in = layer == 0 ? shape.inputs : shape.width;
    const std::int64_t fan_out = layer == architecture.depth - 1 ? shape.outputs : shape.width;
    products +=
        (layer == 0 ? 2.0 : 3.0) * static_cast<double>(fan_in) * static_cast<double>(fan_out);
  }
  const double passes = options.integrator == Integrator::flow ? 2.0 : 1.0;
  return 2.0 * passes * products * static_cast<double>(samples) *
         static_cast<double>(options.steps);
}

template TrainingOutcome train(Network<float>&, MatrixView<const float>, const Matrix<double>&,
                               const TrainingOptions&, const TrainingVisit&, Monitor&);
template TrainingOutcome train(Network<double>&, MatrixView<const double>, const Matrix<double>&,
                               const TrainingOptions&, const TrainingVisit&, Monitor&);

}  // namespace ntkflow
