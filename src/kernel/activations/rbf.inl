/// s(x) = sqrt(2) sin(sqrt(2 gamma) x + pi / 4): the activation with the Gaussian radial basis
/// function as its dual. Rahimi, Recht (2007).
struct Rbf {
  static constexpr std::string_view kName = "rbf";
  static constexpr std::array<ParameterRule, 1> kParameters{{{"gamma", 1.0, 1e-13, 1e12}}};
  explicit Rbf(const ParameterValues& values) : gamma(values[0][0]) {}

  /// F = exp(-gamma (q1 + q2 - 2 c)), G = 2 gamma F.
  template <class Value>
  Duals<Value> textbook(const Value& q1, const Value& q2, const Value& c) const {
    using std::exp;
    const Value f = exp(-Value(gamma) * (q1 + q2 - 2 * c));
    return {f, 2 * Value(gamma) * f};
  }

  /// The same, with an exponent e that does not cancel towards correlation 1. F and G within
  /// 2 + 3 |e| eps of themselves. Largest error met in trials for |e| up to 16: 7 eps.
  /// The tests hold F and F + G c to 16 eps.
  template <class Value>
  Duals<Value> fast(const Value& q1, const Value& q2, const Value& c) const {
    const Value f = exp(Value(-gamma) * ((q1 - c) + (q2 - c)));
    return {f, Value(2 * gamma) * f};
  }

  template <class Value>
  ValueAndSlope<Value> apply(const Value& x) const {
    const double frequency = std::sqrt(2 * gamma);
    const Value angle = multiply_add(Value(frequency), x, Value(0.25 * std::numbers::pi));
    return {Value(std::numbers::sqrt2) * sin(angle),
            Value(std::numbers::sqrt2 * frequency) * cos(angle)};
  }

  template <class Value>
  Duals<Value> diagonal(const Value& /*q*/) const {
    return {Value(1), static_cast<Value>(2 * gamma)};
  }

  double gamma;
};
