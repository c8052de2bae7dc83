#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ntkflow {

/// A formula in named variables, such as "x1*x2" or, with several values, "x1, sin(x2)".
///
/// Beside the operators (+ - * / ^, comparisons, &&, ||, ?:) it knows sin, cos, tan and their
/// inverses, sinh, cosh, tanh and theirs, exp, expm1, ln = log, log1p, log2, log10, erf, erfc,
/// sqrt, abs, sign, rint, min, max, sum, avg, and the constants _pi and _e.
///
/// An object holds the values of its variables and the parser's stack, so it may be used by one
/// thread at a time; different objects are independent.
class Expression {
 public:
  /// Local. Throws ConfigError with the text in quotes and what is wrong with it: a sentence that
  /// reads on from "data.target = ". A single = is refused, since == is what was meant.
  Expression(const std::string& text, const std::vector<std::string>& variable_names);
  ~Expression();
  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;

  [[nodiscard]] const std::string& text() const;
  /// The number of values, one more than there are commas outside of calls.
  [[nodiscard]] int columns() const;
  /// The variables, in the order of their names, to be set before evaluate. Zero at first.
  [[nodiscard]] std::span<double> variables();

  /// Writes the values at variables() to `values` [columns]; where a function is undefined they are
  /// not finite. Local.
  void evaluate(std::span<double> values);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace ntkflow
