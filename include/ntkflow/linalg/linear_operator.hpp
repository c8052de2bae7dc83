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

/// A + shift I, for which A must outlive it.
class ShiftedOperator : public LinearOperator {
 public:
  ShiftedOperator(const LinearOperator& a, double shift) : a_(&a), shift_(shift) {}

  [[nodiscard]] std::int64_t size() const override { return a_->size(); }
  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override;

 private:
  const LinearOperator* a_;
  double shift_;
};

}  // namespace ntkflow
