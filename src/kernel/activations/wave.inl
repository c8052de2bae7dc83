/// s(x) = sin(frequency x + phase), for sin and for cos.
class Wave {
 public:
  enum class Kind { sine, cosine };

  Wave(Kind kind, double frequency, double phase)
      : frequency_(frequency),
        phase_(phase),
        sign_(kind == Kind::sine ? 1.0 : -1.0),
        square_(frequency * frequency),
        k_(sign_ * std::cos(2.0 * phase)),
        rest_(std::cos(2.0 * phase) > 0.0 ? 2.0 * std::pow(std::sin(phase), 2)
                                          : 2.0 * std::pow(std::cos(phase), 2)) {}

  /// With m = (q1 + q2) / 2, w the frequency and k = cos(2 phase) of a sine, the negative of it of
  /// a cosine: F = (exp(w^2 (c - m)) - k exp(-w^2 (c + m))) / 2 and G = w^2 (exp(w^2 (c - m)) + k
  /// exp(-w^2 (c + m))) / 2, from the product of two sines.
  template <class Value>
  Duals<Value> textbook(const Value& q1, const Value& q2, const Value& c) const {
    using std::cos;
    using std::exp;
    const Value square = Value(frequency_) * Value(frequency_);
    const Value near = exp(square * (2 * c - q1 - q2) / 2);
    const Value far = sign_ * cos(2 * Value(phase_)) * exp(-square * (2 * c + q1 + q2) / 2);
    return {(near - far) / 2, square * (near + far) / 2};
  }

  /// The difference of F (k > 0) or G (k < 0) is (2 |k| sinh(w^2 c) + (1 - |k|) exp(w^2 c))
  /// exp(-w^2 m), whose first term keeps all digits towards c = 0. The exponents do not cancel
  /// towards correlations 1 and -1. Largest error met in trials for exponents up to 18, relative
  /// to |F| + |G c|: 7 eps. The tests hold F and F + G c to 16 eps of it.
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
  ValueAndSlope<Value> apply(const Value& x) const {
    const Value angle = multiply_add(Value(frequency_), x, Value(phase_));
    const Value sine = sin(angle);
    const Value cosine = cos(angle);
    return sign_ > 0.0 ? ValueAndSlope<Value>{sine, Value(frequency_) * cosine}
                       : ValueAndSlope<Value>{cosine, Value(-frequency_) * sine};
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
  double frequency_;
  double phase_;
  double sign_;
  double square_;
  double k_;
  double rest_;  // 1 - |k|
};
