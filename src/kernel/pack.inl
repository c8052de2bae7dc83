// SIMD vectors with arithmetic and the functions that the activations in activations/ are written
// with. Included once for each instruction set, inside its namespace, where hn is Highway's.

/// A SIMD vector with arithmetic, as the activations are written with. Its operations are no
/// friends defined in the class, because GCC forgets the instruction set of those.
template <class Real>
struct Pack {
  using Tag = hn::ScalableTag<Real>;
  using Vector = hn::Vec<Tag>;
  static constexpr auto kLanes = static_cast<std::int64_t>(hn::MaxLanes(Tag()));

  Vector vector;

  Pack() = default;
  explicit HWY_INLINE Pack(Vector values) : vector(values) {}
  explicit HWY_INLINE Pack(double value) : vector(hn::Set(Tag(), static_cast<Real>(value))) {}

  static HWY_INLINE Pack load(const Real* from) { return Pack(hn::LoadU(Tag(), from)); }
  static HWY_INLINE Pack broadcast(Real value) { return Pack(hn::Set(Tag(), value)); }
  HWY_INLINE void store(Real* to) const { hn::StoreU(vector, Tag(), to); }
};

template <class Real>
using Mask = hn::Mask<typename Pack<Real>::Tag>;

template <class Real>
HWY_INLINE Pack<Real> operator+(Pack<Real> a, Pack<Real> b) {
  return Pack<Real>(hn::Add(a.vector, b.vector));
}
template <class Real>
HWY_INLINE Pack<Real> operator-(Pack<Real> a, Pack<Real> b) {
  return Pack<Real>(hn::Sub(a.vector, b.vector));
}
template <class Real>
HWY_INLINE Pack<Real> operator*(Pack<Real> a, Pack<Real> b) {
  return Pack<Real>(hn::Mul(a.vector, b.vector));
}
template <class Real>
HWY_INLINE Pack<Real> operator/(Pack<Real> a, Pack<Real> b) {
  return Pack<Real>(hn::Div(a.vector, b.vector));
}
template <class Real>
HWY_INLINE Pack<Real> operator-(Pack<Real> a) {
  return Pack<Real>(hn::Neg(a.vector));
}
template <class Real>
HWY_INLINE Mask<Real> operator>(Pack<Real> a, Pack<Real> b) {
  return hn::Gt(a.vector, b.vector);
}
template <class Real>
HWY_INLINE Pack<Real> abs(Pack<Real> a) {
  return Pack<Real>(hn::Abs(a.vector));
}
template <class Real>
HWY_INLINE Pack<Real> sqrt(Pack<Real> a) {
  return Pack<Real>(hn::Sqrt(a.vector));
}
template <class Real>
HWY_INLINE Pack<Real> min(Pack<Real> a, Pack<Real> b) {
  return Pack<Real>(hn::Min(a.vector, b.vector));
}
template <class Real>
HWY_INLINE Pack<Real> max(Pack<Real> a, Pack<Real> b) {
  return Pack<Real>(hn::Max(a.vector, b.vector));
}
/// |magnitude| with the sign of `sign`.
template <class Real>
HWY_INLINE Pack<Real> copy_sign(Pack<Real> magnitude, Pack<Real> sign) {
  return Pack<Real>(hn::CopySign(magnitude.vector, sign.vector));
}
/// a b + c, rounded once where the instruction set can.
template <class Real>
HWY_INLINE Pack<Real> multiply_add(Pack<Real> a, Pack<Real> b, Pack<Real> c) {
  return Pack<Real>(hn::MulAdd(a.vector, b.vector, c.vector));
}
template <class Real>
HWY_INLINE Mask<Real> is_number(Pack<Real> a) {
  return hn::Eq(a.vector, a.vector);
}
template <class Real>
HWY_INLINE Pack<Real> select(Mask<Real> mask, Pack<Real> yes, Pack<Real> no) {
  return Pack<Real>(hn::IfThenElse(mask, yes.vector, no.vector));
}

#if !HWY_NATIVE_FMA
/// a b - rounded, where `rounded` is the rounded product: its error, exactly (Dekker 1971).
template <class Real>
HWY_INLINE Pack<Real> product_error(Pack<Real> a, Pack<Real> b, Pack<Real> rounded) {
  const Pack<Real> splitter(sizeof(Real) == sizeof(float) ? 4097.0 : 134217729.0);
  const Pack<Real> a_scaled = splitter * a;
  const Pack<Real> b_scaled = splitter * b;
  const Pack<Real> a_high = a_scaled - (a_scaled - a);
  const Pack<Real> b_high = b_scaled - (b_scaled - b);
  const Pack<Real> a_low = a - a_high;
  const Pack<Real> b_low = b - b_high;
  return ((a_high * b_high - rounded) + (a_high * b_low + a_low * b_high)) + a_low * b_low;
}
#endif

