#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include <ntkflow/kernel/architecture.hpp>

#include "activation.hpp"
#include "example_activations.hpp"

namespace ntkflow {
namespace {

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(CheckActivationTest, NamesEveryActivationAndEachHasAnExample) {
  const auto examples = test::example_activations();
  for (const std::string& name : activation_names()) {
    EXPECT_TRUE(std::any_of(examples.begin(), examples.end(), [&](const auto& example) {
      return example.spec.name == name;
    })) << name;
    EXPECT_TRUE(mentions(check_activation({"rleu", {}}), name));
  }
  for (const auto& example : examples) {
    EXPECT_EQ(check_activation(example.spec), "") << example.label();
  }
  EXPECT_TRUE(mentions(check_activation({"rleu", {}}), "unknown activation 'rleu'"));
}

TEST(CheckActivationTest, RejectsParametersOfAnActivationWithout) {
  const std::string problem = check_activation({"relu", {{"slope", {0.1}}}});

  EXPECT_TRUE(mentions(problem, "'relu' has no parameter 'slope'")) << problem;
}

constexpr std::array<ParameterRule, 2> kRules{{{"a", 0.5, -1.0, 1.0}, {"b", 2.0, 0.0, 10.0}}};

TEST(CheckParametersTest, NamesTheParameterAndItsRange) {
  EXPECT_EQ(check_parameters({"x", {{"b", {10.0}}, {"a", {-1.0}}}}, kRules), "");
  EXPECT_TRUE(mentions(check_parameters({"x", {{"c", {1.0}}}}, kRules), "it has a, b"));
  EXPECT_TRUE(mentions(check_parameters({"x", {{"a", {1.5}}}}, kRules), "between -1 and 1"));
  EXPECT_TRUE(mentions(check_parameters({"x", {{"a", {std::nan("")}}}}, kRules), "'a'"));
  EXPECT_TRUE(mentions(check_parameters({"x", {{"a", {0.0}}, {"a", {0.0}}}}, kRules), "twice"));
}

TEST(CheckParametersTest, KnowsNumbersWholeNumbersAndLists) {
  constexpr std::array<ParameterRule, 2> kKinds{
      {{"degree", 1.0, 0.0, 9.0, ParameterKind::integer},
       {"coefficients", std::nullopt, -1.0, 1.0, ParameterKind::list}}};

  EXPECT_EQ(check_parameters({"x", {{"coefficients", {1.0, 0.5}}}}, kKinds), "");
  EXPECT_TRUE(mentions(check_parameters({"x", {}}, kKinds), "needs the parameter 'coefficients'"));
  EXPECT_TRUE(mentions(check_parameters({"x", {{"coefficients", {}}}}, kKinds), "an empty list"));
  EXPECT_TRUE(mentions(check_parameters({"x", {{"coefficients", {0.5, 2.0}}}}, kKinds), "found 2"));
  EXPECT_TRUE(mentions(check_parameters({"x", {{"degree", {1.5}}}}, kKinds), "a whole number"));
  EXPECT_TRUE(mentions(check_parameters({"x", {{"degree", {1.0, 2.0}}}}, kKinds), "a list of 2"));
}

TEST(ResolveParametersTest, KeepsTheOrderOfTheRulesAndFillsInDefaults) {
  EXPECT_EQ(resolve_parameters({"x", {{"b", {3.0}}}}, kRules), (ParameterValues{{0.5}, {3.0}}));
  EXPECT_EQ(resolve_parameters({"x", {{"b", {3.0}}, {"a", {1.0}}}}, kRules),
            (ParameterValues{{1.0}, {3.0}}));
}

TEST(CheckArchitectureTest, NamesTheFieldAtFault) {
  const double infinity = std::numeric_limits<double>::infinity();
  const auto problem_of = [](auto change) {
    Architecture architecture;
    change(architecture);
    return check_architecture(architecture);
  };

  EXPECT_EQ(problem_of([](Architecture&) {}), "");
  EXPECT_EQ(problem_of([](Architecture& a) { a.depth = 1; }), "");
  EXPECT_TRUE(mentions(problem_of([](Architecture& a) { a.depth = 0; }), "kernel.depth"));
  for (const double bad : {0.0, -1.0, infinity, std::nan("")}) {
    EXPECT_TRUE(mentions(problem_of([&](Architecture& a) { a.weight_variance = bad; }),
                         "kernel.weight_variance"));
  }
  for (const double bad : {-1e-9, infinity, std::nan("")}) {
    EXPECT_TRUE(mentions(problem_of([&](Architecture& a) { a.bias_variance = bad; }),
                         "kernel.bias_variance"));
  }
  EXPECT_TRUE(mentions(problem_of([](Architecture& a) { a.activation.name = "rleu"; }),
                       "kernel.activation: unknown"));
}

TEST(CheckKernelTest, RefusesAnNtkThatDoesNotExist) {
  Architecture architecture;
  EXPECT_EQ(check_kernel(architecture, KernelType::ntk), "");
  architecture.activation = {"sign", {}};
  EXPECT_EQ(check_kernel(architecture, KernelType::nngp), "");
  EXPECT_TRUE(mentions(check_kernel(architecture, KernelType::ntk), "kernel.activation: "));
  architecture.depth = 0;
  EXPECT_TRUE(mentions(check_kernel(architecture, KernelType::nngp), "kernel.depth"));
}

TEST(ActivationParametersTest, SayWhatCheckActivationAccepts) {
  for (const std::string& name : activation_names()) {
    const bool is_expression = name == "expression";  // its kinks may be absent without a default
    ActivationSpec given{name, {}, is_expression ? "abs(x-1)" : ""};
    for (const ActivationParameter& parameter : activation_parameters(name)) {
      EXPECT_EQ(parameter.is_required, !parameter.fallback.has_value() && !is_expression);
      EXPECT_TRUE(mentions(parameter.allowed, parameter.is_list ? "a list of" : "number"));
      given.parameters.push_back({parameter.name, {parameter.fallback.value_or(1.0)}});
      EXPECT_TRUE(is_possible(name, given.parameters.back())) << name << " " << parameter.name;
      EXPECT_FALSE(is_possible(name, {parameter.name, {std::nan("")}}));
      EXPECT_EQ(is_list(name, given.parameters.back()), parameter.is_list);
    }
    EXPECT_EQ(check_activation(given), "") << name;
  }
  EXPECT_TRUE(activation_parameters("rleu").empty());
  EXPECT_FALSE(is_possible("relu", {"slope", {0.1}}));
  EXPECT_TRUE(is_list("relu", {"slope", {0.1, 0.2}}));
  EXPECT_EQ(activation_parameters("leaky_relu").at(0).fallback, 0.01);
}

TEST(SecondMomentTest, KnowsTheClosedForms) {
  EXPECT_EQ(second_moment({"identity", {}}), 1.0);
  EXPECT_EQ(second_moment({"relu", {}}), 0.5);
  EXPECT_DOUBLE_EQ(second_moment({"erf", {}}), 2.0 / M_PI * std::asin(2.0 / 3.0));
}

TEST(WithPresetTest, SetsVariancesAndFirstLayer) {
  Architecture given;
  given.depth = 5;

  const Architecture jacot = with_preset(given, Preset::jacot);
  const Architecture arora = with_preset(given, Preset::arora);

  EXPECT_EQ(jacot.weight_variance, 1.0);
  EXPECT_EQ(jacot.bias_variance, 0.01);
  EXPECT_EQ(jacot.first_layer, FirstLayer::normalised);
  EXPECT_EQ(arora.weight_variance, 2.0);
  EXPECT_EQ(arora.bias_variance, 0.0);
  EXPECT_EQ(arora.first_layer, FirstLayer::plain);
  EXPECT_EQ(arora.depth, 5);
}

}  // namespace
}  // namespace ntkflow
