#include "ensemble.hpp"

#include <ntkflow/base/error.hpp>

namespace ntkflow {

namespace {

/// Widths stay below 2^24 and draws below 2^20, so that every network has a number of its own.
constexpr int kDrawBits = 20;

Draw draw_of(const NetworkOptions& options, std::int64_t job) {
  const std::int64_t from_widest = job / options.draws;
  Draw draw;
  draw.width_index = options.widths.size() - 1 - static_cast<std::size_t>(from_widest);
  draw.width = options.widths[draw.width_index];
  draw.draw = job % options.draws;
  draw.id = {options.seed, (static_cast<std::uint64_t>(draw.width) << kDrawBits) +
                               static_cast<std::uint64_t>(draw.draw)};
  return draw;
}

/// Work of a network, in units of its own.
double weight_of(const Draw& draw) {
  return static_cast<double>(draw.width) * static_cast<double>(draw.width);
}

}  // namespace

void StudyProgress::progress(std::int64_t done, std::int64_t total) {
  constexpr std::int64_t kParts = 10000;
  const double part = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1.0;
  outer_->progress(
      static_cast<std::int64_t>((done_ + part * weight_) / total_ * static_cast<double>(kParts)),
      kParts);
}

void StudyProgress::end() {
  done_ += weight_;
  weight_ = 0.0;
  progress(0, 1);
}

void for_each_draw(const Communicator& comm, const NetworkOptions& options, Monitor& monitor,
                   const std::function<void(const Draw&, Monitor&)>& work) {
  const std::int64_t jobs = std::ssize(options.widths) * options.draws;
  double mine = 0.0;
  for (std::int64_t job = comm.rank(); job < jobs; job += comm.size()) {
    mine += weight_of(draw_of(options, job));
  }
  StudyProgress progress(monitor, mine);
  for_each_member(comm, jobs, [&](std::int64_t job) {
    if (monitor.stop_requested()) {
      throw InterruptedError("stopped on request between networks");
    }
    const Draw draw = draw_of(options, job);
    progress.begin(weight_of(draw));
    work(draw, progress);
    progress.end();
  });
}

TrainingOptions training_options(const NetworkOptions& options) {
  return {options.learning_rate, options.steps,
          options.method == TrainingMethod::flow ? Integrator::flow : Integrator::descent};
}

}  // namespace ntkflow
