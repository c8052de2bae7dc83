#include "ntkflow/kernel/kernel_evaluator.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>

#include "activation.hpp"
#include "fused.hpp"
#include "hermite.hpp"
#include "hermite_table.hpp"
#include "near_pair.hpp"
#include "numerical_activation.hpp"
#include "scalar_duals.hpp"
#include "tile.hpp"

namespace ntkflow {
namespace {

template <class Real>
constexpr std::int64_t kVectorLanes = kAlignmentBytes / static_cast<std::int64_t>(sizeof(Real));

/// Room for `samples` values, of which any may begin the read of kRowVectors vectors.
template <class Real>
constexpr std::int64_t padded(std::int64_t samples) {
  return (samples / kVectorLanes<Real> + 1 + kRowVectors) * kVectorLanes<Real>;
}

/// Slope of the affine map from an inner product to Sigma^(1).
double first_slope(const Architecture& architecture, std::int64_t dimension) {
  return architecture.first_layer == FirstLayer::plain
             ? 1.0
             : architecture.weight_variance / static_cast<double>(dimension);
}

/// The tile forms products of two variances, so these must neither overflow nor vanish.
template <class Real>
void check_variance(Real variance, int layer, int depth) {
  static const Real largest = std::sqrt(std::numeric_limits<Real>::max()) / 4;
  static const Real smallest = std::sqrt(std::numeric_limits<Real>::min());
  const bool is_multiplied = layer < depth;
  const bool fits = is_multiplied
                        ? variance <= largest && (variance >= smallest || variance == Real(0))
                        : std::isfinite(variance);
  if (!fits) {
    std::ostringstream text;
    text << "the kernel of a sample with itself is " << variance << " at layer " << layer << " of "
         << depth << ", outside of what " << (sizeof(Real) == sizeof(float) ? "single" : "double")
         << " precision can multiply (" << smallest << " to " << largest
         << "); change kernel.weight_variance or rescale the inputs";
    throw NumericalError(text.str());
  }
}

/// Both kernels of a sample with itself in each layer, the variances checked, to
/// visit(layer, q, ntk). The recursion runs in Real and rounds as the tile does.
template <class Real, class Visit>
void for_each_variance(const Architecture& architecture, const PreparedActivation& activation,
                       double first_slope, double squared_norm, const Visit& visit) {
  const int depth = architecture.depth;
  Real q = static_cast<Real>(first_slope) * static_cast<Real>(squared_norm) +
           static_cast<Real>(architecture.bias_variance);
  Real ntk = q;
  for (int layer = 1;; ++layer) {
    check_variance(q, layer, depth);
    visit(layer, q, ntk);
    if (layer == depth) {
      return;
    }
    const auto [f, g] = scalar_diagonal(activation, q);
    if (!std::isfinite(f)) {
      std::ostringstream text;
      text << "activation '" << architecture.activation.name
           << "' has no finite second moment at layer " << layer << " of " << depth
           << ", where the variance of its input has reached " << q
           << "; lower kernel.weight_variance, kernel.bias_variance or kernel.depth, or rescale "
              "the inputs";
      throw NumericalError(text.str());
    }
    const auto weight = static_cast<Real>(architecture.weight_variance);
    q = weight * f + static_cast<Real>(architecture.bias_variance);
    ntk = q + weight * g * ntk;
  }
}

/// Share of |x| |y| above which a product counts as nearly parallel: 1 - |rho| below 1e-4 (double)
/// or 1e-2 (float), angles below 0.014 or 0.14. The angle, and with it the derivative dual, has the
/// error of rho divided by the angle. A matrix product of d = 784 leaves rho with about 1e-15 or
/// 1e-6, so beyond the threshold the angle keeps an error below 1e-13 or 1e-5, while few pairs of
/// real data lie within.
template <class Real>
constexpr Real kParallel = static_cast<Real>(sizeof(Real) == sizeof(float) ? 1.0 - 1e-2
                                                                           : 1.0 - 1e-4);

/// Largest relative difference of |x|^2 that counts as none: what normalising in Real leaves.
template <class Real>
constexpr double kEqualNorms = 32.0 * static_cast<double>(std::numeric_limits<Real>::epsilon());

/// Tail of a series of duals relative to the duals at correlation 1.
template <class Real>
constexpr double kSeriesTail = sizeof(Real) == sizeof(float) ? 1e-8 : 4e-15;

/// Most terms of a layer's series. So many cost some tens of matrix products of images, and pair by
/// pair evaluation a thousand times that.
constexpr int kMostTerms = 4096;

/// What closed forms promise layer by layer.
template <class Real>
constexpr double kClosedFormError = sizeof(Real) == sizeof(float) ? 4e-6 : 1e-13;

std::string quoted_error(double error) {
  std::ostringstream text;
  text.precision(2);
  text << error;
  return text.str();
}

/// Duals of one layer at equal variances.
class EqualDuals {
 public:
  EqualDuals(const PreparedActivation& activation, long double q) : activation_(activation), q_(q) {
    if (activation.numerical) {
      constexpr int kMost = 8192;
      const auto variance = static_cast<double>(q);
      coefficients_.resize(static_cast<std::size_t>(
          hermite_terms(*activation.numerical, variance, kSeriesTail<double>, kMost)));
      hermite_coefficients(*activation.numerical, variance, coefficients_);
    }
  }

