// The normal distribution on SIMD vectors. Included beside pack.inl.

/// For y >= 0, both within 8 eps; odd and even coefficients apart for
/// shorter chains.
template <class Real>
HWY_INLINE MillsRatio<Pack<Real>> mills_ratio(Pack<Real> y) {
  using P = Pack<Real>;
  constexpr auto& kCoefficients = kMillsPolynomial<Real>;
  constexpr std::size_t kCount = kCoefficients.size();
  static_assert(kCount % 2 == 0);
  const P z = P(1.0) / (y + P(4.0));
  const P t = multiply_add(P(-8.0), z, P(1.0));
  const P t_squared = t * t;
  P even = P::broadcast(kCoefficients[kCount - 2]);
  P odd = P::broadcast(kCoefficients[kCount - 1]);
  for (std::size_t k = kCount - 2; k > 0; k -= 2) {
    even = multiply_add(even, t_squared, P::broadcast(kCoefficients[k - 2]));
    odd = multiply_add(odd, t_squared, P::broadcast(kCoefficients[k - 1]));
  }
  const P slope = P(2.0) * z * multiply_add(odd, t, even);
  return {z * multiply_add(y, slope, P(4.0 * kMillsAtZero)), y * z * (P(kMillsAtZero) - slope)};
}

/// phi(x).
template <class Real>
HWY_INLINE Pack<Real> normal_density(Pack<Real> x) {
  constexpr double kScale = 0.5 * std::numbers::inv_sqrtpi * std::numbers::sqrt2;
  return exp(x * x * Pack<Real>(-0.5)) * Pack<Real>(kScale);
}

/// Phi(-x), given phi(x). Absolute error within 2 eps.
template <class Real>
HWY_INLINE Pack<Real> normal_tail(Pack<Real> x, Pack<Real> density) {
  const Pack<Real> tail = mills_ratio(abs(x)).value * density;
  return select(Pack<Real>(0.0) > x, Pack<Real>(1.0) - tail, tail);
}

/// Owen's function T(h, a) = 1 / 2 pi int_0^a exp(-h^2 (1 + x^2) / 2) / (1 + x^2) dx (Owen 1956)
/// for 0 <= a <= 1. The integrand is even in x and has its poles at +-i, where the exponential is
/// 1, so that Gauss-Legendre converges alike for all h: 11 nodes leave 2e-17, and 5 nodes
/// 5e-9.
template <class Real>
HWY_INLINE Pack<Real> owens_t(Pack<Real> h, Pack<Real> a) {
  using P = Pack<Real>;
  static constexpr auto kRule = even_gauss_rule < Real, sizeof(Real) == sizeof(float) ? 5 : 11 > ();
  const P exponent = h * h * P(-0.5);
  const P a_squared = a * a;
  P sum(0.0);
  for (std::size_t i = 0; i < kRule.nodes.size(); ++i) {
    const Real node = kRule.nodes[i];
    const P secant_squared = multiply_add(a_squared, P::broadcast(node * node), P(1.0));
    sum = multiply_add(P::broadcast(kRule.weights[i]),
                       exp(exponent * secant_squared) / secant_squared, sum);
  }
  return a * sum * P(0.5 * std::numbers::inv_pi);
}

/// P(X > h, Z h > X offset) for independent standard normal X, Z and h >= 0: a wedge whose apex is
/// (h, offset), between the line X = h and the ray from the origin through the apex. With
/// a = offset / h it is Phi(-h) / 2 - T(h, a); where |a| > 1, T(h, a) is reflected to T(a h, 1 /
/// a). `h_tail` is Phi(-h), `offset_tail` is Phi(-offset).
template <class Real>
HWY_INLINE Pack<Real> wedge(Pack<Real> h, Pack<Real> h_tail, Pack<Real> offset,
                            Pack<Real> offset_tail) {
  using P = Pack<Real>;
  const P distance = abs(offset);
  const auto is_reflected = distance > h;
  const P longer = max(h, distance);
  const P slope = min(h, distance) / max(longer, P(std::numeric_limits<Real>::min()));
  const P t = owens_t(longer, slope);
  const P far_tail = min(offset_tail, P(1.0) - offset_tail);  // Phi(-|offset|)
  const P reflected = h_tail * offset_tail - copy_sign(P(0.5) * far_tail - t, offset);
  const P direct = P(0.5) * h_tail - copy_sign(t, offset);
  return select(is_reflected, reflected, direct);
}

