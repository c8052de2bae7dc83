#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <numbers>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>

#include "hermite.hpp"
#include "multiprecision.hpp"
#include "numerical_activation.hpp"
#include "support/tolerance.hpp"

namespace ntkflow {
namespace {

using ActivationPointer = std::shared_ptr<const NumericalActivation>;

/// 1e-12: what the kernels promise for numerical activations.
const double kPromised = test::ulp_bound<double>(4500.0, 1.0);
/// 1e-13: what duals() promises of the largest possible value.
const double kDuals = test::ulp_bound<double>(450.0, 1.0);

ActivationPointer from_text(const std::string& text) {
  return NumericalActivation::from_expression(text, std::nullopt);
}

/// A name, with a parameter after a colon, or an expression with semicolons for commas.
ActivationPointer make(std::string text) {
  const std::string name = text.substr(0, text.find(':'));
  const auto entries = numerical_entries();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].name == name) {
      std::vector<std::vector<double>> values;
      for (const ParameterRule& rule : entries[i].rules) {
        const bool is_given = text.size() > name.size();
        values.push_back({is_given ? std::stod(text.substr(name.size() + 1)) : *rule.fallback});
      }
      return NumericalActivation::named(static_cast<int>(i), values);
    }
  }
  std::replace(text.begin(), text.end(), ';', ',');
  return from_text(text);
}

/// The largest |F| and |G| that the variances allow.
Duals<double> scale_of(const NumericalActivation& activation, double q1, double q2) {
  const auto a = activation.diagonal(q1);
  const auto b = activation.diagonal(q2);
  return {std::sqrt(a.f * b.f), std::sqrt(a.g * b.g)};
}

double error_of(double value, const test::Digits50& exact, double scale) {
  return static_cast<double>(abs(value - exact)) / scale;
}

TEST(NumericalDualsTest, AgreeWithTheHighPrecisionTable) {
  const auto table = test::read_dual_table(NTKFLOW_NUMERICAL_TABLE);
  std::map<std::string, ActivationPointer> activations;

  ASSERT_EQ(table.size(), 323U);
  for (const auto& row : table) {
    SCOPED_TRACE(row.activation.name + " " + std::to_string(row.q1) + " " + std::to_string(row.q2) +
                 " " + std::to_string(row.correlation()));
    ActivationPointer& activation = activations[row.activation.name];
    if (!activation) {
      activation = make(row.activation.name);
    }
    const auto [f, g] = activation->duals(row.q1, row.q2, row.c);
    const Duals<double> scale = scale_of(*activation, row.q1, row.q2);
    EXPECT_LE(error_of(f, row.f, scale.f), kDuals);
    EXPECT_LE(error_of(g, row.g, scale.g), kDuals);
    EXPECT_GT(error_of(f + 2.0 * kDuals * scale.f, row.f, scale.f), kDuals);
    if (std::abs(f) > 0.1 * scale.f && std::abs(g) > 0.1 * scale.g) {
      EXPECT_LE(test::relative_error(f, row.f), kPromised);
      EXPECT_LE(test::relative_error(g, row.g), kPromised);
    }
    const auto swapped = activation->duals(row.q2, row.q1, row.c);
    EXPECT_EQ(swapped.f, f);
    EXPECT_EQ(swapped.g, g);
  }
}

// The oracle of other tests: the trapezoid rule in long double, whose step is one that halving
// leaves alone.
TEST(ExactDualsTest, AgreeWithTheTableAndWithHalfTheStep) {
  for (const auto& row : test::read_dual_table(NTKFLOW_NUMERICAL_TABLE)) {
    const double largest = std::max(row.q1, row.q2);
    test::visit_smooth_numerical(row.activation, [&](const auto& s) {
      // Poles come as close as 1.6, so that the error is exp(-79 / sqrt(q)).
      if (largest > 4.0) {
        return;
      }
      const auto whole = test::trapezoid_duals(s, row.q1, row.q2, row.c);
      const double bound = test::ulp_bound<double>(1.0, 1.0) * largest;
      EXPECT_NEAR(static_cast<double>(whole.f), static_cast<double>(row.f), bound)
          << row.activation.name;
      EXPECT_NEAR(static_cast<double>(whole.g), static_cast<double>(row.g), bound)
          << row.activation.name;
      if (row.q1 == 1.0 && row.q2 == 1.0) {
        const auto half = test::trapezoid_duals(s, row.q1, row.q2, row.c, 0.0625L);
        const auto coarse = test::trapezoid_duals(s, row.q1, row.q2, row.c, 1.0L);
        EXPECT_NEAR(static_cast<double>(whole.f), static_cast<double>(half.f), bound);
        EXPECT_GT(std::abs(static_cast<double>(whole.g - coarse.g)), bound);
      }
    });
  }
}

