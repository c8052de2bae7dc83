/// s(x) = x^n for x > 0, else 0. Cho, Saul (2009), with a factor 1/2.
class RectifiedMonomial {
 public:
  static constexpr std::string_view kName = "rectified_monomial";
  static constexpr std::array<ParameterRule, 1> kParameters{
      {{"degree", std::nullopt, 1.0, 5.0, ParameterKind::integer}}};
  explicit RectifiedMonomial(const ParameterValues& values) : n_(static_cast<int>(values[0][0])) {}

  /// With cos t = c / r, r = sqrt(q1 q2): F = r^n J_n(t) / 2 pi and G = n^2 F of order n - 1, where
  /// J_0 = pi - t, J_1 = sin t + (pi - t) cos t and
  /// J_{n+1} = (2 n + 1) cos(t) J_n + n^2 sin(t)^2 J_{n-1}.
  template <class Value>
  Duals<Value> textbook(const Value& q1, const Value& q2, const Value& c) const {
    using std::acos;
    using std::atan2;
    using std::sqrt;
    const Value two_pi = 2 * acos(Value(-1));
    const Value determinant = difference_of_products(q1, q2, c, c);
    const Value s2 = determinant > 0 ? determinant : Value(0);
    const Value s = sqrt(s2);
    Value lower = atan2(s, Value(-c)) / two_pi;
    Value f = s / two_pi + lower * c;
    for (int order = 1; order < n_; ++order) {
      const Value higher = (2 * order + 1) * c * f + order * order * s2 * lower;
      lower = f;
      f = higher;
    }
    return {f, n_ * n_ * lower};
  }

  /// With W the F of -|c|: F = W for c <= 0 and F = M / 2 - (-1)^n W for c > 0, where
  /// M = E[u^n v^n]. W comes from a polynomial in x = (1 - |c| / r) / 2, because the recurrence
  /// cancels towards correlation -1, where W vanishes as x^(n + 1/2). r x = (r^2 - c^2) /
  /// 2 (r + |c|) keeps all digits. Largest error met in trials, relative: 10 eps. The tests
  /// hold F and F + G c to 24 eps.
  template <class Value>
  Duals<Value> fast(const Value& q1, const Value& q2, const Value& c) const {
    if (n_ == 1) {
      return Relu(ParameterValues{}).fast(q1, q2, c);
    }
    const Value p = q1 * q2;
    const Value r = select(p > Value(0), sqrt(p), Value(1));  // F is 0 without variance
    const Value determinant = max(difference_of_products(q1, q2, c, c), Value(0));
    const Value rx = Value(0.5) * determinant / (r + abs(c));
    const Value x = rx / r;
    Value power = sqrt(x);
    for (int factor = 1; factor < n_; ++factor) {
      power = power * rx;
    }
    return {fold(n_, power * rx * orthant_polynomial(n_, x), p, c),
            Value(n_ * n_) * fold(n_ - 1, power * orthant_polynomial(n_ - 1, x), p, c)};
  }

  template <class Value>
  ValueAndSlope<Value> apply(const Value& x) const {
    const Value positive = max(x, Value(0));
    Value power = select(x > Value(0), Value(1), Value(0));
    for (int factor = 1; factor < n_; ++factor) {
      power = power * positive;
    }
    return {power * positive, Value(n_) * power};
  }

  template <class Value>
  Duals<Value> diagonal(const Value& q) const {
    const Value g = n_ == 1 ? Value(0.5) : Value(0.5) * full_moment(n_ - 1, q * q, q);
    return {Value(0.5) * full_moment(n_, q * q, q), static_cast<Value>(n_ * n_) * g};
  }

  static constexpr bool kIsHomogeneous = true;

  /// As fast, with c = +-(r - gap). The bound is M / 2 at c = r.
  NearDuals near(double q1, double q2, double c_sign, double gap) const {
    const NearAngle angle(q1, q2, gap);
    const double w = angle.orthant_moment(n_);
    const double p = angle.r * angle.r;
    if (c_sign > 0.0) {
      const double g = n_ == 1 ? 0.5 - angle.turns()
                               : 0.5 * full_moment(n_ - 1, p, angle.c) -
                                     parity(n_ - 1) * angle.orthant_moment(n_ - 1);
      return {0.5 * full_moment(n_, p, angle.c) - parity(n_) * w, n_ * n_ * g,
              0.5 * full_moment_drop(angle) + parity(n_) * w};
    }
    const double g = n_ == 1 ? angle.turns() : angle.orthant_moment(n_ - 1);
    return {w, n_ * n_ * g, 0.5 * full_moment(n_, p, angle.r) - w};
  }

 private:
  static double parity(int n) { return n % 2 == 0 ? 1.0 : -1.0; }

  /// E[u^n v^n] with p = q1 q2 (Isserlis 1918).
  template <class Value>
  static Value full_moment(int n, const Value& p, const Value& c) {
    const Value c2 = c * c;
    switch (n) {
      case 1:
        return c;
      case 2:
        return Value(2) * c2 + p;
      case 3:
        return c * (Value(6) * c2 + Value(9) * p);
      case 4:
        return c2 * (Value(24) * c2 + Value(72) * p) + Value(9) * p * p;
      default:
        return c * (c2 * (Value(120) * c2 + Value(600) * p) + Value(225) * p * p);
    }
  }

  /// By how much that of order n falls from c = r to r - gap.
  [[nodiscard]] double full_moment_drop(const NearAngle& angle) const {
    const auto [r, c, gap] = angle;
    const double squares = gap * (r + c);        // r^2 - c^2
    const double cubes = r * r + r * c + c * c;  // (r^3 - c^3) / gap
    switch (n_) {
      case 1:
        return gap;
      case 2:
        return 2.0 * squares;
      case 3:
        return gap * (6.0 * cubes + 9.0 * r * r);
      case 4:
        return squares * (96.0 * r * r + 24.0 * c * c);
      default:
        return gap * (120.0 * (r * r * cubes + c * c * c * (r + c)) + 600.0 * r * r * cubes +
                      225.0 * r * r * r * r);
    }
  }

  /// F of order n from W.
  template <class Value>
  static Value fold(int n, const Value& w, const Value& p, const Value& c) {
    const Value right = multiply_add(Value(0.5), full_moment(n, p, c), Value(-parity(n)) * w);
    return select(c > Value(0), right, w);
  }

  int n_;
};
