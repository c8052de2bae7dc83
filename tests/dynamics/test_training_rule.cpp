#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/dynamics/flow.hpp>
#include <ntkflow/dynamics/training_rule.hpp>

#include "support/tolerance.hpp"

namespace ntkflow {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();
/// What the closed form may differ by from the explicit update, relative.
constexpr double kAgreement = 1e-11;

std::vector<TrainingRule> all_rules() {
  std::vector<TrainingRule> rules{{Optimizer::gradient_descent, 1.0, 0.0}};
  for (const double beta : {0.0, 0.5, 0.9, 0.99, 0.999}) {
    rules.push_back({Optimizer::heavy_ball, 1.0, beta});
    rules.push_back({Optimizer::nesterov, 1.0, beta});
  }
  return rules;
}

/// One mode with eigenvalue x of K / N and residual 1, step by step as the rule is defined.
struct ExplicitMode {
  ExplicitMode(const TrainingRule& rule, double x) : rule_(rule), x_(x) {}
  void step() {
    const long double beta = rule_.momentum;
    const long double ahead = a + beta * (a - before_);
    const long double gradient = x_ * (rule_.optimizer == Optimizer::nesterov ? ahead : a) - 1.0L;
    before_ = a;
    a = ahead - rule_.learning_rate * gradient;
  }
  [[nodiscard]] long double left() const { return 1.0L - x_ * a; }

  long double a = 0.0L;