TEST(NumericalDualsTest, DiagonalIsTheDualAtCorrelationOne) {
  for (const char* name : {"tanh", "sigmoid", "softplus", "silu", "mish", "swish:2", "max(x; 0)",
                           "x > 0 ? x : exp(x) - 1"}) {
    const ActivationPointer activation = make(name);
    for (const double q : {0.0, 1e-6, 0.04, 1.0, 6.0, 100.0}) {
      SCOPED_TRACE(std::string(name) + " " + std::to_string(q));
      const auto diagonal = activation->diagonal(q);
      const auto duals = activation->duals(q, q, q);
      EXPECT_LE(test::relative_difference(diagonal.f, duals.f), kDuals);
      EXPECT_LE(test::relative_difference(diagonal.g, duals.g), kDuals);
      EXPECT_LE(activation->error_bound(q), q < 0.01 ? 10.0 * kPromised : kDuals);
      EXPECT_GT(activation->error_bound(q), 0.0);
    }
  }
}

// Closed forms, by variances and covariance.
using Formula = std::function<double(double q1, double q2, double c)>;
struct ClosedForm {
  const char* text;
  Formula f;
  Formula g;
};

double angle(double q1, double q2, double c) {
  return std::atan2(std::sqrt(std::max(q1 * q2 - c * c, 0.0)), c);
}

/// F of a min(x, 0) + b max(x, 0).
double abrelu_f(double a, double b, double q1, double q2, double c) {
  const double k = (a - b) * (a - b) / (2.0 * std::numbers::pi);
  return k * (std::sqrt(std::max(q1 * q2 - c * c, 0.0)) - angle(q1, q2, c) * c) +
         0.5 * (a * a + b * b) * c;
}
double abrelu_g(double a, double b, double q1, double q2, double c) {
  return 0.5 * (a * a + b * b) - (a - b) * (a - b) / (2.0 * std::numbers::pi) * angle(q1, q2, c);
}

std::vector<ClosedForm> closed_forms() {
  const auto abrelu = [](const char* text, double a, double b) {
    return ClosedForm{text,
                      [a, b](double q1, double q2, double c) { return abrelu_f(a, b, q1, q2, c); },
                      [a, b](double q1, double q2, double c) { return abrelu_g(a, b, q1, q2, c); }};
  };
  return {
      abrelu("max(x, 0)", 0.0, 1.0),
      abrelu("x > 0 ? x : 0.1*x", 0.1, 1.0),
      abrelu("abs(x)", -1.0, 1.0),
      {"sin(x)",
       [](double q1, double q2, double c) { return std::exp(-0.5 * (q1 + q2)) * std::sinh(c); },
       [](double q1, double q2, double c) { return std::exp(-0.5 * (q1 + q2)) * std::cosh(c); }},
      {"exp(x)", [](double q1, double q2, double c) { return std::exp(0.5 * (q1 + q2) + c); },
       [](double q1, double q2, double c) { return std::exp(0.5 * (q1 + q2) + c); }},
      {"x*x*x", [](double q1, double q2, double c) { return 9.0 * q1 * q2 * c + 6.0 * c * c * c; },
       [](double q1, double q2, double c) { return 9.0 * q1 * q2 + 18.0 * c * c; }},
      {"erf(x)",
       [](double q1, double q2, double c) {
         return 2.0 / std::numbers::pi *
                std::asin(2.0 * c / std::sqrt((1.0 + 2.0 * q1) * (1.0 + 2.0 * q2)));
       },
       [](double q1, double q2, double c) {
         return 4.0 / std::numbers::pi /
                std::sqrt((1.0 + 2.0 * q1) * (1.0 + 2.0 * q2) - 4.0 * c * c);
       }},
  };
}

