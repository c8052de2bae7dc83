#include "ntkflow/base/expression.hpp"

#include <algorithm>
#include <cmath>
#include <regex>

#include <muParser.h>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>

namespace ntkflow {
namespace {

std::string describe(const std::vector<std::string>& names) {
  if (names.empty()) {
    return "there are no variables";
  }
  if (names.size() == 1) {
    return "the variable is " + names.front();
  }
  return "variables are " + names.front() + " to " + names.back();
}

}  // namespace

struct Expression::Parser {
  std::string text;
  std::vector<double> variables;  ///< the parser points into it
  mu::Parser parser;
  int columns = 0;
};

Expression::Expression(const std::string& text, const std::vector<std::string>& variable_names)
    : parser_(std::make_unique<Parser>()) {
  // The parser would take a single = for an assignment to a variable; == is what was meant.
  if (std::regex_search(text, std::regex("(^|[^=<>!])=([^=]|$)"))) {
    throw ConfigError("\"" + text + "\" assigns a value with =; compare with ==");
  }
  parser_->text = text;
  parser_->variables.resize(variable_names.size());
  mu::Parser& parser = parser_->parser;
  try {
    parser.DefineFun("erf", static_cast<double (*)(double)>(std::erf));
    parser.DefineFun("erfc", static_cast<double (*)(double)>(std::erfc));
    parser.DefineFun("expm1", static_cast<double (*)(double)>(std::expm1));
    parser.DefineFun("log1p", static_cast<double (*)(double)>(std::log1p));
    for (std::size_t j = 0; j < variable_names.size(); ++j) {
      parser.DefineVar(variable_names[j], &parser_->variables[j]);
    }
    parser.SetExpr(text);
    parser.Eval(parser_->columns);
  } catch (const mu::Parser::exception_type& error) {
    throw ConfigError("\"" + text + "\" cannot be evaluated: " + error.GetMsg() + " (" +
                      describe(variable_names) + ")");
  }
}

Expression::~Expression() = default;
Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;

const std::string& Expression::text() const {
  return parser_->text;
}

int Expression::columns() const {
  return parser_->columns;
}

std::span<double> Expression::variables() {
  return parser_->variables;
}

void Expression::evaluate(std::span<double> values) {
  NTKFLOW_EXPECTS(static_cast<int>(values.size()) == parser_->columns, values.size(),
                  parser_->columns);
  int columns = 0;
  const double* results = parser_->parser.Eval(columns);
  std::copy_n(results, columns, values.begin());
}

}  // namespace ntkflow
