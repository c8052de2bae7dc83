/// s(x) = scale x for x > 0 and scale alpha (e^x - 1) for x < 0; elu with scale = 1, and selu.
/// Klambauer et al. (2017); Tsuchida et al. (2021).
///
/// With phi = 1 / (2 pi sqrt(q1 q2 - c^2)), the density of (u, v) at 0, and the moments
///   Q = E[e^(u + v); u, v < 0],   B = E[delta(u) e^v; v < 0] + E[e^u delta(v); u < 0],
/// Price's theorem gives, for scale = 1 and with ' = d / dc,
///   F'' = E[s''(u) s''(v)] = (1 - alpha)^2 phi + alpha (1 - alpha) B + alpha^2 Q,
///   Q'  = Q - B + phi,
/// so that F and G = F' follow from their values at any one c0 by integrals over c alone,
///   F = F0 + G0 d0 + alpha^2 (e^d0 - 1 - d0) Q0
///       + int ((1 - alpha)^2 d phi + alpha (1 - alpha) d B + alpha^2 (e^d - 1 - d) (phi - B)) dc'
/// with d = c - c', d0 = c - c0. Along the angle t with c' = sqrt(q1 q2) sin t, phi dc' is dt / 2
/// pi and B / phi = M(sqrt(q1) cos t) + M(sqrt(q2) cos t), M(y) = y m(y), m Mills's ratio: a smooth
/// function, whatever the correlation. The start c0 is 0, where u and v are independent and nothing
/// cancels for small variances, or, since e^d grows, sqrt(q1 q2) for c > kSwitch.
struct ExponentialLinear {
  static constexpr bool kTextbookIntegrates = true;

  double scale;
  double alpha;
  static constexpr double kSwitch = 2.0;
  static constexpr double kDensityAtZero = 0.5 * std::numbers::inv_sqrtpi * std::numbers::sqrt2;

  /// F, G and Q at c0.
  template <class Value>
  struct Start {
    Value f;
    Value g;
    Value q;
  };

  /// u and v independent: products of E s = phi(0) (sqrt(q) - alpha (m(0) - m(sqrt(q)))) and
  /// E s' = 1/2 + alpha phi(0) m(sqrt(q)).
  template <class Value>
  static Start<Value> independent(const Value& alpha, const Value& density, const Value& deviation1,
                                  const MillsRatio<Value>& mills1, const Value& deviation2,
                                  const MillsRatio<Value>& mills2) {
    const Value exponential1 = density * mills1.value;
    const Value exponential2 = density * mills2.value;
    const Value half(0.5);
    return {density * (deviation1 - alpha * mills1.drop) *
                (density * (deviation2 - alpha * mills2.drop)),
            (half + alpha * exponential1) * (half + alpha * exponential2),
            exponential1 * exponential2};
  }

  /// u and v multiples of one variable.
  template <class Value>
  static Start<Value> parallel(const Value& alpha, const Value& density, const Value& norm,
                               const MillsRatio<Value>& mills1, const MillsRatio<Value>& mills2,
                               const MillsRatio<Value>& mills_of_sum) {
    const Value exponential = density * mills_of_sum.value;
    const Value half(0.5);
    return {
        half * norm + alpha * alpha * density * ((mills1.drop + mills2.drop) - mills_of_sum.drop),
        half + alpha * alpha * exponential, exponential};
  }

  /// The integrand, per dt / 2 pi, from m = B / phi, d and e^d - 1.
  template <class Value>
  static Duals<Value> integrand(const Value& alpha, const Value& m, const Value& d,
                                const Value& expm1_d) {
    const Value rest = Value(1.0) - alpha;
    const Value linear = rest * (rest + alpha * m);
    const Value curved = alpha * alpha * (Value(1.0) - m);
    return {d * linear + (expm1_d - d) * curved, linear + expm1_d * curved};
  }

  template <class Value>
  static Duals<Value> finish(const Value& scale, const Value& alpha, const Start<Value>& start,
                             const Value& d, const Value& expm1_d, const Duals<Value>& integral) {
    const Value curved = alpha * alpha * start.q;
    const Value variance = scale * scale;
    return {variance * (start.f + (d * start.g + (expm1_d - d) * curved + integral.f)),
            variance * (start.g + (expm1_d * curved + integral.g))};
  }