/// Standard normal X, Y with correlation rho, as what depends on a corner (h, k), h, k >= 0: the
/// offsets (k - rho h) / root and (h - rho k) / root with root = sqrt(1 - rho^2). Not h = k = 0,
/// where the offsets do not tell rho.
template <class Real>
struct Corner {
  Pack<Real> h;
  Pack<Real> k;
  Pack<Real> h_offset;
  Pack<Real> k_offset;
};

/// P(X > h, Y > k) and what else the duals of hinges need, all densities and tails once.
template <class Real>
struct CornerTails {
  Pack<Real> both;       // P(X > h, Y > k)
  Pack<Real> k_given_h;  // phi(h) P(Y > k | X = h)
  Pack<Real> h_given_k;  // phi(k) P(X > h | Y = k)
  Pack<Real> corner;     // root times the density of (X, Y) at the corner
};

/// The probability is the sum of two wedges (Owen 1956). Absolute error of `both` within 1e-15 in
/// double, 2e-7 in float. Symmetric in h and k to the last bit.
template <class Real>
HWY_INLINE CornerTails<Real> corner_tails(const Corner<Real>& at) {
  using P = Pack<Real>;
  const P h_density = normal_density(at.h);
  const P k_density = normal_density(at.k);
  const P h_offset_density = normal_density(at.h_offset);
  const P k_offset_density = normal_density(at.k_offset);
  const P h_offset_tail = normal_tail(at.h_offset, h_offset_density);
  const P k_offset_tail = normal_tail(at.k_offset, k_offset_density);
  const P both = wedge(at.h, normal_tail(at.h, h_density), at.h_offset, h_offset_tail) +
                 wedge(at.k, normal_tail(at.k, k_density), at.k_offset, k_offset_tail);
  const P corner = (h_density * h_offset_density + k_density * k_offset_density) * P(0.5);
  return {both, h_density * h_offset_tail, k_density * k_offset_tail, corner};
}

/// kink / sqrt(q) for kink >= 0, cut off where every tail beyond it vanishes.
template <class Real>
HWY_INLINE Pack<Real> standardised(Pack<Real> kink, Pack<Real> deviation) {
  return kink / max(deviation, kink * Pack<Real>(0.01));
}

/// numerator / denominator for denominator >= 0, cut off where every tail beyond it vanishes.
template <class Real>
HWY_INLINE Pack<Real> offset(Pack<Real> numerator, Pack<Real> denominator) {
  using P = Pack<Real>;
  const P ratio = numerator / max(denominator, P(std::numeric_limits<Real>::min()));
  return max(min(ratio, P(100.0)), P(-100.0));
}

/// P(u > kink), u ~ N(0, q), kink > 0.
template <class Real>
HWY_INLINE Pack<Real> hinge_tail(Pack<Real> q, double kink) {
  const Pack<Real> h = standardised(Pack<Real>(kink), sqrt(q));
  return normal_tail(h, normal_density(h));
}

/// Duals of (u - kink)+ and (v - kink)+, kink > 0. With h = kink / sqrt(q1), k = kink / sqrt(q2),
/// E[(u - kink)+ (v - kink)+] = (c + kink^2) P(u > kink, v > kink)
/// - kink sqrt(q2) phi(k) P(u > kink | v = kink) - (the same, exchanged)
/// + (q1 q2 - c^2) times the density at the corner.
template <class Real>
HWY_INLINE Duals<Pack<Real>> hinge_duals(Pack<Real> q1, Pack<Real> q2, Pack<Real> c, double kink) {
  using P = Pack<Real>;
  const P a(kink);
  const P deviation1 = sqrt(q1);
  const P deviation2 = sqrt(q2);
  const P root = sqrt(max(difference_of_products(q1, q2, c, c), P(0.0)));
  const Corner<Real> corner{standardised(a, deviation1), standardised(a, deviation2),
                            offset(a * (q1 - c), deviation1 * root),
                            offset(a * (q2 - c), deviation2 * root)};
  const CornerTails<Real> tails = corner_tails(corner);
  const P edges = deviation2 * tails.h_given_k + deviation1 * tails.k_given_h;
  const P sum = multiply_add(root, tails.corner, -(a * edges));
  return {multiply_add(multiply_add(a, a, c), tails.both, sum), tails.both};
}