  [[nodiscard]] Duals<long double> at(long double c) const {
    if (coefficients_.empty()) {
      return scalar_duals(activation_, q_, q_, c);
    }
    const long double rho = c / q_;
    Duals<long double> sum{0.0L, 0.0L};
    for (std::size_t k = coefficients_.size(); k > 0; --k) {
      const long double a = coefficients_[k - 1];
      sum.g = sum.g * rho + sum.f;
      sum.f = sum.f * rho + a * a;
    }
    return {sum.f, sum.g / q_};
  }

 private:
  PreparedActivation activation_;
  long double q_;
  std::vector<double> coefficients_;
};

}  // namespace

template <class Real>
SampleVariances<Real>::SampleVariances(std::int64_t samples, int depth, std::int64_t coefficients)
    : samples_(samples),
      stride_(padded<Real>(samples)),
      depth_(depth),
      buffer_(padded<Real>(samples) * (2 + 3 * depth + coefficients)) {
  NTKFLOW_EXPECTS(samples >= 0 && depth >= 1 && coefficients >= 0, samples, depth, coefficients);
  std::fill_n(buffer_.data(), buffer_.size(), Real(0));
}

template <class Real>
struct KernelEvaluator<Real>::Implementation {
  Architecture architecture;
  PreparedActivation activation;
  double first_slope = 1.0;
  NormRange norms;
  EvaluationPath path = EvaluationPath::layered;
  std::optional<FusedKernel<Real>> fused;
  std::vector<HermiteTable> series;  ///< of each layer but the last; empty with closed forms
  std::vector<SeriesShape> shapes;   ///< of each series
  std::string description;
  double error = kClosedFormError<Real>;

  [[nodiscard]] bool has_equal_norms() const {
    return norms.largest - norms.smallest <= kEqualNorms<Real> * norms.largest;
  }
  /// Whether the kernel is one function of the correlation.
  [[nodiscard]] bool is_one_function() const {
    constexpr int kDeepest = 1024;  // fitting every depth takes a second there
    return architecture.depth > 1 && architecture.depth <= kDeepest &&
           (has_equal_norms() || (architecture.bias_variance == 0.0 && homogeneity(activation)));
  }

  /// A squared norm at which to fit: without a bias a homogeneous activation has the same function
  /// at every norm.
  [[nodiscard]] double fused_norm() const { return has_equal_norms() ? norms.largest : 1.0; }
  [[nodiscard]] FusedTarget near_target() const;
  [[nodiscard]] FusedTarget fused_target() const;
  bool try_fused();
  bool try_series();
  void choose_path(EvaluationPath wanted);
  /// Number of series coefficients of a sample.
  [[nodiscard]] std::int64_t coefficients() const {
    std::int64_t sum = 0;
    for (const SeriesShape& shape : shapes) {
      sum += shape.terms;
    }
    return sum;
  }
  [[nodiscard]] Layers<Real> layers() const {
    return {architecture.depth, static_cast<Real>(first_slope),
            static_cast<Real>(architecture.weight_variance),
            static_cast<Real>(architecture.bias_variance)};
  }