TEST(NumericalDualsTest, ExpressionsAgreeWithClosedForms) {
  for (const ClosedForm& closed : closed_forms()) {
    const ActivationPointer activation = from_text(closed.text);
    for (const auto& [q1, q2] : {std::pair{1.0, 1.0}, {0.5, 2.0}, {0.04, 3.0}, {4.0, 4.0}}) {
      for (const double rho : {0.0, 0.3, -0.3, 0.75, -0.97, 0.999, 0.9999999, 1.0, -1.0}) {
        SCOPED_TRACE(std::string(closed.text) + " " + std::to_string(q1) + " " +
                     std::to_string(rho));
        const double c = rho * std::sqrt(q1) * std::sqrt(q2);
        const auto duals = activation->duals(q1, q2, c);
        const Duals<double> scale = scale_of(*activation, q1, q2);
        // The formulas lose digits of the angle themselves where the correlation is nearly 1.
        const double bound = kDuals / std::sqrt(std::max(1.0 - rho * rho, 1e-8));
        EXPECT_NEAR(duals.f, closed.f(q1, q2, c), std::abs(rho) == 1.0 ? 1e-7 : bound * scale.f);
        EXPECT_NEAR(duals.g, closed.g(q1, q2, c), std::abs(rho) == 1.0 ? 1e-7 : bound * scale.g);
      }
    }
  }
}

TEST(NumericalDualsTest, DerivativeIsThatOfTheDual) {  // Price (1958)
  for (const char* text : {"tanh", "mish", "abs(x-1)", "x > 0 ? x : exp(x) - 1", "sin(3*x)"}) {
    const ActivationPointer activation = make(text);
    const double q1 = 1.3;
    const double q2 = 0.8;
    const Duals<double> scale = scale_of(*activation, q1, q2);
    for (const double c : {-0.9, 0.0, 0.5, 0.95}) {
      const double step = 1e-3;
      const auto f = [&](double at) { return activation->duals(q1, q2, at).f; };
      // Central differences of order 8.
      const double slope = (4.0 / 5.0 * (f(c + step) - f(c - step)) -
                            1.0 / 5.0 * (f(c + 2 * step) - f(c - 2 * step)) +
                            4.0 / 105.0 * (f(c + 3 * step) - f(c - 3 * step)) -
                            1.0 / 280.0 * (f(c + 4 * step) - f(c - 4 * step))) /
                           step;
      const double g = activation->duals(q1, q2, c).g;
      EXPECT_NEAR(g, slope, kPromised / step * scale.g) << text << " " << c;
    }
  }
}

TEST(NumericalDualsTest, ZeroVarianceIsTheValueAtZero) {
  const ActivationPointer sigmoid = make("sigmoid");
  const auto duals = sigmoid->duals(0.0, 2.0, 0.0);
  EXPECT_NEAR(duals.f, 0.25, kDuals);  // 1/2 times the mean, 1/2
  EXPECT_EQ(sigmoid->duals(0.0, 0.0, 0.0).f, 0.25);
  EXPECT_EQ(sigmoid->duals(0.0, 0.0, 0.0).g, 0.0625);

  const ActivationPointer relu = make("max(x; 0)");
  EXPECT_NEAR(relu->diagonal(0.0).f, 0.0, kDuals * kDuals);
  EXPECT_NEAR(relu->diagonal(0.0).g, 0.5, kDuals);
  EXPECT_NEAR(relu->duals(0.0, 2.0, 0.0).g, 0.25, kDuals);
}

