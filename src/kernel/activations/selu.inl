/// elu with the scale and alpha that keep mean 0 and variance 1. Klambauer et al. (2017).
struct Selu : ExponentialLinear, Parameterless {
  static constexpr std::string_view kName = "selu";
  explicit Selu(const ParameterValues& values)
      : ExponentialLinear{1.0507009873554805, 1.6732632423543772}, Parameterless(values) {}
};
