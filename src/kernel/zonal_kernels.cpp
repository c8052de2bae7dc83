#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <boost/multiprecision/cpp_bin_float.hpp>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/kernel/zonal_kernels.hpp>

#include "scalar.hpp"
#include "scalar_duals.hpp"

namespace ntkflow {
namespace {

/// Relative to sqrt(F(q, q, q) F(q', q', q')), what every dual function promises in double.
constexpr double kDigitsOfDouble = 1e-12;

/// F and G for two variances q and any covariance, in Value or, with `error` to tell, in double.
template <class Value>
class EqualVarianceDuals {
 public:
  explicit EqualVarianceDuals(const ActivationSpec& spec) : prepared_(prepare(spec)) {
    is_double_ = prepared_.numerical != nullptr || has_slow_textbook(prepared_);
  }

  [[nodiscard]] double error() const {
    return is_double_ ? kDigitsOfDouble
                      : 64.0 * static_cast<double>(std::numeric_limits<Value>::epsilon());
  }

  [[nodiscard]] bool is_kinked() const { return has_kink(prepared_); }

  [[nodiscard]] Duals<Value> operator()(const Value& q, const Value& c) const {
    Duals<Value> duals{};
    if (is_double_) {
      const auto [f, g] =
          c == q ? scalar_diagonal<double>(prepared_, static_cast<double>(q))
                 : scalar_duals<double>(prepared_, static_cast<double>(q), static_cast<double>(q),
                                        static_cast<double>(c));
      return {Value(f), Value(g)};
    }
    visit_activation(scalar::Activations(), prepared_, [&]<class Known>(const Known& known) {
      if constexpr (!requires { Known::kTextbookIntegrates; }) {
        duals = known.textbook(q, q, c);
      }
    });
    return duals;
  }

 private:
  PreparedActivation prepared_;
  bool is_double_ = false;
};

/// Bounds of errors, carried through the layers.
struct ErrorBounds {
  double nngp = 0.0;
  double ntk = 0.0;
};

}  // namespace

// F and G have Taylor series in c without negative coefficients, so that their slopes are largest
// at c = q: that of F is G(q, q, q), and that of G at a node is at most its rise from the last node
// before the end to the end, over the distance.
template <class Value>
ZonalKernels<Value> zonal_kernels(const Architecture& architecture, std::int64_t dimension,
                                  const std::vector<Value>& t) {
  NTKFLOW_EXPECTS(check_architecture(architecture).empty() && dimension >= 1, dimension);
  NTKFLOW_EXPECTS(t.size() >= 2 && t.back() == 1, t.size());
  const EqualVarianceDuals<Value> duals(architecture.activation);
  const Value weight = architecture.weight_variance;
  const Value bias = architecture.bias_variance;
  const Value scale =
      architecture.first_layer == FirstLayer::normalised ? weight : Value(double(dimension));
  const auto in_double = [](const Value& value) { return static_cast<double>(value); };
  std::vector<Value> nngp;
  for (const Value& correlation : t) {
    nngp.push_back(scale * correlation + bias);
  }
  std::vector<Value> ntk = nngp;
  const double start = duals.error() * in_double(nngp.back());
  ErrorBounds error{start, start};
  ZonalKernels<Value> kernels;
  for (int layer = 1;; ++layer) {
    kernels.nngp.push_back(nngp);
    kernels.ntk.push_back(ntk);
    kernels.nngp_error.push_back(error.nngp);
    kernels.ntk_error.push_back(error.ntk);
    const Value q = nngp.back();
    const double largest_ntk = in_double(ntk.back());
    if (!std::isfinite(in_double(q) + largest_ntk + error.ntk)) {
      throw NumericalError("the kernel's variance or its error is beyond all numbers in layer " +
                           std::to_string(layer) +
                           "; reduce weight_variance, bias_variance or the depth");
    }
    if (layer == architecture.depth) {
      return kernels;
    }
    const double gap = in_double(q - nngp[nngp.size() - 2]);
    Duals<Value> pair{};
    double before_end = 0.0;
    for (std::size_t i = 0; i < t.size(); ++i) {
      before_end = in_double(pair.g);
      pair = duals(q, nngp[i]);
      nngp[i] = weight * pair.f + bias;
      ntk[i] = nngp[i] + weight * pair.g * ntk[i];
    }
    const double w = in_double(weight);
    const double g = in_double(pair.g);
    const double rise = gap > 0.0 ? (g - before_end) / gap : 0.0;
    // G of a kinked activation holds the angle, which loses as many digits as it is small.
    const double angle_loss = duals.is_kinked() && gap > 0.0 ? std::sqrt(in_double(q) / gap) : 1.0;
    const double g_error = rise * error.nngp + duals.error() * g * angle_loss;
    error.nngp = w * g * error.nngp + duals.error() * in_double(nngp.back());
    error.ntk = error.nngp + w * (g * error.ntk + largest_ntk * g_error);
  }
}

using Extended = boost::multiprecision::number<boost::multiprecision::cpp_bin_float<100>,
                                               boost::multiprecision::et_off>;
template ZonalKernels<double> zonal_kernels(const Architecture&, std::int64_t,
                                            const std::vector<double>&);
template ZonalKernels<Extended> zonal_kernels(const Architecture&, std::int64_t,
                                              const std::vector<Extended>&);

}  // namespace ntkflow