  template <class Value>
  Duals<Value> textbook(const Value& q1, const Value& q2, const Value& c) const {
    using any_precision::integrate;
    using any_precision::mills_ratio;
    using std::acos;
    using std::atan2;
    using std::cos;
    using std::expm1;
    using std::sin;
    using std::sqrt;
    const Value a = alpha;
    const Value pi = acos(Value(-1));
    const Value density = 1 / sqrt(2 * pi);
    const Value deviation1 = sqrt(q1);
    const Value deviation2 = sqrt(q2);
    const Value norm = deviation1 * deviation2;
    const Value determinant = difference_of_products(q1, q2, c, c);
    const Value root = determinant > 0 ? Value(sqrt(determinant)) : Value(0);
    const auto mills1 = mills_ratio(deviation1);
    const auto mills2 = mills_ratio(deviation2);
    const bool from_parallel = c > Value(kSwitch);
    const auto start = from_parallel
                           ? parallel(a, density, norm, mills1, mills2,
                                      mills_ratio(Value(deviation1 + deviation2)))
                           : independent(a, density, deviation1, mills1, deviation2, mills2);
    const Value end = from_parallel ? Value(atan2(root, c)) : Value(atan2(c, root));
    const auto at = [&](const Value& t) {
      const Value sine = from_parallel ? Value(cos(t)) : Value(sin(t));
      const Value cosine = from_parallel ? Value(sin(t)) : Value(cos(t));
      const auto moment = [&](const Value& y) { return Value(y * mills_ratio(y).value); };
      const Value m = moment(deviation1 * cosine) + moment(deviation2 * cosine);
      const Value d = c - norm * sine;
      const auto value = integrand(a, m, d, Value(expm1(d)));
      const Value weight = (from_parallel ? -1 : 1) / (2 * pi);
      return Duals<Value>{weight * value.f, weight * value.g};
    };
    Duals<Value> integral{Value(0), Value(0)};
    if (end != 0) {
      integral = {integrate([&](const Value& t) { return at(t).f; }, Value(0), end),
                  integrate([&](const Value& t) { return at(t).g; }, Value(0), end)};
    }
    const Value d = from_parallel ? Value(c - norm) : c;
    return finish(Value(scale), a, start, d, Value(expm1(d)), integral);
  }

  /// The integrand over x in [0, 1] with tan(t / 2) = end x (t counted from the start c0), which
  /// spares sines and cosines.
  template <class Value>
  struct HalfAngle {
    Value alpha;
    Value deviation1;
    Value deviation2;
    Value norm;
    Value c;
    Value end;
    Value is_parallel;  // 1 or 0

    Duals<Value> operator()(const Value& x) const {
      const Value one(1.0);
      const Value zero(0.0);
      const Value w = end * x;
      const Value u = Value(2.0) / multiply_add(w, w, one);
      const Value across = w * u;
      const Value along = u - one;
      const auto parallel = is_parallel > zero;
      const Value sine = select(parallel, along, across);
      const Value cosine = max(select(parallel, across, along), zero);
      const Value y1 = deviation1 * cosine;
      const Value y2 = deviation2 * cosine;
      const Value m = y1 * mills_ratio(y1).value + y2 * mills_ratio(y2).value;
      const Value d = multiply_add(-norm, sine, c);
      const auto value = integrand(alpha, m, d, expm1(d));
      return {u * value.f, u * value.g};
    }
  };

  /// Largest errors met in trials, for variances from 0.01 to 30: F 1e-15 (double) and 3e-7 (float)
  /// of sqrt(F(q1, q1, q1) F(q2, q2, q2)), G 8e-14 and 6e-7 relative. The tests hold F, and F + G
  /// c, to 1e-13 and 4e-6; see integrate_duals for variances above 1000.
  template <class Value>
  Duals<Value> fast(const Value& q1, const Value& q2, const Value& c) const {
    const Value a(alpha);
    const Value zero(0.0);
    const Value one(1.0);
    const Value density(kDensityAtZero);
    const Value deviation1 = sqrt(q1);
    const Value deviation2 = sqrt(q2);
    const Value norm = deviation1 * deviation2;
    const Value root = sqrt(max(difference_of_products(q1, q2, c, c), zero));
    const auto mills1 = mills_ratio(deviation1);
    const auto mills2 = mills_ratio(deviation2);
    const auto zero_start = independent(a, density, deviation1, mills1, deviation2, mills2);
    const auto one_start =
        parallel(a, density, norm, mills1, mills2, mills_ratio(deviation1 + deviation2));
    const auto is_parallel = c > Value(kSwitch);
    const Start<Value> start{select(is_parallel, one_start.f, zero_start.f),
                             select(is_parallel, one_start.g, zero_start.g),
                             select(is_parallel, one_start.q, zero_start.q)};
    const Value end = select(is_parallel, root, c) /
                      max(select(is_parallel, c + norm, norm + root), Value(1e-30));
    const HalfAngle<Value> integrand{
        a, deviation1, deviation2, norm, c, end, select(is_parallel, one, zero)};
    const auto integral = integrate_duals(max(q1, q2), integrand);
    const Value weight =
        copy_sign(Value(0.5 * std::numbers::inv_pi), select(is_parallel, -one, one)) * end;
    const Value d = select(is_parallel, c - norm, c);
    return finish(Value(scale), a, start, d, expm1(d),
                  Duals<Value>{weight * integral.f, weight * integral.g});
  }

