#pragma once

#include <cstdint>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/base/timer.hpp>
#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/linalg/linear_operator.hpp>

namespace ntkflow {

/// An operator whose products are counted and timed, and after each of which the run may end:
/// apply() throws InterruptedError on all ranks when the monitor of any asks to stop. All that it
/// is made of must outlive it.
class WatchedOperator : public LinearOperator {
 public:
  WatchedOperator(const Communicator& comm, const LinearOperator& a, const Monitor& monitor)
      : comm_(&comm), a_(&a), monitor_(&monitor) {}

  [[nodiscard]] std::int64_t size() const override { return a_->size(); }
  /// Collective over the communicator, too.
  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override {
    const Stopwatch watch;
    Matrix<double> product = a_->apply(x);
    seconds_ += watch.seconds();
    columns_ += x.cols();
    if (comm_->max(std::int64_t{monitor_->stop_requested() ? 1 : 0}) > 0) {
      throw InterruptedError("stopped while eigenpairs were sought");
    }
    return product;
  }

  [[nodiscard]] std::int64_t columns() const { return columns_; }  ///< that it was applied to
  [[nodiscard]] double seconds() const { return seconds_; }        ///< in products, on this rank

 private:
  const Communicator* comm_;
  const LinearOperator* a_;
  const Monitor* monitor_;
  mutable std::int64_t columns_ = 0;
  mutable double seconds_ = 0.0;
};

}  // namespace ntkflow