/// a b - c d within two units in the last place (Kahan; Jeannerod, Louvet, Muller 2013). Symmetric
/// in a and b to the last bit.
template <class Real>
HWY_INLINE Pack<Real> difference_of_products(Pack<Real> a, Pack<Real> b, Pack<Real> c,
                                             Pack<Real> d) {
  const Pack<Real> cd = c * d;
#if HWY_NATIVE_FMA
  return multiply_add(a, b, -cd) + multiply_add(-c, d, cd);
#else
  const Pack<Real> ab = a * b;
  return (ab - cd) + (product_error(a, b, ab) - product_error(c, d, cd));
#endif
}

/// R(z) of atan_polynomial.hpp, odd and even coefficients apart for shorter chains.
template <class Real>
HWY_INLINE Pack<Real> atan_polynomial(Pack<Real> z) {
  using P = Pack<Real>;
  constexpr auto& kCoefficients = kAtanPolynomial<Real>;
  constexpr std::size_t kCount = kCoefficients.size();
  static_assert(kCount % 2 == 0);
  const P z_squared = z * z;
  P even = P::broadcast(kCoefficients[kCount - 2]);
  P odd = P::broadcast(kCoefficients[kCount - 1]);
  for (std::size_t k = kCount - 2; k > 0; k -= 2) {
    even = multiply_add(even, z_squared, P::broadcast(kCoefficients[k - 2]));
    odd = multiply_add(odd, z_squared, P::broadcast(kCoefficients[k - 1]));
  }
  return multiply_add(odd, z, even);
}

/// The angle of a point (x, y) with y >= 0.
template <class Real>
struct Angle {
  Pack<Real> turns;     // atan2(y, x) / 2 pi, in [0, 1/2]
  Mask<Real> is_small;  // x > 0 and turns <= 1/16
  Pack<Real> gap;       // where small: (t - atan(t)) / (2 pi t) with t = y / x
};

/// Within 2 units in the last place of `turns`, relative to its own size also towards 0, and exact
/// on the axes; the origin counts as on the x axis. y and x lie in the square roots' range.
template <class Real>
HWY_INLINE Angle<Real> angle_in_turns(Pack<Real> y, Pack<Real> x) {
  using P = Pack<Real>;
  const P distance = abs(x);
  const auto is_steep = y > distance;
  const P a = min(y, distance);
  const P b = max(max(y, distance), P(std::numeric_limits<Real>::min()));
  // atan(a / b) = pi / 4 + atan((a - b) / (a + b)), used above tan(pi / 8).
  const auto is_shifted = a > P(std::numbers::sqrt2 - 1.0) * b;
  const P t = select(is_shifted, a - b, a) / select(is_shifted, a + b, b);
  const P t_squared = t * t;
  const P correction = t_squared * atan_polynomial<Real>(t_squared);
  P turns = t * (P(0.5 * std::numbers::inv_pi) + correction);
  turns = select(is_shifted, turns + P(0.125), turns);
  turns = select(is_steep, P(0.25) - turns, turns);
  const auto is_right = x > P(0.0);
  turns = select(is_right, turns, P(0.5) - turns);
  const auto is_small = hn::AndNot(hn::Or(is_shifted, is_steep), is_right);
  return {turns, is_small, -correction};
}

/// e^a within one unit in the last place; 0 for a below the logarithm of the smallest number, inf
/// above that of the largest.
template <class Real>
HWY_INLINE Pack<Real> exp(Pack<Real> a) {
  constexpr double kLargest = sizeof(Real) == sizeof(float) ? 88.0 : 706.0;
  const auto too_large = a > Pack<Real>(kLargest);
  const Pack<Real> bounded(
      hn::Exp(typename Pack<Real>::Tag(), min(a, Pack<Real>(kLargest)).vector));
  return select(too_large, Pack<Real>(std::numeric_limits<double>::infinity()), bounded);
}
/// e^a - 1, also towards a = 0.
template <class Real>
HWY_INLINE Pack<Real> expm1(Pack<Real> a) {
  return Pack<Real>(hn::Expm1(typename Pack<Real>::Tag(), a.vector));
}
