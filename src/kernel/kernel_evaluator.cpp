#include "ntkflow/kernel/kernel_evaluator.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <sstream>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/base/matrix.hpp>

#include "activation.hpp"
#include "fused.hpp"
#include "fused_target.hpp"
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
         << "); rescale the inputs, or change kernel.weight_variance or kernel.depth";
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
      if (is_kernel_only(architecture.activation.name)) {
        text << "the kernel of a sample with itself overflows "
             << (sizeof(Real) == sizeof(float) ? "single" : "double")
             << " precision where |x|^2/d is " << q
             << "; lower the kernel's parameters or rescale the inputs";
        throw NumericalError(text.str());
      }
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

/// By how much |x|^2 may leave the range given, for samples that were rounded to Real.
constexpr double kNormSlack = 1e-5;

std::string quoted_error(double error) {
  std::ostringstream text;
  text.precision(2);
  text << error;
  return text.str();
}

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
    return std::isfinite(norms.largest) &&
           norms.largest - norms.smallest <= kEqualNorms<Real> * norms.largest;
  }
  /// Whether the kernel is one function of the correlation.
  [[nodiscard]] bool is_one_function() const {
    constexpr int kDeepest = 1024;  // fitting every depth takes a second there
    return architecture.depth > 1 && architecture.depth <= kDeepest &&
           std::isfinite(norms.largest) &&
           (has_equal_norms() || (architecture.bias_variance == 0.0 && is_homogeneous(activation)));
  }

  /// A squared norm at which to fit: without a bias a homogeneous activation has the same function
  /// at every norm.
  [[nodiscard]] double fused_norm() const { return has_equal_norms() ? norms.largest : 1.0; }
  bool try_fused();
  bool try_series();
  [[nodiscard]] double layered_error() const;
  /// What the kernel needs of a sample with this |x|^2, to place i.
  void set_variances(double squared_norm, std::int64_t i, SampleVariances<Real>& variances) const;
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

