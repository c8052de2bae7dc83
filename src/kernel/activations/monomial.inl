/// s(x) = x^degree.
struct Monomial : PolynomialBase {
  static constexpr std::string_view kName = "monomial";
  static constexpr std::array<ParameterRule, 1> kParameters{
      {{"degree", std::nullopt, 0.0, 10.0, ParameterKind::integer}}};
  explicit Monomial(const ParameterValues& values)
      : PolynomialBase(static_cast<int>(values[0][0]), Basis::powers, 1.0),
        homogeneity(values[0][0]) {}

  static constexpr bool kIsHomogeneous = true;

  double homogeneity;
};
