#pragma once

#include <cstdint>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/linalg/linear_operator.hpp>
#include <ntkflow/linalg/refine.hpp>

namespace ntkflow {

/// A^-1 to the accuracy of A's products, from an approximate inverse that `refine` corrects. All
/// arguments must outlive the operator.
class RefinedInverse : public LinearOperator {
 public:
  /// @param norm  |A|_inf. Local.
  RefinedInverse(const Communicator& comm, const LinearOperator& a, const LinearOperator& inverse,
                 double norm, const RefineOptions& options, Monitor& monitor)
      : comm_(&comm),
        a_(&a),
        inverse_(&inverse),
        norm_(norm),
        options_(options),
        monitor_(&monitor) {}

  [[nodiscard]] std::int64_t size() const override { return a_->size(); }
  /// The best solutions that refinement reaches. Collective over comm.
  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override {
    return refine(*comm_, *a_, *inverse_, x, norm_, options_, *monitor_).solution;
  }

 private:
  const Communicator* comm_;
  const LinearOperator* a_;
  const LinearOperator* inverse_;
  double norm_;
  RefineOptions options_;
  Monitor* monitor_;
};

}  // namespace ntkflow