  template <class Value>
  ValueAndSlope<Value> apply(const Value& x) const {
    const auto is_right = x > Value(0);
    const Value left = min(x, Value(0));
    return {Value(scale) * select(is_right, x, Value(alpha) * expm1(left)),
            Value(scale) * select(is_right, Value(1), Value(alpha) * exp(left))};
  }

  /// E[(e^u - 1)^2; u < 0], with y = sqrt(q), is phi(0) (2 (m(0) - m(y)) - (m(0) - m(2 y))); the
  /// sum cancels for small y, and the power series in y takes its place.
  template <class Value>
  Duals<Value> diagonal(const Value& q) const {
    const auto density = static_cast<Value>(kDensityAtZero);
    const auto a = static_cast<Value>(alpha);
    const auto variance = static_cast<Value>(scale * scale);
    const Value y = std::sqrt(q);
    const auto twice = mills_ratio(2 * y);
    Value squares = density * (2 * mills_ratio(y).drop - twice.drop);
    if (y < Value(0.25)) {
      // sum over k >= 2 of (2^k - 2) (-y)^k E[x^k; x > 0] / k!
      Value before = density;  // E[x^k; x > 0] / k! for k - 1 and k
      Value moment = Value(0.25);
      Value power = y * y;
      Value two_power = 4;
      squares = 0;
      for (int k = 2; k < 24; ++k) {
        squares += (two_power - 2) * power * moment;
        const Value next = before / static_cast<Value>(k + 1);
        before = moment;
        moment = next;
        power *= -y;
        two_power *= 2;
      }
    }
    return {variance * (q / 2 + a * a * squares),
            variance * (static_cast<Value>(0.5) + a * a * density * twice.value)};
  }

  /// From the end, where G and Q are, for c < 0, alpha phi(0) (m(sqrt(q1)) + m(sqrt(q2))) and 0.
  NearDuals near(double q1, double q2, double c_sign, double gap) const {
    static constexpr auto kRule = gauss_rule<double, 12>();
    const double deviation1 = std::sqrt(q1);
    const double deviation2 = std::sqrt(q2);
    const double norm = deviation1 * deviation2;
    const bool is_parallel = c_sign > 0.0;
    const double variance = scale * scale;
    double end_g =
        alpha * kDensityAtZero * (mills_ratio(deviation1).value + mills_ratio(deviation2).value);
    double end_q = 0.0;
    if (is_parallel) {
      end_q = kDensityAtZero * mills_ratio(deviation1 + deviation2).value;
      end_g = 0.5 + alpha * alpha * end_q;
    }
    const double end = angle_to_end(norm, gap);
    const double side = is_parallel ? -1.0 : 1.0;  // of c, seen from the end
    Duals<double> integral{0.0, 0.0};
    for (std::size_t i = 0; i < kRule.nodes.size(); ++i) {
      const double t = end * kRule.nodes[i];
      const double y1 = deviation1 * std::sin(t);
      const double y2 = deviation2 * std::sin(t);
      const double m = y1 * mills_ratio(y1).value + y2 * mills_ratio(y2).value;
      const double d = side * 2.0 * norm * std::sin((end + t) / 2.0) * std::sin((end - t) / 2.0);
      const auto value = integrand(alpha, m, d, std::expm1(d));
      const double weight = side * kRule.weights[i] * end * (0.5 * std::numbers::inv_pi);
      integral.f += weight * value.f;
      integral.g += weight * value.g;
    }
    const double d = side * gap;
    const auto change =
        finish(scale, alpha, Start<double>{0.0, end_g, end_q}, d, std::expm1(d), integral);
    const double a = deviation1;
    const double b = is_parallel ? deviation2 : -deviation2;
    const auto s = [this](double x) { return scale * (x > 0.0 ? x : alpha * std::expm1(x)); };
    // Where e^(a x) has its boundary layer.
    const std::vector<double> breaks = {-1.0 / a, -4.0 / a, -12.0 / a,
                                        -1.0 / b, -4.0 / b, -12.0 / b};
    const auto at_end = end_covariance(s, a, b, diagonal(q1).f, diagonal(q2).f, breaks);
    return near_duals(at_end, variance * end_g, {change.f, change.g - variance * end_g});
  }
};

struct Elu : ExponentialLinear {
  static constexpr std::string_view kName = "elu";
  static constexpr std::array<ParameterRule, 1> kParameters{{{"alpha", 1.0, 0.0, 100.0}}};
  explicit Elu(const ParameterValues& values) : ExponentialLinear{1.0, values[0][0]} {}
};
