/// s(x) = sum_k a_k x^k or sum_k a_k He_k(x), over the root of a divisor: monomial, polynomial and
/// hermite.
class PolynomialBase {
 public:
  static constexpr int kHighest = 16;

  /// The basis by the variance at which its members are orthogonal: x^k at 0, He_k at 1.
  enum class Basis { powers = 0, hermite = 1 };

  /// The square of the function is divided by the divisor.
  PolynomialBase(std::span<const double> coefficients, Basis basis, double divisor)
      : degree_(static_cast<int>(coefficients.size()) - 1),
        center_(static_cast<int>(basis)),
        divisor_(divisor) {
    std::copy(coefficients.begin(), coefficients.end(), coefficients_.begin());
    tabulate();
  }

  /// The member of that degree alone.
  PolynomialBase(int degree, Basis basis, double divisor)
      : degree_(degree), center_(static_cast<int>(basis)), divisor_(divisor) {
    coefficients_[degree] = 1.0;
    tabulate();
  }

  /// With q0 = 0 for powers and 1 for Hermite polynomials: F = sum_l l! A_l(q1) A_l(q2) c^l and
  /// G = dF / dc, where A_l(q) = sum_m a_{l+2m} (l + 2m)! / (l! m! 2^m) (q - q0)^m = E[s^(l)] / l!,
  /// the coefficients of s in the Hermite polynomials that are orthogonal at variance q (Mehler
  /// 1866).
  template <class Value>
  Duals<Value> textbook(const Value& q1, const Value& q2, const Value& c) const {
    Value f = 0;
    Value g = 0;
    Value power = 1;  // l! c^l
    Value slope = 0;  // its derivative
    for (int l = 0; l <= degree_; ++l) {
      Value a1 = 0;
      Value a2 = 0;
      Value power1 = 1;
      Value power2 = 1;
      for (int m = 0; l + 2 * m <= degree_; ++m) {
        const Value term = coefficients_[l + 2 * m] * count<Value>(l, m);
        a1 += term * power1;
        a2 += term * power2;
        power1 *= q1 - center_;
        power2 *= q2 - center_;
      }
      f += power * a1 * a2;
      g += slope * a1 * a2;
      slope = (l + 1) * (l + 1) * power;
      power = (l + 1) * power * c;
    }
    return {f / divisor_, g / divisor_};
  }

  /// The same by Horner's rule. Monomials have terms of one sign, and the tests hold F and F + G c
  /// to 8 eps of themselves; else terms may cancel as those of s do, and the errors are relative to
  /// the sum of their magnitudes: in the examples of the tests 80 eps of |F| + |G c|, held to 128.
  template <class Value>
  Duals<Value> fast(const Value& q1, const Value& q2, const Value& c) const {
    const Value p1 = q1 - Value(center_);
    const Value p2 = q2 - Value(center_);
    Value f(0);
    Value g(0);
    for (int l = degree_; l >= 0; --l) {
      Value a1(0);
      Value a2(0);
      for (int m = (degree_ - l) / 2; m >= 0; --m) {
        a1 = a1 * p1 + Value(terms_[l][m]);
        a2 = a2 * p2 + Value(terms_[l][m]);
      }
      g = g * c + f;
      f = f * c + Value(weights_[l]) * (a1 * a2);
    }
    return {f, g};
  }

  /// By Clenshaw's recurrence for He_{k+1} = x He_k - k He_{k-1}, or x^{k+1} = x x^k, and by its
  /// derivative.
  template <class Value>
  ValueAndSlope<Value> apply(const Value& x) const {
    const double factor = 1.0 / std::sqrt(divisor_);
    Value sum(0);
    Value sum_before(0);
    Value slope(0);
    Value slope_before(0);
    for (int k = degree_; k >= 0; --k) {
      const Value lower(-center_ * (k + 1));
      const Value slope_next = multiply_add(lower, slope_before, multiply_add(x, slope, sum));
      const Value sum_next =
          multiply_add(lower, sum_before, multiply_add(x, sum, Value(coefficients_[k])));
      slope_before = slope;
      slope = slope_next;
      sum_before = sum;
      sum = sum_next;
    }
    return {Value(factor) * sum, Value(factor) * slope};
  }

  /// The same operations; inf where they overflow.
  template <class Value>
  Duals<Value> diagonal(const Value& q) const {
    return fast(q, q, q);
  }

 protected:
  static constexpr double factorial(int n) {
    double result = 1.0;
    for (int k = 2; k <= n; ++k) {
      result *= k;
    }
    return result;
  }

 private:
  void tabulate() {
    for (int l = 0; l <= degree_; ++l) {
      weights_[l] = factorial(l) / divisor_;
      for (int m = 0; l + 2 * m <= degree_; ++m) {
        terms_[l][m] = coefficients_[l + 2 * m] * count<double>(l, m);
      }
    }
  }

  /// (l + 2m)! / (l! m! 2^m), a whole number.
  template <class Value>
  static Value count(int l, int m) {
    Value result = 1;
    for (int k = 1; k <= 2 * m; ++k) {
      result = result * (l + k) / (k % 2 == 0 ? k : 1);
    }
    return result;
  }

  int degree_;
  int center_;
  double divisor_;
  std::array<double, kHighest + 1> coefficients_{};
  std::array<double, kHighest + 1> weights_{};                              // l! / divisor
  std::array<std::array<double, kHighest / 2 + 1>, kHighest + 1> terms_{};  // of A_l by m
};