 private:
  TrainingRule rule_;
  long double x_;
  long double before_ = 0.0L;
};

/// Rates from slow to the stable limit, with double roots and their neighbourhood.
std::vector<double> stable_rates(const TrainingRule& rule) {
  const double limit = rule.stable_learning_rate(1.0);
  std::vector<double> rates{1e-18, 1e-12, 1e-8, 1e-4, 0.01, 0.1, 0.5, 0.9, 1.0, 1.1};
  for (const double below : {0.5, 0.1, 1e-2, 1e-4, 1e-6}) {
    rates.push_back(limit * (1.0 - below));
  }
  const double root = 1.0 - std::sqrt(rule.momentum);
  const double twice = rule.optimizer == Optimizer::heavy_ball
                           ? root * root
                           : (1.0 - rule.momentum) * (1.0 - rule.momentum) /
                                 ((1.0 + rule.momentum) * (1.0 + rule.momentum));
  for (const double factor : {1.0, 1.0 - 1e-9, 1.0 + 1e-9, 1.0 - 1e-15, 1.0 + 1e-15}) {
    rates.push_back(twice * factor);
  }
  std::erase_if(rates, [&](double x) { return !(x > 0.0 && x < limit); });
  return rates;
}

TEST(TrainingRuleTest, EqualsTheExplicitUpdate) {
  for (const TrainingRule& rule : all_rules()) {
    for (const double x : stable_rates(rule)) {
      ExplicitMode mode(rule, x);
      std::int64_t done = 0;
      for (const std::int64_t steps : {0, 1, 2, 3, 7, 50, 999, 100000}) {
        for (; done < steps; ++done) {
          mode.step();
        }
        const auto expected = static_cast<double>(mode.a);
        const double value = rule.filter(x, static_cast<double>(steps), 1);
        EXPECT_LE(test::relative_difference(value, expected), kAgreement)
            << optimizer_text(rule.optimizer) << ", momentum " << rule.momentum << ", x = " << x
            << ", " << steps << " steps";
        EXPECT_NEAR(rule.residual(x, static_cast<double>(steps), 1),
                    static_cast<double>(mode.left()), 1e-10);
        if (x == 0.01 && steps > 0 && steps < 100) {
          const double other = rule.filter(x, static_cast<double>(steps + 1), 1);
          EXPECT_GT(test::relative_difference(other, expected), kAgreement);
        }
      }
    }
  }
}

TEST(TrainingRuleTest, ScalesWithRateAndSamples) {
  const TrainingRule unit{Optimizer::nesterov, 1.0, 0.8};
  const TrainingRule rule{Optimizer::nesterov, 0.25, 0.8};
  EXPECT_DOUBLE_EQ(rule.filter(6.0, 9.0, 8), unit.filter(6.0 * 0.25 / 8.0, 9.0, 1) * 0.25 / 8.0);
  EXPECT_EQ(rule.time(6.0), 1.5);
  EXPECT_EQ(TrainingRule{}.time(6.0), 6.0);
}

TEST(TrainingRuleTest, IsEntire) {
  const double eta_per_sample = 0.25 / 8.0;
  for (const double lambda : {0.0, 1e-300, 1e-24, -1e-24}) {
    const TrainingRule descent{Optimizer::gradient_descent, 0.25, 0.0};
    EXPECT_DOUBLE_EQ(descent.filter(lambda, 1e6, 8), 1e6 * eta_per_sample);
    EXPECT_EQ(descent.filter(lambda, 0.0, 8), 0.0);
    for (const Optimizer optimizer : {Optimizer::heavy_ball, Optimizer::nesterov}) {
      // A constant force: s / (1 - beta) less what the start took, beta (1 - beta^s) / (1 -
      // beta)^2.
      const TrainingRule rule{optimizer, 0.25, 0.5};
      EXPECT_DOUBLE_EQ(rule.filter(lambda, 2.0, 8), 2.5 * eta_per_sample);
      EXPECT_DOUBLE_EQ(rule.filter(lambda, 1e6, 8), (2e6 - 2.0) * eta_per_sample);
    }
  }
}

TEST(TrainingRuleTest, WithoutMomentumIsGradientDescent) {
  const TrainingRule descent{Optimizer::gradient_descent, 0.7, 0.0};
  for (const Optimizer optimizer : {Optimizer::heavy_ball, Optimizer::nesterov}) {
    const TrainingRule rule{optimizer, 0.7, 0.0};
    for (const double lambda : {1e-9, 0.3, 1.0 / 0.7, 2.5, 3.0}) {
      for (const double steps : {1.0, 2.0, 77.0, 1e9}) {
        EXPECT_EQ(rule.filter(lambda, steps, 1), descent.filter(lambda, steps, 1));
      }
    }
    EXPECT_EQ(rule.stable_learning_rate(3.0), descent.stable_learning_rate(3.0));
  }
}

TEST(TrainingRuleTest, SmallStepsApproachTheFlowAtFirstOrder) {
  for (const double beta : {0.0, 0.5}) {
    for (const Optimizer optimizer :
         {Optimizer::gradient_descent, Optimizer::heavy_ball, Optimizer::nesterov}) {
      if (optimizer == Optimizer::gradient_descent && beta > 0.0) {
        continue;
      }
      // With momentum time passes 1 / (1 - beta) times as fast.
      const double t = 1.7;
      const double exact = flow_filter(2.0, t, 3);
      const auto error = [&](double steps) {
        const TrainingRule rule{optimizer, t * (1.0 - beta) / steps, beta};
        return std::abs(rule.filter(2.0, steps, 3) - exact);
      };
      EXPECT_NEAR(error(1e4) / error(2e4), 2.0, 1e-2);
      EXPECT_LE(error(1e4), 1e-3 * exact);
    }
  }
}

TEST(TrainingRuleTest, GrowsJustBeyondTheStableRateAndNotBelow) {
  for (const TrainingRule& rule : all_rules()) {
    const double limit = rule.stable_learning_rate(1.0);
    for (const double x : stable_rates(rule)) {
      EXPECT_TRUE(rule.is_stable(x, 1));
      EXPECT_LE(rule.growth(x, 1), 1.0);
    }
    EXPECT_FALSE(rule.is_stable(limit * (1.0 + 1e-9), 1));
    EXPECT_LT(rule.growth(limit * (1.0 - 1e-6), 1), 1.0);
    EXPECT_GT(rule.growth(limit * (1.0 + 1e-6), 1), 1.0);
    EXPECT_EQ(rule.filter(0.5 * limit, kForever, 1), 1.0 / (0.5 * limit));
    EXPECT_NEAR(rule.filter(0.9 * limit, kForever, 1), 1.0 / (0.9 * limit), 1e-15);
    EXPECT_TRUE(std::isinf(rule.filter(1.1 * limit, kForever, 1)));
  }
  EXPECT_EQ(TrainingRule{}.stable_learning_rate(5.0), kForever);
  EXPECT_TRUE(TrainingRule{}.is_stable(1e300, 1));
}

TEST(TrainingRuleTest, DivergesAsTheExplicitUpdateDoes) {
  for (const TrainingRule& rule : all_rules()) {
    for (const double excess : {1e-3, 0.5, 20.0}) {
      const double x = rule.stable_learning_rate(1.0) * (1.0 + excess);
      ExplicitMode mode(rule, x);
      for (int step = 1; step <= 60; ++step) {
        mode.step();
        const auto expected = static_cast<double>(mode.a);
        const double value = rule.filter(x, step, 1);
        if (std::abs(expected) > 1.01e120) {
          EXPECT_TRUE(std::isinf(value) && std::signbit(value) == std::signbit(expected));
        } else if (std::abs(expected) < 0.99e120) {
          EXPECT_LE(std::abs(value - expected), kAgreement * std::max(std::abs(expected), 1.0 / x));
        }
      }
    }
  }
}

TEST(TrainingRuleTest, LeavesAZeroEigenvalueForever) {
  for (const TrainingRule& rule :
       {TrainingRule{}, TrainingRule{Optimizer::gradient_descent, 0.5, 0.0},
        TrainingRule{Optimizer::heavy_ball, 0.5, 0.9}}) {
    EXPECT_EQ(rule.residual(0.0, kForever, 7), 1.0);
    EXPECT_EQ(rule.residual(1.0, kForever, 7), 0.0);
  }
}

TEST(TrainingRuleTest, IsNeverNotANumber) {
  const RandomStream random(4, 1);
  for (std::uint64_t i = 0; i < 20000; ++i) {
    const auto draw = [&](std::uint64_t which) { return random.uniform(i, which); };
    const auto optimizer = static_cast<Optimizer>(1 + random.bits(i, 9) % 3);
    const TrainingRule rule{optimizer, std::pow(10.0, 600.0 * draw(1) - 300.0),
                            optimizer == Optimizer::gradient_descent ? 0.0 : draw(2)};
    const double lambda = std::pow(10.0, 40.0 * draw(3) - 20.0);
    const double steps = std::floor(std::pow(2.0, 53.0 * draw(4)));
    EXPECT_FALSE(std::isnan(rule.filter(lambda, steps, 7))) << i;
    EXPECT_FALSE(std::isnan(rule.filter(lambda, kForever, 7))) << i;
    EXPECT_FALSE(std::isnan(rule.residual(lambda, steps, 7))) << i;
    EXPECT_FALSE(std::isnan(rule.filter(0.0, steps, 7))) << i;
  }
}

TEST(TrainingRuleTest, TransmissionBoundsTheVariationOfTheResidual) {
  const TrainingRule flow;
  EXPECT_DOUBLE_EQ(flow.transmission(2.0, 3.0, 1.0, 4), 1.0 - std::exp(-1.5));
  for (const TrainingRule& rule : all_rules()) {
    const double ahead = rule.optimizer == Optimizer::nesterov ? 1.0 + 2.0 * rule.momentum : 1.0;
    EXPECT_EQ(rule.transmission(0.5, 1.0, 1.0, 1), 0.0);
    std::vector<double> rates = stable_rates(rule);
    const double limit = rule.stable_learning_rate(1.0);
    rates.insert(rates.end(), {limit * (1.0 + 1e-3), limit * 1.2});
    for (const double x : rates) {
      const double growth = std::max(1.0, rule.growth(x, 1));
      ExplicitMode mode(rule, x);
      long double variation = 0.0L;
      long double weight = 1.0L;
      bool is_monotone = true;
      for (int step = 1; step <= 300; ++step) {
        const long double before = mode.left();
        const long double a = mode.a;
        mode.step();
        weight /= growth;
        variation += weight * x * std::abs(mode.a - a);
        is_monotone = is_monotone && mode.left() <= before && mode.left() >= 0.0L;
        const double bound = rule.transmission(x, step + 1, growth, 1) / ahead;
        EXPECT_GE(bound * (1.0 + 1e-9), static_cast<double>(variation))
            << optimizer_text(rule.optimizer) << rule.momentum << ", x = " << x << ", " << step;
        // A quarter of a turn more, beside each half turn; for one half turn alone, up to pi/2 of
        // it and what a geometric series adds.
        EXPECT_LE(bound, 8.0 * static_cast<double>(variation) + 1e-300)
            << optimizer_text(rule.optimizer) << rule.momentum << ", x = " << x << ", " << step;
      }
      if (is_monotone && rule.optimizer == Optimizer::gradient_descent) {
        EXPECT_NEAR(rule.transmission(x, 301, 1.0, 1), static_cast<double>(variation), 1e-12);
      }
    }
  }
}

TEST(StabilityTest, FindsTheFirstStepAtWhichTheLossRises) {
  const std::int64_t n = 5;
  const double ridge = 0.3;
  const TrainedModes modes{n, ridge, {0.0, 0.5, 2.0, 7.0, 10.0}, {1.0, 0.2, 3.0, 2.0, 1e-3}};
  for (const Optimizer optimizer :
       {Optimizer::gradient_descent, Optimizer::heavy_ball, Optimizer::nesterov}) {
    for (const double factor : {0.99, 1.001, 1.01, 1.5}) {
      TrainingRule rule{optimizer, 1.0, optimizer == Optimizer::gradient_descent ? 0.0 : 0.3};
      rule.learning_rate = factor * rule.stable_learning_rate((10.0 + ridge) / n);
      const Stability stability = stability_of(rule, modes);
      EXPECT_DOUBLE_EQ(stability.stable_learning_rate * factor, rule.learning_rate);
      EXPECT_EQ(stability.unstable_modes, factor < 1.0 ? 0 : factor < 1.4 ? 1 : 2);
      std::vector<ExplicitMode> states;
      for (const double lambda : modes.lambda) {
        TrainingRule scaled = rule;
        scaled.learning_rate = rule.learning_rate / n;
        states.emplace_back(scaled, lambda + ridge);
      }
      std::optional<double> rises_at;
      for (int step = 1; step <= 20000 && !rises_at; ++step) {
        long double loss = 0.0L;
        long double start = 0.0L;
        for (std::size_t i = 0; i < states.size(); ++i) {
          states[i].step();
          const long double left = 1.0L - modes.lambda[i] * states[i].a;
          loss += modes.energy[i] * left * left;
          start += modes.energy[i];
        }
        if (loss > start * (1.0L + 1e-12L)) {
          rises_at = step;
        }
      }
      EXPECT_EQ(stability.rises_at, factor < 1.0 ? std::nullopt : rises_at) << factor;
    }
  }
}

TEST(StabilityTest, NeverRisesWhereNothingExcitesTheUnstableMode) {
  const TrainingRule rule{Optimizer::gradient_descent, 3.0, 0.0};
  const Stability stability = stability_of(rule, {1, 0.0, {0.1, 1.0}, {1.0, 0.0}});
  EXPECT_EQ(stability.unstable_modes, 1);
  EXPECT_FALSE(stability.rises_at.has_value());
}

TEST(FinitePointsTest, EndBeforeOverflow) {
  const TrainingRule rule{Optimizer::gradient_descent, 3.0, 0.0};  // p = (-2)^s
  const std::vector<double> points{0.0, 10.0, 300.0, 398.0, 400.0, 1e9};
  EXPECT_EQ(finite_points(rule, points, 1.0, 1), 4U);  // 2^398 < 1e120 < 2^400
  EXPECT_EQ(finite_points(rule, points, 0.6, 1), points.size());
  EXPECT_EQ(finite_points({}, points, 1e9, 1), points.size());
}

TEST(RequireStableTest, NamesRateLimitAndRemedy) {
  DynamicsOptions options;
  options.optimizer = Optimizer::heavy_ball;
  options.momentum = 0.5;
  options.learning_rate = 3.25;
  const TrainingRule rule = training_rule(options, 2.0);
  EXPECT_EQ(rule.learning_rate, 1.625);
  const auto message = [&]() -> std::string {
    try {
      require_stable(options, rule, 2.0);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  };
  for (const char* part : {"dynamics.learning_rate = 3.25/lambda_max", "3/lambda_max",
                           "heavy-ball momentum", "dynamics.unstable = \"run\""}) {
    EXPECT_NE(message().find(part), std::string::npos) << message();
  }
  options.unstable = UnstableRate::run;
  EXPECT_EQ(message(), "");
  options.unstable = UnstableRate::refuse;
  EXPECT_NO_THROW(require_stable(options, rule, 1.8));
  options.time_unit = TimeUnit::absolute;
  EXPECT_EQ(training_rule(options, 2.0).learning_rate, 3.25);
}

}  // namespace
}  // namespace ntkflow