  void evaluate(const Tile<Real>& tile, const SampleVariances<Real>& rows, std::int64_t row_begin,
                const SampleVariances<Real>& cols, std::int64_t col_begin) const;
  void evaluate_pairs(const Tile<Real>& tile, const SampleVariances<Real>& rows,
                      std::int64_t row_begin, const SampleVariances<Real>& cols,
                      std::int64_t col_begin) const;
};

/// The target where closed forms are slow in long double: the recursion that carries the distance
/// from correlation 1 or -1, in double.
template <class Real>
FusedTarget KernelEvaluator<Real>::Implementation::near_target() const {
  FusedTarget target;
  target.depth = architecture.depth;
  target.has_kink = true;
  target.noise = 2e-15;  // the digits of double
  const double first = first_slope * fused_norm() + architecture.bias_variance;
  std::vector<double> q = {first};
  while (q.size() < static_cast<std::size_t>(architecture.depth)) {
    q.push_back(architecture.weight_variance * scalar_diagonal(activation, q.back()).f +
                architecture.bias_variance);
  }
  target.evaluate = [network = architecture, prepared = activation, q](
                        long double sign, long double gap, std::span<long double> nngp,
                        std::span<long double> ntk) {
    const NearLayer layer{q.front(), q.front(), static_cast<double>(sign),
                          static_cast<double>(gap * q.front())};
    for_each_near_depth(network, prepared, network.depth, layer, [&](int depth, KernelPair pair) {
      const auto index = static_cast<std::size_t>(depth - 1);
      nngp[index] = pair.nngp / q[index];
      ntk[index] = pair.ntk / q[index];
    });
  };
  return target;
}

template <class Real>
FusedTarget KernelEvaluator<Real>::Implementation::fused_target() const {
  if (has_slow_textbook(activation)) {
    return near_target();
  }
  const long double weight = architecture.weight_variance;
  const long double bias = architecture.bias_variance;
  std::vector<EqualDuals> steps;
  std::vector<long double> q = {first_slope * fused_norm() + bias};
  while (q.size() < static_cast<std::size_t>(architecture.depth)) {
    steps.emplace_back(activation, q.back());
    q.push_back(weight * scalar_diagonal(activation, q.back()).f + bias);
  }
  FusedTarget target;
  target.depth = architecture.depth;
  if (activation.numerical && !activation.numerical->kinks().empty()) {
    target.has_kink = true;
    target.noise = 0.1 * NumericalActivation::kDualTolerance;  // as met; what is left is measured
    target.allowed = 1e-12;
  }
  target.evaluate = [weight, bias, q, steps](long double sign, long double gap,
                                             std::span<long double> nngp,
                                             std::span<long double> ntk) {
    long double c = sign * (1 - gap) * q.front();
    long double theta = c;
    for (std::size_t l = 0;; ++l) {
      nngp[l] = c / q[l];
      ntk[l] = theta / q[l];
      if (l + 1 == q.size()) {
        return;
      }
      const auto duals = steps[l].at(std::clamp(c, -q[l], q[l]));
      c = weight * duals.f + bias;
      theta = c + weight * duals.g * theta;
    }
  };
  return target;
}

template <class Real>
bool KernelEvaluator<Real>::Implementation::try_fused() {
  fused = fit_fused<Real>(fused_target());
  if (!fused) {
    return false;
  }
  path = EvaluationPath::fused;
  const double variance = first_slope * fused_norm() + architecture.bias_variance;
  fused->slope = static_cast<Real>(first_slope * fused_norm() / variance);
  fused->offset = static_cast<Real>(architecture.bias_variance / variance);
  error = fused->error;
  description = "one function of the correlation for all layers, a polynomial of degree ";
  description += std::to_string(fused->degree());
  description += fused->variable == FusedVariable::half_angle ? " in the half angle" : "";
  description += ", largest error " + quoted_error(error);
  return true;
}

template <class Real>
void KernelEvaluator<Real>::Implementation::choose_path(EvaluationPath wanted) {
  if (wanted == EvaluationPath::fused && !is_one_function()) {
    throw NumericalError(
        "kernel.evaluation = \"fused\" needs at least two layers and samples of equal norm (add "
        "\"sphere\" to data.preprocess), or a positively homogeneous activation without bias; use "
        "\"auto\"");
  }
  if ((wanted == EvaluationPath::fused || wanted == EvaluationPath::automatic) &&
      is_one_function()) {
    if (try_fused()) {
      return;
    }
    if (wanted == EvaluationPath::fused) {
      throw NumericalError(
          "kernel.evaluation = \"fused\": no polynomial reproduces this kernel; use \"auto\"");
    }
  }
  path = wanted == EvaluationPath::reference ? wanted : EvaluationPath::layered;
  description = path == EvaluationPath::layered ? "layer by layer, closed forms"
                                                : "pair by pair in scalar code, closed forms";
  if (!activation.numerical || (path == EvaluationPath::layered && try_series())) {
    return;
  }
  if (wanted == EvaluationPath::layered) {
    throw NumericalError(
        "kernel.evaluation = \"layered\" needs an activation with closed-form duals or with a "
        "short "
        "Hermite series, which kinks and large variances make long; use \"auto\"");
  }
  path = EvaluationPath::reference;
  error = NumericalActivation::kDualTolerance;
  description = "pair by pair in scalar code, by quadrature (slow), error bound ";
  description += quoted_error(error);
}

template <class Real>
bool KernelEvaluator<Real>::Implementation::try_series() {
  if (!std::isfinite(norms.largest)) {
    return architecture.depth == 1;
  }
  // Terms grow with the variance, and a variance grows with the norm, but for activations that are
  // not monotonic: look at norms in between as well.
  constexpr int kSteps = 32;
  struct Range {
    double smallest = std::numeric_limits<double>::infinity();
    double largest = 0.0;
  };
  std::vector<Range> ranges(static_cast<std::size_t>(architecture.depth));
  for (int step = 0; step <= kSteps; ++step) {
    const double share = static_cast<double>(step) / kSteps;
    const double squared_norm = norms.smallest + share * share * (norms.largest - norms.smallest);
    for_each_variance<double>(architecture, activation, first_slope, squared_norm,
                              [&](int layer, double q, double /*ntk*/) {
                                Range& range = ranges[static_cast<std::size_t>(layer - 1)];
                                range.smallest = std::min(range.smallest, q);
                                range.largest = std::max(range.largest, q);
                              });
  }
  ranges.pop_back();
  double bound = kSeriesTail<Real>;
  const NumericalActivation& function = *activation.numerical;
  for (const auto& [smallest, largest] : ranges) {
    const int needed = hermite_terms(function, largest, kSeriesTail<Real>, kMostTerms);
    if (needed > 0) {
      series.emplace_back(function, needed, smallest, largest);
    }
    if (needed == 0 || series.back().error() > kSeriesTail<double>) {
      series.clear();
      shapes.clear();
      return false;
    }
    shapes.push_back({series.back().terms(), series.back().first(), series.back().step()});
    bound = std::max(bound, function.error_bound(largest));
  }
  if (!shapes.empty()) {
    const auto fewer = [](const SeriesShape& a, const SeriesShape& b) { return a.terms < b.terms; };
    error = bound;
    description = "layer by layer, Hermite series of up to ";
    description += std::to_string(std::max_element(shapes.begin(), shapes.end(), fewer)->terms);
    description += " terms, error bound " + quoted_error(error);
  }
  return true;
}

template <class Real>
KernelEvaluator<Real>::KernelEvaluator(const Architecture& architecture, std::int64_t dimension,
                                       NormRange norms, EvaluationPath path) {
  const std::string problem = check_architecture(architecture);
  NTKFLOW_EXPECTS(problem.empty() && dimension >= 1, problem, dimension);
  NTKFLOW_EXPECTS(norms.smallest >= 0.0 && norms.smallest <= norms.largest, norms.smallest,
                  norms.largest);
  auto implementation = std::make_unique<Implementation>();
  implementation->architecture = architecture;
  implementation->activation = prepare(architecture.activation);
  implementation->first_slope = first_slope(architecture, dimension);
  implementation->norms = norms;
  if (std::isfinite(norms.largest)) {
    for (const double squared_norm : {norms.smallest, norms.largest}) {
      for_each_variance<Real>(architecture, implementation->activation, implementation->first_slope,
                              squared_norm, [](int, Real, Real) {});
    }
  }
  implementation->choose_path(path);
  implementation_ = std::move(implementation);
}

template <class Real>
KernelEvaluator<Real>::KernelEvaluator(KernelEvaluator&&) noexcept = default;
template <class Real>
KernelEvaluator<Real>& KernelEvaluator<Real>::operator=(KernelEvaluator&&) noexcept = default;
template <class Real>
KernelEvaluator<Real>::~KernelEvaluator() = default;

template <class Real>
const Architecture& KernelEvaluator<Real>::architecture() const noexcept {
  return implementation_->architecture;
}

template <class Real>
EvaluationPath KernelEvaluator<Real>::path() const noexcept {
  return implementation_->path;
}

template <class Real>
const std::string& KernelEvaluator<Real>::description() const noexcept {
  return implementation_->description;
}

template <class Real>
double KernelEvaluator<Real>::error() const noexcept {
  return implementation_->error;
}

template <class Real>
SampleVariances<Real> KernelEvaluator<Real>::variances(
    std::span<const double> squared_norms) const {
  const Implementation& kernel = *implementation_;
  const auto samples = static_cast<std::int64_t>(squared_norms.size());
  SampleVariances<Real> result(samples, kernel.architecture.depth, kernel.coefficients());
  std::vector<double> row(kMostTerms);
  std::vector<double> scratch(2 * kMostTerms);
  for (std::int64_t i = 0; i < samples; ++i) {
    const double squared_norm = squared_norms[static_cast<std::size_t>(i)];
    const double norm = std::sqrt(squared_norm);
    result.norms()[i] = static_cast<Real>(norm);
    result.inverse_norms()[i] = static_cast<Real>(norm > 0.0 ? 1.0 / norm : 0.0);
    std::int64_t next = 0;
    for_each_variance<Real>(
        kernel.architecture, kernel.activation, kernel.first_slope, squared_norm,
        [&](int layer, Real q, Real ntk) {
          result.layer(layer)[i] = q;
          result.ntk(layer)[i] = ntk;
          const Real root = std::sqrt(q);
          result.factor(layer)[i] = kernel.fused ? root : root > Real(0) ? 1 / root : Real(0);
          if (static_cast<std::size_t>(layer) > kernel.series.size()) {
            return;
          }
          const HermiteTable& table = kernel.series[static_cast<std::size_t>(layer - 1)];
          const auto terms = std::span(row).first(static_cast<std::size_t>(table.terms()));
          table.evaluate(static_cast<double>(q), terms, scratch);
          for (const double term : terms) {
            result.coefficient(next++)[i] = static_cast<Real>(term);
          }
        });
  }
  return result;
}

template <class Real>
void KernelEvaluator<Real>::evaluate(MatrixView<const Real> products,
                                     const SampleVariances<Real>& rows, std::int64_t row_begin,
                                     const SampleVariances<Real>& cols, std::int64_t col_begin,
                                     MatrixView<Real> nngp, MatrixView<Real> ntk) const {
  Tile<Real> tile{products, implementation_->architecture.depth, {}, {}};
  if (nngp.data != nullptr) {
    tile.nngp = std::span(&nngp, 1);
  }
  if (ntk.data != nullptr) {
    tile.ntk = std::span(&ntk, 1);
  }
  implementation_->evaluate(tile, rows, row_begin, cols, col_begin);
}

template <class Real>
void KernelEvaluator<Real>::evaluate_depths(
    MatrixView<const Real> products, const SampleVariances<Real>& rows, std::int64_t row_begin,
    const SampleVariances<Real>& cols, std::int64_t col_begin,
    std::span<const MatrixView<Real>> nngp, std::span<const MatrixView<Real>> ntk) const {
  const auto depth = static_cast<std::size_t>(implementation_->architecture.depth);
  NTKFLOW_EXPECTS((nngp.empty() || nngp.size() == depth) && (ntk.empty() || ntk.size() == depth),
                  nngp.size(), ntk.size(), depth);
  implementation_->evaluate({products, 1, nngp, ntk}, rows, row_begin, cols, col_begin);
}

template <class Real>
void KernelEvaluator<Real>::Implementation::evaluate(const Tile<Real>& tile,
                                                     const SampleVariances<Real>& rows,
                                                     std::int64_t row_begin,
                                                     const SampleVariances<Real>& cols,
                                                     std::int64_t col_begin) const {
  const MatrixView<const Real>& products = tile.products;
  NTKFLOW_EXPECTS(row_begin >= 0 && row_begin + products.rows <= rows.samples(), row_begin,
                  products.rows, rows.samples());
  NTKFLOW_EXPECTS(col_begin >= 0 && col_begin + products.cols <= cols.samples(), col_begin,
                  products.cols, cols.samples());
  for (const auto& matrices : {tile.nngp, tile.ntk}) {
    for (const MatrixView<Real>& wanted : matrices) {
      NTKFLOW_EXPECTS(
          wanted.data == nullptr || (wanted.rows == products.rows && wanted.cols == products.cols),
          wanted.rows, wanted.cols, products.rows, products.cols);
    }
  }
  if (products.rows == 0 || products.cols == 0) {
    return;
  }
  NTKFLOW_EXPECTS(rows.depth() == architecture.depth && cols.depth() == architecture.depth,
                  rows.depth(), cols.depth(), architecture.depth);
  switch (path) {
    case EvaluationPath::fused:
      evaluate_tile(FusedJob<Real>{tile, &*fused, rows.inverse_norms() + row_begin,
                                   rows.factor(1) + row_begin, rows.stride(),
                                   cols.inverse_norms() + col_begin, cols.factor(1) + col_begin,
                                   cols.stride()});
      return;
    case EvaluationPath::reference:
      evaluate_pairs(tile, rows, row_begin, cols, col_begin);
      return;
    case EvaluationPath::automatic:
    case EvaluationPath::layered:
      if (!shapes.empty()) {
        evaluate_tile(SeriesJob<Real>{tile, layers(), shapes, rows.factor(1) + row_begin,
                                      rows.coefficient(0) + row_begin, rows.stride(),
                                      cols.factor(1) + col_begin, cols.coefficient(0) + col_begin,
                                      cols.stride()});
        return;
      }
      evaluate_tile(LayeredJob<Real>{tile, layers(), &activation, rows.layer(1) + row_begin,
                                     rows.stride(), cols.layer(1) + col_begin, cols.stride()});
      return;
  }
}

template <class Real>
void KernelEvaluator<Real>::Implementation::evaluate_pairs(const Tile<Real>& tile,
                                                           const SampleVariances<Real>& rows,
                                                           std::int64_t row_begin,
                                                           const SampleVariances<Real>& cols,
                                                           std::int64_t col_begin) const {
  const auto store = [&](std::span<const MatrixView<Real>> matrices, int depth, std::int64_t i,
                         std::int64_t j, double value) {
    if (depth < tile.first_depth || matrices.empty()) {
      return;
    }
    const MatrixView<Real>& matrix = matrices[static_cast<std::size_t>(depth - tile.first_depth)];
    if (matrix.data != nullptr) {
      matrix.column(j)[i] = static_cast<Real>(value);
    }
  };
  for (std::int64_t j = 0; j < tile.products.cols; ++j) {
    for (std::int64_t i = 0; i < tile.products.rows; ++i) {
      double c = first_slope * static_cast<double>(tile.products.column(j)[i]) +
                 architecture.bias_variance;
      double theta = c;
      for (int depth = 1;; ++depth) {
        store(tile.nngp, depth, i, j, c);
        store(tile.ntk, depth, i, j, theta);
        if (depth == architecture.depth) {
          break;
        }
        const double q1 = rows.layer(depth)[row_begin + i];
        const double q2 = cols.layer(depth)[col_begin + j];
        const double bound = std::sqrt(q1 * q2);
        // std::clamp keeps what is not a number.
        const auto duals = scalar_duals(activation, q1, q2, std::clamp(c, -bound, bound));
        c = architecture.weight_variance * duals.f + architecture.bias_variance;
        theta = c + architecture.weight_variance * duals.g * theta;
      }
    }
  }
}

template <class Real>
double KernelEvaluator<Real>::diagonal(double squared_norm, KernelType type, int depth) const {
  const Architecture& architecture = implementation_->architecture;
  NTKFLOW_EXPECTS(depth >= 1 && depth <= architecture.depth, depth, architecture.depth);
  double q = implementation_->first_slope * squared_norm + architecture.bias_variance;
  double ntk = q;
  for (int layer = 2; layer <= depth; ++layer) {
    const auto [f, g] = scalar_diagonal(implementation_->activation, q);
    q = architecture.weight_variance * f + architecture.bias_variance;
    ntk = q + architecture.weight_variance * g * ntk;
  }
  return type == KernelType::ntk ? ntk : q;
}

template <class Real>
double KernelEvaluator<Real>::diagonal(double squared_norm, KernelType type) const {
  return diagonal(squared_norm, type, implementation_->architecture.depth);
}

template <class Real>
std::optional<KernelPair> KernelEvaluator<Real>::near_kernels(double x_squared_norm,
                                                              double y_squared_norm,
                                                              NearCorrelation correlation,
                                                              int depth) const {
  const Implementation& kernel = *implementation_;
  NTKFLOW_EXPECTS(depth >= 1 && depth <= kernel.architecture.depth, depth);
  if (correlation.sign > 0.0 && correlation.gap == 0.0 && x_squared_norm == y_squared_norm) {
    return KernelPair{diagonal(x_squared_norm, KernelType::nngp, depth),
                      diagonal(x_squared_norm, KernelType::ntk, depth)};
  }
  const double x_norm = std::sqrt(x_squared_norm);
  const double y_norm = std::sqrt(y_squared_norm);
  if (kernel.activation.numerical && !kernel.fused) {
    return std::nullopt;
  }
  if (!kernel.fused) {
    KernelPair kernels;
    for_each_near_depth(
        kernel.architecture, kernel.activation, depth,
        first_near_layer(kernel.architecture, kernel.first_slope, x_norm, y_norm, correlation),
        [&](int /*depth*/, KernelPair reached) { kernels = reached; });
    return kernels;
  }
  const double scale = std::sqrt(diagonal(x_squared_norm, KernelType::nngp, depth) *
                                 diagonal(y_squared_norm, KernelType::nngp, depth));
  // 1 - slope = offset: at rho near 1 the gap shrinks by the slope, at -1 the bias adds to it.
  const auto& fused = *kernel.fused;
  const double rho = fused.slope * correlation.sign * (1.0 - correlation.gap) + fused.offset;
  const double gap =
      fused.slope * correlation.gap + (correlation.sign > 0.0 ? 0.0 : 2.0 * fused.offset);
  const auto index = static_cast<std::size_t>(depth - 1);
  return KernelPair{scale * fused.nngp[index].evaluate(fused.variable, static_cast<Real>(rho),
                                                       static_cast<Real>(gap)),
                    scale * fused.ntk[index].evaluate(fused.variable, static_cast<Real>(rho),
                                                      static_cast<Real>(gap))};
}

template <class Real>
std::span<const std::int64_t> KernelEvaluator<Real>::near_parallel(
    std::span<const Real> products, const SampleVariances<Real>& rows, std::int64_t row_begin,
    const SampleVariances<Real>& cols, std::int64_t col, std::span<std::int64_t> found) const {
  const auto count = static_cast<std::int64_t>(products.size());
  NTKFLOW_EXPECTS(row_begin >= 0 && row_begin + count <= rows.samples(), row_begin, count,
                  rows.samples());
  NTKFLOW_EXPECTS(col >= 0 && col < cols.samples(), col, cols.samples());
  NTKFLOW_EXPECTS(found.size() >= products.size(), found.size(), products.size());
  const std::int64_t hits = find_parallel(
      {products, rows.norms() + row_begin, cols.norms()[col], kParallel<Real>, found.data()});
  return found.first(static_cast<std::size_t>(hits));
}

template class SampleVariances<float>;
template class SampleVariances<double>;
template class KernelEvaluator<float>;
template class KernelEvaluator<double>;

}  // namespace ntkflow
