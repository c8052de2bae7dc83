/// s(x) = min(max(x, -1), 1).
struct HardTanh : Parameterless {
  using Parameterless::Parameterless;
  static constexpr std::string_view kName = "hard_tanh";
  static constexpr bool kTextbookIntegrates = true;

  /// s = x - A(x) with A(x) = (x - 1)+ - (-x - 1)+, E[u A(v)] = c E[A'(v)] (Stein), and
  /// E[A(u) A(v)] = 2 (H(c) - H(-c)) with H the dual of the hinge (x - 1)+.
  template <class Value>
  Duals<Value> textbook(const Value& q1, const Value& q2, const Value& c) const {
    using std::sqrt;
    const Value determinant = difference_of_products(q1, q2, c, c);
    const Value tails = any_precision::normal_tail(Value(1 / sqrt(q1))) +
                        any_precision::normal_tail(Value(1 / sqrt(q2)));
    const auto same = any_precision::hinge_duals(q1, q2, c, determinant, Value(1), Value(1));
    const auto opposite =
        any_precision::hinge_duals(q1, q2, Value(-c), determinant, Value(1), Value(1));
    return {c * (1 - 2 * tails) + 2 * (same.f - opposite.f),
            1 - 2 * tails + 2 * (same.g + opposite.g)};
  }

  /// The same sum, whose terms of size sqrt(q1 q2) cancel to size 1 for large variances. Largest
  /// errors of F met in trials, relative to sqrt(F(q1, q1, q1) F(q2, q2, q2)): 1e-14 (double) and
  /// 1e-6 (float) for variances up to 30, growing like the variance; F itself crosses zero at c =
  /// 0. Of G, relative: 4e-14 and 2e-6. The tests hold F, and F + G c, to 1e-13 and 4e-6.
  template <class Value>
  Duals<Value> fast(const Value& q1, const Value& q2, const Value& c) const {
    const auto same = hinge_duals(q1, q2, c, 1.0);
    const auto opposite = hinge_duals(q1, q2, -c, 1.0);
    const Value inside = Value(1.0) - Value(2.0) * (hinge_tail(q1, 1.0) + hinge_tail(q2, 1.0));
    return {multiply_add(c, inside, Value(2.0) * (same.f - opposite.f)),
            multiply_add(Value(2.0), same.g + opposite.g, inside)};
  }

  template <class Value>
  ValueAndSlope<Value> apply(const Value& x) const {
    return {min(max(x, Value(-1)), Value(1)), select(Value(1) > abs(x), Value(1), Value(0))};
  }

  /// E s^2 = q P(|u| < 1) - 2 sqrt(q) phi(h) + P(|u| > 1), h = 1 / sqrt(q).
  template <class Value>
  Duals<Value> diagonal(const Value& q) const {
    const Value deviation = std::sqrt(q);
    const Value h = 1 / deviation;
    const Value tails = 2 * normal_tail(h);
    const Value inside = std::erf(h * static_cast<Value>(0.5 * std::numbers::sqrt2));
    return {q * inside - 2 * deviation * normal_density(h) + tails, inside};
  }

  NearDuals near(double q1, double q2, double c_sign, double gap) const {
    return near_piecewise_linear([](double x) { return std::clamp(x, -1.0, 1.0); },
                                 std::array<Kink, 2>{{{-1.0, 1.0}, {1.0, -1.0}}}, std::sqrt(q1),
                                 std::copysign(std::sqrt(q2), c_sign), gap, diagonal(q1).f,
                                 diagonal(q2).f, diagonal(std::max(q1, q2)).g);
  }
};

/// s(x) = min(max(x / 6 + 1/2, 0), 1) = 1/2 + hard_tanh(x / 3) / 2: F = 1/4 + F' / 4 and
/// G = G' / 36 with the duals of hard_tanh at variances and covariance divided by 9, and with
/// errors smaller than those.
struct HardSigmoid : Parameterless {
  using Parameterless::Parameterless;
  static constexpr std::string_view kName = "hard_sigmoid";
  static constexpr bool kTextbookIntegrates = true;

  template <class Value>
  Duals<Value> textbook(const Value& q1, const Value& q2, const Value& c) const {
    const auto [f, g] =
        HardTanh(ParameterValues()).textbook(Value(q1 / 9), Value(q2 / 9), Value(c / 9));
    return {(1 + f) / 4, g / 36};
  }

  template <class Value>
  Duals<Value> fast(const Value& q1, const Value& q2, const Value& c) const {
    const Value ninth(1.0 / 9.0);
    const auto [f, g] = HardTanh(ParameterValues()).fast(q1 * ninth, q2 * ninth, c * ninth);
    return {multiply_add(f, Value(0.25), Value(0.25)), g * Value(1.0 / 36.0)};
  }

  template <class Value>
  ValueAndSlope<Value> apply(const Value& x) const {
    constexpr double kSlope = 1.0 / 6.0;
    const Value line = multiply_add(Value(kSlope), x, Value(0.5));
    return {min(max(line, Value(0)), Value(1)), select(Value(3) > abs(x), Value(kSlope), Value(0))};
  }

  template <class Value>
  Duals<Value> diagonal(const Value& q) const {
    const auto [f, g] = HardTanh(ParameterValues()).diagonal(q / 9);
    return {(1 + f) / 4, g / 36};
  }

  NearDuals near(double q1, double q2, double c_sign, double gap) const {
    constexpr double kSlope = 1.0 / 6.0;
    return near_piecewise_linear([](double x) { return std::clamp(x / 6.0 + 0.5, 0.0, 1.0); },
                                 std::array<Kink, 2>{{{-3.0, kSlope}, {3.0, -kSlope}}},
                                 std::sqrt(q1), std::copysign(std::sqrt(q2), c_sign), gap,
                                 diagonal(q1).f, diagonal(q2).f, diagonal(std::max(q1, q2)).g);
  }
};