/// Duals of (u - kink)+ and v+, kink > 0: of the terms above the second wedge and one edge vanish.
template <class Real>
HWY_INLINE Duals<Pack<Real>> hinge_and_relu_duals(Pack<Real> q1, Pack<Real> q2, Pack<Real> c,
                                                  double kink) {
  using P = Pack<Real>;
  constexpr double kDensityAtZero = 0.5 * std::numbers::inv_sqrtpi * std::numbers::sqrt2;
  const P a(kink);
  const P deviation1 = sqrt(q1);
  const P deviation2 = sqrt(q2);
  const P root = sqrt(max(difference_of_products(q1, q2, c, c), P(0.0)));
  const P h = standardised(a, deviation1);
  const P h_offset = offset(-(a * c), deviation1 * root);
  const P k_offset = offset(a * deviation2, root);
  const P h_density = normal_density(h);
  const P offset_density = normal_density(h_offset);
  const P both =
      wedge(h, normal_tail(h, h_density), h_offset, normal_tail(h_offset, offset_density));
  const P edge =
      a * deviation2 * P(kDensityAtZero) * normal_tail(k_offset, normal_density(k_offset));
  const P corner = root * (h_density * offset_density);
  return {multiply_add(c, both, corner - edge), both};
}

/// int_0^1 f(x) dx of a function that returns Duals by that rule, for the lanes of the mask;
/// nothing where there are none.
template <class Real, class Rule, class Integrand>
HWY_INLINE void integrate_where(const Rule& rule, const Integrand& f, Mask<Real> mask,
                                Duals<Pack<Real>>& result) {
  using P = Pack<Real>;
  if (hn::AllFalse(typename P::Tag(), mask)) {
    return;
  }
  P sum_f(0.0);
  P sum_g(0.0);
  for (std::size_t i = 0; i < rule.nodes.size(); ++i) {
    const Duals<P> value = f(P::broadcast(rule.nodes[i]));
    const P weight = P::broadcast(rule.weights[i]);
    sum_f = multiply_add(weight, value.f, sum_f);
    sum_g = multiply_add(weight, value.g, sum_g);
  }
  result = {select(mask, sum_f, result.f), select(mask, sum_g, result.g)};
}

/// int_0^1 f(x) dx by Gauss-Legendre, for integrands like those of ExponentialLinear, whose
/// boundary layers sharpen with the larger of the two variances. Each lane has its own rule,
/// whatever the other lanes ask for. Error of the rules in F, relative to its bound, and in G,
/// double: 1e-15 up to variance 1, 1e-14 up to 1000, beyond that 3e-13 and 2e-9 at 1e4, 1e-12 and
/// 2e-7 at 1e6.
template <class Real, class Integrand>
HWY_INLINE Duals<Pack<Real>> integrate_duals(Pack<Real> variance, const Integrand& f) {
  using P = Pack<Real>;
  constexpr bool kIsFloat = sizeof(Real) == sizeof(float);
  static constexpr auto kFew = gauss_rule < Real, kIsFloat ? 7 : 13 > ();
  static constexpr auto kMore = gauss_rule < Real, kIsFloat ? 10 : 20 > ();
  static constexpr auto kMany = clustered_gauss_rule < Real, kIsFloat ? 32 : 64 > ();
  const auto more = variance > P(1.0);
  const auto many = variance > P(32.0);
  Duals<P> result{P(0.0), P(0.0)};
  integrate_where<Real>(kFew, f, hn::Not(more), result);
  integrate_where<Real>(kMore, f, hn::AndNot(many, more), result);
  integrate_where<Real>(kMany, f, many, result);
  return result;
}