TEST(NumericalDualsTest, MayBeCalledFromSeveralThreads) {
  const ActivationPointer activation = from_text("x*tanh(log(1+exp(x)))");
  const auto alone = activation->duals(1.0, 0.5, 0.3);
  std::array<Duals<double>, 4> together{};
  std::vector<std::thread> threads;
  for (auto& duals : together) {
    threads.emplace_back([&] { duals = activation->duals(1.0, 0.5, 0.3); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const auto& duals : together) {
    EXPECT_EQ(duals.f, alone.f);
    EXPECT_EQ(duals.g, alone.g);
  }
}

TEST(NumericalDualsTest, AreNotFiniteWhereTheSecondMomentDiverges) {
  // E exp(0.4 q z^2) = (1 - 0.8 q)^(-1/2) exists for q < 1.25.
  const ActivationPointer activation = from_text("exp(0.2*x*x)");

  for (const double q : {0.1, 0.5, 1.0}) {
    const auto [f, g] = activation->diagonal(q);
    EXPECT_LE(test::relative_difference(f, 1.0 / std::sqrt(1.0 - 0.8 * q)), kPromised);
    EXPECT_LE(test::relative_difference(g, 0.16 * q / std::pow(1.0 - 0.8 * q, 1.5)), kPromised);
  }
  for (const double q : {1.25, 1.3, 3.0, 100.0}) {
    EXPECT_FALSE(std::isfinite(activation->diagonal(q).f)) << q;
    EXPECT_FALSE(std::isfinite(activation->duals(q, 1.0, 0.5).f)) << q;
    EXPECT_FALSE(std::isfinite(activation->error_bound(q))) << q;
  }
  EXPECT_FALSE(std::isfinite(from_text("exp(x)")->diagonal(1e6).f));
  EXPECT_TRUE(std::isfinite(from_text("exp(x)")->diagonal(50.0).f));
}

TEST(NamedActivationTest, NeitherCancelsNorOverflows) {
  using std::numbers::e;
  const double tiny = std::exp(-40.0);
  EXPECT_DOUBLE_EQ(make("tanh")->derivative(20.0), 4.0 * tiny);
  EXPECT_DOUBLE_EQ(make("sigmoid")->value(-40.0), tiny);
  EXPECT_DOUBLE_EQ(make("sigmoid")->derivative(40.0), tiny);
  EXPECT_DOUBLE_EQ(make("softplus")->value(-40.0), tiny);
  EXPECT_DOUBLE_EQ(make("silu")->value(-40.0), -40.0 * tiny);
  EXPECT_DOUBLE_EQ(make("mish")->value(-40.0), -40.0 * tiny);
  EXPECT_DOUBLE_EQ(make("swish:2")->value(-20.0), -20.0 * tiny);
  for (const char* name : {"tanh", "sigmoid", "softplus", "silu", "mish", "swish:2"}) {
    const ActivationPointer activation = make(name);
    EXPECT_TRUE(activation->kinks().empty());
    for (const double x : {-1e6, -800.0, 800.0, 1e6}) {
      EXPECT_TRUE(std::isfinite(activation->value(x))) << name << x;
      EXPECT_TRUE(std::isfinite(activation->derivative(x))) << name << x;
    }
    for (const double x : {-5.0, -1.0, -0.1, 0.0, 0.1, 1.0, 5.0}) {
      const double step = 1e-5;
      const double slope =
          (activation->value(x + step) - activation->value(x - step)) / (2.0 * step);
      EXPECT_NEAR(activation->derivative(x), slope, kPromised / step) << name << x;
    }
  }
}

TEST(NamedActivationTest, AgreesWithItsExpression) {
  const std::map<std::string, std::string> pairs{
      {"tanh", "tanh(x)"},       {"sigmoid", "1/(1+exp(-x))"},      {"softplus", "log(1+exp(x))"},
      {"silu", "x/(1+exp(-x))"}, {"mish", "x*tanh(log(1+exp(x)))"}, {"swish:2", "x/(1+exp(-2*x))"}};
  for (const auto& [name, text] : pairs) {
    const ActivationPointer named = make(name);
    const ActivationPointer expression = from_text(text);
    EXPECT_TRUE(expression->kinks().empty()) << text;
    for (const double q : {0.1, 1.0, 10.0, 1000.0}) {
      const auto a = named->diagonal(q);
      const auto b = expression->diagonal(q);
      EXPECT_LE(test::relative_difference(a.f, b.f), kDuals) << text << q;
      EXPECT_LE(test::relative_difference(a.g, b.g), kDuals) << text << q;
      EXPECT_LE(expression->error_bound(q), kPromised) << text << q;
    }
  }
}

/// The message of the error that an expression with these kinks makes, or empty.
std::string error_of(const std::string& text, const std::optional<std::vector<double>>& kinks) {
  try {
    NumericalActivation::from_expression(text, kinks);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return {};
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(ExpressionActivationTest, FindsItsKinks) {
  const std::map<std::string, std::vector<double>> kinks{
      {"max(x, 0)", {0.0}},
      {"abs(x-1)", {1.0}},
      {"min(max(x, 0), 6)", {0.0, 6.0}},
      {"x*max(0, min(1, (x+3)/6))", {-3.0, 3.0}},
      {"max(x, 0) + max(x-0.001, 0)", {0.0, 0.001}},
      {"max(x, 100)", {100.0}},
      {"max(x-sqrt(2), 0)", {std::numbers::sqrt2}},
      {"max(x-1/3, 0)^2", {1.0 / 3.0}},   // a jump of the second derivative
      {"x > 0 ? x : exp(x) - 1", {0.0}},  // likewise
      {"x < 0 ? sin(x) : x", {0.0}},      // of the third
      {"x/(1+abs(x))", {0.0}},
      {"tanh(x)", {}},
      {"tanh(100*x)", {}},
      {"x*exp(x)/(1+exp(x))", {}},
      {"(exp(x)-1)/x", {}},
      {"x^5", {}},
  };
  for (const auto& [text, exact] : kinks) {
    const ActivationPointer activation = from_text(text);
    ASSERT_EQ(activation->kinks().size(), exact.size()) << text;
    for (std::size_t i = 0; i < exact.size(); ++i) {
      EXPECT_NEAR(activation->kinks()[i], exact[i], 1e-8) << text;
    }
    EXPECT_FALSE(activation->has_jump()) << text;
    EXPECT_LE(activation->error_bound(1.0), kPromised) << text;
  }
  // Short decimals are meant exactly, first-order kinks located to rounding.
  EXPECT_EQ(from_text("min(max(x, 0), 6)")->kinks(), (std::vector<double>{0.0, 6.0}));
  EXPECT_NEAR(from_text("max(x-sqrt(2), 0)")->kinks()[0], std::numbers::sqrt2, kDuals);
}

TEST(ExpressionActivationTest, TellsJumps) {
  for (const char* text : {"x > 0 ? 1 : 0", "sign(x)", "x > sqrt(2) ? 1 : -1"}) {
    const ActivationPointer activation = from_text(text);
    EXPECT_TRUE(activation->has_jump()) << text;
    EXPECT_EQ(activation->kinks().size(), 1U) << text;
  }
  const double pi = std::numbers::pi;
  const double theta = std::acos(0.4);
  EXPECT_NEAR(from_text("x > 0 ? 1 : 0")->duals(1.0, 1.0, 0.4).f, (pi - theta) / (2.0 * pi),
              kDuals);
  EXPECT_NEAR(from_text("sign(x)")->duals(1.0, 1.0, 0.4).f, 1.0 - 2.0 * theta / pi, kDuals);
}

TEST(ExpressionActivationTest, TakesDeclaredKinks) {
  EXPECT_EQ(error_of("max(x, 0)", {{0.0}}), "");
  EXPECT_EQ(error_of("min(max(x, 0), 6)", {{6.0, 0.0}}), "");
  EXPECT_EQ(error_of("x > 0 ? x : exp(x) - 1", {{0.0}}), "");
  EXPECT_EQ(error_of("max(x, 100)", {{100.0}}), "");
  EXPECT_EQ(error_of("tanh(x)", std::vector<double>{}), "");
}

TEST(ExpressionActivationTest, RefusesWrongKinks) {
  EXPECT_EQ(error_of("tanh(x)", {{0.5}}), "\"tanh(x)\" has no kink at 0.5: it is smooth there");
  EXPECT_TRUE(mentions(error_of("max(x, 0)", {{0.0, 1.0}}), "has no kink at 1"));
  EXPECT_TRUE(
      mentions(error_of("min(max(x, 0), 6)", {{0.0}}), "has a kink at 6 that is not among"));
  EXPECT_TRUE(mentions(error_of("max(x, 0)", std::vector<double>{}), "has a kink at 0"));
  EXPECT_TRUE(mentions(error_of("max(x, 0)", {{0.0, 0.0}}), "given twice"));
  EXPECT_TRUE(mentions(error_of("max(x, 0)", {{std::nan("")}}), "not finite"));
  EXPECT_TRUE(mentions(error_of("max(x, 0)", {{1e9}}), "cannot be checked for a kink at"));
}

TEST(ExpressionActivationTest, RefusesWhatIsNoActivation) {
  EXPECT_TRUE(mentions(error_of("x +", {}), "cannot be evaluated"));
  EXPECT_TRUE(mentions(error_of("y", {}), "the variable is x"));
  EXPECT_TRUE(mentions(error_of("x = 1", {}), "compare with =="));
  EXPECT_TRUE(mentions(error_of("x, 2", {}), "has 2 values"));
  EXPECT_TRUE(mentions(error_of("log(x)", {}), "\"log(x)\" is undefined at x = -"));
  EXPECT_TRUE(mentions(error_of("exp(exp(x))", {}), "is infinite at x = "));
  EXPECT_TRUE(mentions(error_of("1/x", {}), "is singular at x = 0"));
  EXPECT_TRUE(mentions(error_of("sqrt(abs(x))", {}), "is singular at x = 0"));
  EXPECT_TRUE(mentions(error_of("rint(x)", {}), "has more than 256 kinks"));
  EXPECT_TRUE(mentions(error_of("log1p(expm1(x))", {}), "too rough, noisy or fast"));
}

TEST(NumericalDualsTest, OfSteepActivationsAreThoseOfTheirLimit) {
  // tanh(a x) nears sign(x), whose dual is (2 / pi) arcsin(rho).
  const double limit = 2.0 / std::numbers::pi * std::asin(0.9);
  double before = 1.0;
  for (const char* text : {"tanh(10*x)", "tanh(100*x)", "tanh(1000*x)"}) {
    const double distance = std::abs(from_text(text)->duals(1.0, 1.0, 0.9).f - limit);
    EXPECT_LT(distance, 0.03 * before) << text;
    before = distance;
  }
}

TEST(HermiteCoefficientsTest, OfAPolynomialAreExact) {
  const ActivationPointer cube = from_text("x*x*x");
  const double q = 1.7;
  std::array<double, 6> a{};

  hermite_coefficients(*cube, q, a);

  // z^3 = sqrt(6) h_3 + 3 h_1.
  const double scale = std::pow(q, 1.5);
  const std::array<double, 6> exact{0.0, 3.0 * scale, 0.0, std::sqrt(6.0) * scale, 0.0, 0.0};
  for (std::size_t k = 0; k < a.size(); ++k) {
    EXPECT_NEAR(a[k], exact[k], kDuals * scale) << k;
  }
  EXPECT_EQ(hermite_terms(*cube, q, 1e-13, 100), 4);
  EXPECT_EQ(hermite_terms(*cube, q, 1e-13, 3), 0);
}

TEST(HermiteCoefficientsTest, SumToTheDuals) {
  for (const char* name : {"tanh", "softplus", "mish", "sin(x)"}) {
    const ActivationPointer activation = make(name);
    for (const auto& [q1, q2] : {std::pair{1.0, 1.0}, {0.3, 2.0}, {6.0, 4.0}}) {
      const int terms = std::max(hermite_terms(*activation, q1, 1e-14, 4096),
                                 hermite_terms(*activation, q2, 1e-14, 4096));
      ASSERT_GT(terms, 0) << name;
      std::vector<double> a(static_cast<std::size_t>(terms));
      std::vector<double> b(a.size());
      hermite_coefficients(*activation, q1, a);
      hermite_coefficients(*activation, q2, b);
      const Duals<double> scale = scale_of(*activation, q1, q2);
      for (const double rho : {-1.0, -0.5, 0.0, 0.9, 0.9999, 1.0}) {
        double f = 0.0;
        double g = 0.0;
        for (int k = terms; k-- > 0;) {
          f = f * rho + a[k] * b[k];
          g = k == 0 ? g : g * rho + k * a[k] * b[k];
        }
        g /= std::sqrt(q1 * q2);
        const auto duals = activation->duals(q1, q2, rho * std::sqrt(q1) * std::sqrt(q2));
        EXPECT_NEAR(f, duals.f, kDuals * scale.f) << name << q1 << rho;
        EXPECT_NEAR(g, duals.g, kPromised * scale.g) << name << q1 << rho;
      }
    }
  }
}

TEST(HermiteTermsTest, ShrinkWithTheToleranceAndAreZeroBeyondTheMost) {
  const ActivationPointer tanh = make("tanh");
  const int fine = hermite_terms(*tanh, 1.0, 1e-14, 4096);
  const int coarse = hermite_terms(*tanh, 1.0, 1e-6, 4096);

  EXPECT_GT(fine, coarse);
  EXPECT_GT(coarse, 4);
  EXPECT_EQ(hermite_terms(*tanh, 1.0, 1e-14, fine - 1), 0);
  EXPECT_EQ(hermite_terms(*tanh, 1.0, 1e-14, fine), fine);
  EXPECT_EQ(hermite_terms(*from_text("max(x, 0)"), 1.0, 1e-13, 512), 0);
}

}  // namespace
}  // namespace ntkflow