template <class Real>
bool KernelEvaluator<Real>::Implementation::try_fused() {
  const double variance = first_slope * fused_norm() + architecture.bias_variance;
  fused = fit_fused<Real>(fused_target(architecture, activation, variance));
  if (!fused) {
    return false;
  }
  path = EvaluationPath::fused;
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
  if (architecture.depth == 1) {
    description = "the linear kernel";
    // It takes no duals, but loops over tiles are made for those in closed form only.
    path = activation.numerical ? EvaluationPath::reference : path;
    return;
  }
  description = path == EvaluationPath::layered ? "layer by layer, closed forms"
                                                : "pair by pair in scalar code, closed forms";
  if (!activation.numerical) {
    const bool may_lose_digits =
        has_slow_textbook(activation) || is_kernel_only(architecture.activation.name);
    if (path == EvaluationPath::layered && may_lose_digits && std::isfinite(norms.largest)) {
      error = std::max(error, layered_error());
      description += ", error bound " + quoted_error(error);
    }
    return;
  }
  if (path == EvaluationPath::layered && try_series()) {
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

/// Sums of tails over kinks lose digits as variances grow, and powers with their degree: compares
/// both kernels with the scalar reference at the largest norm, away from correlation 1 and -1.
template <class Real>
double KernelEvaluator<Real>::Implementation::layered_error() const {
  constexpr std::int64_t kPairs = 15;
  SampleVariances<Real> variances(kPairs, architecture.depth, 0);
  set_variances(norms.largest, 0, variances);
  for (int layer = 1; layer <= architecture.depth; ++layer) {
    std::fill_n(variances.layer(layer), kPairs, variances.layer(layer)[0]);
  }
  Matrix<Real> products(kPairs, 1);
  for (std::int64_t i = 0; i < kPairs; ++i) {
    const double rho = 0.98 * (2.0 * static_cast<double>(i) / (kPairs - 1) - 1.0);
    products(i, 0) = static_cast<Real>(rho * norms.largest);
  }
  Matrix<Real> nngp(kPairs, 2);
  Matrix<Real> ntk(kPairs, 2);
  std::array<MatrixView<Real>, 4> out;
  for (std::int64_t k = 0; k < 2; ++k) {
    out[2 * k] = nngp.view().block(0, k, kPairs, 1);
    out[2 * k + 1] = ntk.view().block(0, k, kPairs, 1);
  }
  const auto tile = [&](std::size_t k) {
    return Tile<Real>{products.view(), architecture.depth, std::span(&out[2 * k], 1),
                      std::span(&out[2 * k + 1], 1)};
  };
  evaluate(tile(0), variances, 0, variances, 0);
  evaluate_pairs(tile(1), variances, 0, variances, 0);
  double worst = 0.0;
  for (std::int64_t i = 0; i < kPairs; ++i) {
    worst = std::max({worst,
                      std::abs(static_cast<double>(nngp(i, 0) - nngp(i, 1))) /
                          static_cast<double>(variances.layer(architecture.depth)[0]),
                      std::abs(static_cast<double>(ntk(i, 0) - ntk(i, 1))) /
                          static_cast<double>(variances.ntk(architecture.depth)[0])});
  }
  return worst;
}

template <class Real>
bool KernelEvaluator<Real>::Implementation::try_series() {
  if (!std::isfinite(norms.largest)) {
    return false;
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
  for (const Range& met : ranges) {
    const double smallest = 0.99 * met.smallest;  // between the norms looked at there may be more
    const double largest = 1.01 * met.largest;
    const int needed = hermite_terms(function, largest, kSeriesTail<Real>, kMostTerms);
    if (needed > 0) {
      series.emplace_back(function, needed, smallest, largest);
    }
    if (needed == 0 || series.back().error() > 0.1 * kClosedFormError<double>) {
      series.clear();
      shapes.clear();
      return false;
    }
    shapes.push_back({series.back().terms(), series.back().first(), series.back().step()});
    bound = std::max({bound, 2.0 * series.back().error(), function.error_bound(largest)});
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
void KernelEvaluator<Real>::Implementation::set_variances(double squared_norm, std::int64_t i,
                                                          SampleVariances<Real>& variances) const {
  const double norm = std::sqrt(squared_norm);
  variances.norms()[i] = static_cast<Real>(norm);
  variances.inverse_norms()[i] = static_cast<Real>(norm > 0.0 ? 1.0 / norm : 0.0);
  std::vector<double> row;
  std::vector<double> scratch;
  std::int64_t next = 0;
  for_each_variance<Real>(
      architecture, activation, first_slope, squared_norm, [&](int layer, Real q, Real ntk) {
        variances.layer(layer)[i] = q;
        variances.ntk(layer)[i] = ntk;
        const Real root = std::sqrt(q);
        variances.factor(layer)[i] = fused ? root : root > Real(0) ? 1 / root : Real(0);
        if (static_cast<std::size_t>(layer) > series.size()) {
          return;
        }
        const HermiteTable& table = series[static_cast<std::size_t>(layer - 1)];
        row.resize(static_cast<std::size_t>(table.terms()));
        scratch.resize(2 * row.size());
        table.evaluate(static_cast<double>(q), row, scratch);
        for (const double term : row) {
          variances.coefficient(next++)[i] = static_cast<Real>(term);
        }
      });
}

template <class Real>
SampleVariances<Real> KernelEvaluator<Real>::variances(
    std::span<const double> squared_norms) const {
  const Implementation& kernel = *implementation_;
  const int depth = kernel.architecture.depth;
  const auto samples = static_cast<std::int64_t>(squared_norms.size());
  SampleVariances<Real> result(samples, depth, kernel.coefficients());
  // On a sphere few values of the norm are met, and a numerical diagonal takes microseconds.
  std::map<double, std::int64_t> known;
  for (std::int64_t i = 0; i < samples; ++i) {
    const double squared_norm = squared_norms[static_cast<std::size_t>(i)];
    NTKFLOW_EXPECTS(kernel.norms.smallest * (1.0 - kNormSlack) <= squared_norm &&
                        squared_norm <= kernel.norms.largest * (1.0 + kNormSlack),
                    squared_norm, kernel.norms.smallest, kernel.norms.largest);
    if (kernel.fused && kernel.has_equal_norms()) {
      if (const auto [first, is_new] = known.try_emplace(squared_norm, i); !is_new) {
        result.copy(first->second, i);
        continue;
      }
    }
    kernel.set_variances(squared_norm, i, result);
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
  // Forms that integrate take tens of microseconds; from this gap on a correlation rounded once
  // leaves their angle 1e-13.
  constexpr double kWorthIt = 1e-6;
  if (!has_kink(kernel.activation) || (kernel.activation.numerical && !kernel.fused) ||
      (!kernel.fused && has_slow_textbook(kernel.activation) && correlation.gap > kWorthIt)) {
    return std::nullopt;
  }
  if (!kernel.fused) {
    KernelPair kernels;
    const NearLayer first =
        first_near_layer(kernel.architecture, kernel.first_slope, std::sqrt(x_squared_norm),
                         std::sqrt(y_squared_norm), correlation);
    for_each_near_depth(kernel.architecture, kernel.activation, depth, first,
                        [&](int /*depth*/, KernelPair reached) { kernels = reached; });
    return kernels;
  }
  // With slope + offset = 1: near rho = 1 the gap shrinks by the slope, near -1 the bias adds to
  // it, and may carry rho across 0.
  const FusedKernel<Real>& fused = *kernel.fused;
  const double rho = fused.slope * correlation.sign * (1.0 - correlation.gap) + fused.offset;
  const double gap = correlation.sign > 0.0 ? fused.slope * correlation.gap
                     : rho > 0.0            ? 1.0 - rho
                                            : fused.slope * correlation.gap + 2.0 * fused.offset;
  const double scale = std::sqrt(diagonal(x_squared_norm, KernelType::nngp, depth) *
                                 diagonal(y_squared_norm, KernelType::nngp, depth));
  const auto index = static_cast<std::size_t>(depth - 1);
  const auto value = [&](const FusedFunction<Real>& function) {
    return scale *
           function.evaluate(fused.variable, static_cast<Real>(rho), static_cast<Real>(gap));
  };
  return KernelPair{value(fused.nngp[index]), value(fused.ntk[index])};
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
