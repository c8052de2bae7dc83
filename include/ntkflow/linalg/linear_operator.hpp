#pragma once

#include <cstdint>

#include <ntkflow/base/matrix.hpp>

namespace ntkflow {

/// A symmetric matrix [n x n] known by its products alone.
class LinearOperator {
 public:
  LinearOperator() = default;
  LinearOperator(const LinearOperator&) = default;
  LinearOperator& operator=(const LinearOperator&) = default;
  LinearOperator(LinearOperator&&) = default;
  LinearOperator& operator=(LinearOperator&&) = default;
  virtual ~LinearOperator() = default;

  [[nodiscard]] virtual std::int64_t size() const = 0;
  /// A X for X [n x k], given and returned whole on every rank. Collective over the operator's
  /// ranks.
  [[nodiscard]] virtual Matrix<double> apply(const Matrix<double>& x) const = 0;
};

}  // namespace ntkflow
