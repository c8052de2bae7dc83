/// s(x) = sin(frequency x + phase), for sin and for cos.
class Wave {
 public:
  /// k is the cosine of twice the sine's phase, and 1 - |k| = 2 rest^2.
  Wave(double frequency, double k, double rest)
      : square_(frequency * frequency), k_(k), rest_(2.0 * rest * rest) {}

  /// With m = (q1 + q2) / 2 and w the frequency: F = (exp(w^2 (c - m)) - k exp(-w^2 (c + m))) / 2
  /// and G = w^2 (exp(w^2 (c - m)) + k exp(-w^2 (c + m))) / 2, from the product of two sines.
  template <class Value>
  Duals<Value> textbook(const Value& q1, const Value& q2, const Value& c) const {
    using std::exp;
    const Value square = square_;
    const Value near = exp(square * (2 * c - q1 - q2) / 2);
    const Value far = k_ * exp(-square * (2 * c + q1 + q2) / 2);
    return {(near - far) / 2, square * (near + far) / 2};
  }

  /// The difference of F (k > 0) or G (k < 0) is (2 |k| sinh(w^2 c) + (1 - |k|) exp(w^2 c))
  /// exp(-w^2 m), whose first term keeps all digits towards c = 0. The exponents do not cancel
  /// towards correlations 1 and -1. The tests hold F and F + G c to 48 eps of |F| + |G c| for
  /// exponents up to 9.
  template <class Value>
  Duals<Value> fast(const Value& q1, const Value& q2, const Value& c) const {
    const Value distance = abs(c);
    const Value scale = Value(-0.5 * square_);
    const Value large = exp(scale * ((q1 - distance) + (q2 - distance)));
    const Value small = exp(scale * ((q1 + distance) + (q2 + distance)));
    // exp(-w^2 m) 2 sinh(w^2 |c|) = large (1 - exp(-2 w^2 |c|))
    const Value sinh = copy_sign(large * expm1(Value(-2.0 * square_) * distance), c);
    const auto is_right = c > Value(0);
    const Value near = select(is_right, large, small);
    const Value far = select(is_right, small, large);
    const Value weight = Value(std::abs(k_));
    const Value sum = multiply_add(weight, far, near) * Value(0.5);
    const Value difference = multiply_add(weight, sinh, Value(rest_) * near) * Value(0.5);
    return k_ > 0.0 ? Duals<Value>{difference, Value(square_) * sum}
                    : Duals<Value>{sum, Value(square_) * difference};
  }

  template <class Value>
  Duals<Value> diagonal(const Value& q) const {
    const auto square = static_cast<Value>(square_);
    const auto weight = static_cast<Value>(std::abs(k_));
    const Value sum = (1 + weight * std::exp(-2 * square * q)) / 2;
    const Value difference = (static_cast<Value>(rest_) - weight * std::expm1(-2 * square * q)) / 2;
    return k_ > 0.0 ? Duals<Value>{difference, square * sum}
                    : Duals<Value>{sum, square * difference};
  }

 private:
  double square_;
  double k_;
  double rest_;
};

/// s(x) = sin(frequency x + phase).
struct Sin : Wave {
  static constexpr std::string_view kName = "sin";
  static constexpr std::array<ParameterRule, 2> kParameters{
      {{"frequency", 1.0, -1e6, 1e6}, {"phase", 0.0, -1e3, 1e3}}};
  explicit Sin(const ParameterValues& values) : Sin(values[0][0], values[1][0]) {}

 private:
  Sin(double frequency, double phase)
      : Wave(frequency, std::cos(2.0 * phase),
             std::cos(2.0 * phase) > 0.0 ? std::sin(phase) : std::cos(phase)) {}
};
