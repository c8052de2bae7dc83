#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <ntkflow/base/monitor.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/experiment/study.hpp>
#include <ntkflow/finite/ensemble.hpp>
#include <ntkflow/finite/network.hpp>
#include <ntkflow/finite/training.hpp>

// The networks of a study: which there are, who trains them, and where their results go.
namespace ntkflow {

/// One network of a study.
struct Draw {
  std::size_t width_index = 0;
  std::int64_t width = 0;
  std::int64_t draw = 0;
  MemberId id;
};

/// Results of all networks, [widths x draws x size], zero where another rank's network stands.
class DrawTable {
 public:
  DrawTable(const NetworkOptions& options, std::int64_t size)
      : draws_(options.draws),
        size_(size),
        values_(options.widths.size() * static_cast<std::size_t>(options.draws * size)) {}

  [[nodiscard]] std::span<double> of(std::size_t width, std::int64_t draw) {
    const std::size_t first =
        (width * static_cast<std::size_t>(draws_) + static_cast<std::size_t>(draw)) *
        static_cast<std::size_t>(size_);
    return std::span(values_).subspan(first, static_cast<std::size_t>(size_));
  }
  [[nodiscard]] std::span<double> of(const Draw& draw) { return of(draw.width_index, draw.draw); }
  /// Element `index` of every draw of a width.
  [[nodiscard]] std::vector<double> across_draws(std::size_t width, std::int64_t index) {
    std::vector<double> values;
    for (std::int64_t draw = 0; draw < draws_; ++draw) {
      values.push_back(of(width, draw)[static_cast<std::size_t>(index)]);
    }
    return values;
  }
  /// All values of a width, draw by draw.
  [[nodiscard]] std::span<double> of_width(std::size_t width) {
    const auto count = static_cast<std::size_t>(draws_ * size_);
    return std::span(values_).subspan(width * count, count);
  }

  /// Collective over comm: a table on every rank, or a failure of all.
  static DrawTable create(const Communicator& comm, const NetworkOptions& options,
                          std::int64_t size);

  /// Makes the table whole on every rank; exactly one summand of each value is not zero, so that
  /// the bits do not depend on the number of ranks. Collective over comm.
  void complete(const Communicator& comm) {
    // The sum over ranks turns -0 into 0 where there is more than one.
    std::transform(values_.begin(), values_.end(), values_.begin(),
                   [](double value) { return value + 0.0; });
    comm.sum(values_);
  }
  [[nodiscard]] const std::vector<double>& values() const { return values_; }

 private:
  std::int64_t draws_;
  std::int64_t size_;
  std::vector<double> values_;
};

/// Shows how much of a rank's networks is done, each weighed by the square of its width.
class StudyProgress : public Monitor {
 public:
  StudyProgress(Monitor& outer, double total) : outer_(&outer), total_(total) {}

  void progress(std::int64_t done, std::int64_t total) override;
  [[nodiscard]] bool stop_requested() const override { return outer_->stop_requested(); }
  void warning(const std::string& message) override { outer_->warning(message); }

  void begin(double weight) { weight_ = weight; }
  void end();

 private:
  Monitor* outer_;
  double total_;
  double done_ = 0.0;
  double weight_ = 0.0;
};

/// Calls work(draw, monitor) for the networks that this rank trains: the widest first, so that
/// ranks end together. `work` does not communicate. Collective over comm. Throws InterruptedError
/// when the monitor asks to stop before a network.
void for_each_draw(const Communicator& comm, const NetworkOptions& options, Monitor& monitor,
                   const std::function<void(const Draw&, Monitor&)>& work);

/// What make() returns on each rank; where it throws on one, all throw. `make` does not
/// communicate. Collective over comm.
template <class Make>
auto prepared(const Communicator& comm, Make&& make) {
  std::optional<std::invoke_result_t<Make>> result;
  collectively(comm, [&] { result.emplace(make()); });
  return std::move(*result);
}

inline DrawTable DrawTable::create(const Communicator& comm, const NetworkOptions& options,
                                   std::int64_t size) {
  return prepared(comm, [&] { return DrawTable(options, size); });
}

/// [d x n] rounded to the networks' precision. Local.
template <class Real>
Matrix<Real> rounded(const Matrix<double>& x) {
  Matrix<Real> result(x.rows(), x.cols());
  std::transform(x.data(), x.data() + x.size(), result.data(),
                 [](double value) { return static_cast<Real>(value); });
  return result;
}

TrainingOptions training_options(const NetworkOptions& options);

}  // namespace ntkflow
