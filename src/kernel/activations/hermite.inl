/// s(x) = He_n(x) / sqrt(n!), He_n the probabilists' Hermite polynomial of the degree n:
/// orthonormal for a standard normal x.
struct Hermite : PolynomialBase {
  static constexpr std::string_view kName = "hermite";
  static constexpr std::array<ParameterRule, 1> kParameters = Monomial::kParameters;
  explicit Hermite(const ParameterValues& values)
      : PolynomialBase(static_cast<int>(values[0][0]), Basis::hermite,
                       factorial(static_cast<int>(values[0][0]))) {}
};
