#include "ntkflow/linalg/linear_operator.hpp"

#include <algorithm>

namespace ntkflow {

Matrix<double> ShiftedOperator::apply(const Matrix<double>& x) const {
  Matrix<double> product = a_->apply(x);
  if (shift_ != 0.0) {
    std::transform(product.data(), product.data() + product.size(), x.data(), product.data(),
                   [this](double sum, double value) { return sum + shift_ * value; });
  }
  return product;
}

}  // namespace ntkflow
