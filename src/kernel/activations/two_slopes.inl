/// s(x) = a min(x, 0) + b max(x, 0) = a x + (b - a) max(x, 0): leaky_relu, abs and abrelu.
class TwoSlopes {
 public:
  TwoSlopes(double a, double b) : a_(a), b_(b) {}

  /// With F' and G' of relu: F = a b c + (b - a)^2 F' and G = a b + (b - a)^2 G', from
  /// E[u max(v, 0)] = c / 2.
  template <class Value>
  Duals<Value> textbook(const Value& q1, const Value& q2, const Value& c) const {
    const Value a = a_;
    const Value b = b_;
    const auto relu = Relu(ParameterValues{}).textbook(q1, q2, c);
    return {a * b * c + (b - a) * (b - a) * relu.f, a * b + (b - a) * (b - a) * relu.g};
  }

  /// With W the F' of relu at -|c| and t the angle to the nearer end: F = (a^2 + b^2) c / 2
  /// + (b - a)^2 W and G = (a^2 + b^2) / 2 - (b - a)^2 t / 2 pi for c > 0, and
  /// F = a b c + (b - a)^2 W and G = a b + (b - a)^2 t / 2 pi else. Nothing cancels but where F or
  /// G itself changes sign, and F(q, q, q) = (a^2 + b^2) q / 2 is exact to the last bit. Largest
  /// error met in trials, relative: F 3 eps, unless a or b is 0, where it is relu's. The tests hold
  /// F to 8 eps of itself where a b < 0 and of |F| + |G c| where a b > 0, and F + G c to 6 eps of
  /// |F| + |G c|.
  template <class Value>
  Duals<Value> fast(const Value& q1, const Value& q2, const Value& c) const {
    const Value s = sqrt(max(difference_of_products(q1, q2, c, c), Value(0)));
    const Value distance = abs(c);
    const auto angle = angle_in_turns(s, distance);
    const Value sum = s * Value(0.5 * std::numbers::inv_pi) - angle.turns * distance;
    const Value w = select(angle.is_small, s * angle.gap, sum);
    const auto is_right = c > Value(0);
    const Value slope = select(is_right, Value(half_square()), Value(a_ * b_));
    const Value turns = select(is_right, -angle.turns, angle.turns);
    const Value kink = Value(squared_kink());
    return {multiply_add(slope, c, kink * w), multiply_add(kink, turns, slope)};
  }

  template <class Value>
  ValueAndSlope<Value> apply(const Value& x) const {
    const Value slope = select(x > Value(0), Value(b_), Value(a_));
    return {slope * x, slope};
  }

  template <class Value>
  Duals<Value> diagonal(const Value& q) const {
    const auto slope = static_cast<Value>(half_square());
    return {slope * q, slope};
  }

  static constexpr bool kIsHomogeneous = true;

  /// As fast, with c = +-(r - gap). The bound is (a^2 + b^2) r / 2.
  NearDuals near(double q1, double q2, double c_sign, double gap) const {
    const NearAngle angle(q1, q2, gap);
    const double w = squared_kink() * angle.orthant_moment(1);
    const double turns = squared_kink() * angle.turns();
    if (c_sign > 0.0) {
      return {half_square() * angle.c + w, half_square() - turns, half_square() * gap - w};
    }
    const double product = a_ * b_;
    const double f = w - product * angle.c;
    const double side = f > 0.0 ? 1.0 : -1.0;  // of the bound that F is near to
    const double sum = a_ + side * b_;
    const double rest = 0.5 * sum * sum * angle.r - side * (product * gap + w);
    return {f, product + turns, rest};
  }

 private:
  [[nodiscard]] double half_square() const { return (a_ * a_ + b_ * b_) / 2.0; }
  [[nodiscard]] double squared_kink() const { return (b_ - a_) * (b_ - a_); }

  double a_;
  double b_;
};
