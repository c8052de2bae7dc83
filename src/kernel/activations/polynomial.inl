/// s(x) = coefficients[0] + coefficients[1] x + coefficients[2] x^2 + ...
struct Polynomial : PolynomialBase {
  static constexpr std::string_view kName = "polynomial";
  static constexpr std::array<ParameterRule, 1> kParameters{
      {{"coefficients", std::nullopt, -1e6, 1e6, ParameterKind::list}}};
  explicit Polynomial(const ParameterValues& values)
      : PolynomialBase(values[0], Basis::powers, 1.0) {}
};
