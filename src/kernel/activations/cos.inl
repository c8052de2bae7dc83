/// s(x) = cos(frequency x + phase).
struct Cos : Wave {
  static constexpr std::string_view kName = "cos";
  static constexpr std::array<ParameterRule, 2> kParameters = Sin::kParameters;
  explicit Cos(const ParameterValues& values) : Cos(values[0][0], values[1][0]) {}

 private:
  Cos(double frequency, double phase)
      : Wave(frequency, -std::cos(2.0 * phase),
             std::cos(2.0 * phase) > 0.0 ? std::sin(phase) : std::cos(phase)) {}
};
