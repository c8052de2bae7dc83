/// s(x) = exp(-curvature x^2).
struct Gaussian {
  static constexpr std::string_view kName = "gaussian";
  static constexpr std::array<ParameterRule, 1> kParameters{{{"curvature", 1.0, -1e3, 1e3}}};
  explicit Gaussian(const ParameterValues& values) : curvature(values[0][0]) {}

  /// With k the curvature: F = D^(-1/2), G = 4 k^2 c D^(-3/2), where
  /// D = (1 + 2 k q1)(1 + 2 k q2) - 4 k^2 c^2 is the determinant of I + 2 k Cov(u, v).
  template <class Value>
  Duals<Value> textbook(const Value& q1, const Value& q2, const Value& c) const {
    using std::sqrt;
    const Value k = curvature;
    const Value d = (1 + 2 * k * q1) * (1 + 2 * k * q2) - 4 * k * k * c * c;
    const Value f = 1 / sqrt(d);
    return {f, 4 * k * k * c * f / d};
  }

  /// D = 1 + 2 k (q1 + q2) + 4 k^2 (q1 q2 - c^2), whose terms do not cancel for k > 0; F and G
  /// within 8 eps of themselves. For k < 0 they do cancel towards the end of the domain, and the
  /// errors are 8 eps / D.
  template <class Value>
  Duals<Value> fast(const Value& q1, const Value& q2, const Value& c) const {
    const double k = curvature;
    const Value determinant = max(difference_of_products(q1, q2, c, c), Value(0));
    const Value linear = multiply_add(Value(2 * k), q1 + q2, Value(1));
    const Value d = multiply_add(Value(4 * k * k), determinant, linear);
    const Value f = Value(1) / sqrt(d);
    return {f, (Value(4 * k * k) * c) * (f / d)};
  }

  template <class Value>
  ValueAndSlope<Value> apply(const Value& x) const {
    const Value bell = exp(Value(-curvature) * x * x);
    return {bell, Value(-2 * curvature) * x * bell};
  }

  /// inf where 1 + 4 k q <= 0 and the second moment diverges.
  template <class Value>
  Duals<Value> diagonal(const Value& q) const {
    const auto k = static_cast<Value>(curvature);
    const Value d = 1 + 4 * k * q;
    if (!(d > 0)) {
      const Value infinity = std::numeric_limits<Value>::infinity();
      return {infinity, infinity};
    }
    const Value f = 1 / std::sqrt(d);
    return {f, 4 * k * k * q * (f / d)};
  }

  double curvature;
};
