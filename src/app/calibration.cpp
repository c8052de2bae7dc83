#include "calibration.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <ntkflow/base/aligned_buffer.hpp>
#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/timer.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/linalg/local.hpp>

namespace ntkflow::app {
namespace {

/// Repeats of each measurement, since somebody else may have the core meanwhile.
constexpr int kRepeats = 5;

/// Seconds that `work` takes on the slowest rank, of each repeat, ascending. Collective over comm.
template <int repeats, class Work>
std::array<double, repeats> repeated_seconds(const Communicator& comm, Work&& work) {
  std::array<double, repeats> seconds{};
  for (double& time : seconds) {
    comm.barrier();
    const Stopwatch watch;
    work();
    time = comm.max(watch.seconds());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds;
}

template <class Work>
double median_seconds(const Communicator& comm, Work&& work) {
  return repeated_seconds<kRepeats>(comm, std::forward<Work>(work))[kRepeats / 2];
}

/// Flop/s of a matrix product, on the slowest rank while all multiply.
template <class Real>
double product_rate(const Communicator& comm, double seconds, double bytes) {
  constexpr std::int64_t kSmallest = 192;
  constexpr double kLargest = 1024.0;
  const auto measure = [&](std::int64_t order) {
    Matrix<Real> a;
    Matrix<Real> b;
    Matrix<Real> c;
    collectively(comm, [&] {
      a = Matrix<Real>(order, order);
      b = Matrix<Real>(order, order);
      c = Matrix<Real>(order, order);
      std::fill_n(a.data(), a.size(), Real{1});
      std::fill_n(b.data(), b.size(), Real{1});
    });
    return 2.0 * std::pow(static_cast<double>(order), 3.0) / median_seconds(comm, [&] {
             multiply<Real>(Transpose::no, Transpose::no, Real{1}, a.view(), b.view(), Real{0},
                            c.view());
           });
  };
  const double rate = measure(kSmallest);
  // As large as the repeats allow at the rate that the small one reached.
  const double order = std::min({std::cbrt(rate * seconds / (2.0 * kRepeats)), kLargest,
                                 std::sqrt(bytes / (3.0 * static_cast<double>(sizeof(Real))))});
  const auto rounded = static_cast<std::int64_t>(order / 64.0) * 64;
  return rounded <= kSmallest ? rate : measure(rounded);
}

struct Bandwidths {
  double read = 0.0;
  double fresh = 0.0;
};

Bandwidths memory_bandwidths(const Communicator& comm, double seconds, double most_bytes) {
  // The first pass is slow; at a nominal rate it takes most of the time.
  constexpr double kLeastBytes = 0x1p20;
  const auto size =
      static_cast<std::int64_t>(std::clamp(seconds * Calibration{}.fresh_bandwidth, kLeastBytes,
                                           std::max(kLeastBytes, most_bytes)) /
                                sizeof(double));
  const double bytes = static_cast<double>(size) * sizeof(double);
  AlignedBuffer<double> buffer;
  collectively(comm, [&] { buffer = AlignedBuffer<double>::zeroed(size); });
  double* values = buffer.data();

  std::int64_t used = 0;  // each repeat writes to memory that none has written to
  const std::int64_t part = size / kRepeats;
  const double fill = median_seconds(comm, [&] {
    std::fill_n(values + used, part, 1.0);
    used += part;
  });
  std::fill_n(values + used, size - used, 1.0);

  double sum = 0.0;
  const double read = median_seconds(comm, [&] {
    sum = 0.0;
#pragma omp parallel for simd reduction(+ : sum)
    for (std::int64_t i = 0; i < size; ++i) {
      sum += values[i];
    }
  });
  NTKFLOW_EXPECTS(sum == static_cast<double>(size), sum, size);  // and so the loop is not dropped
  return {bytes / read, static_cast<double>(part) * sizeof(double) / fill};
}

/// Fills in latency and bandwidth of broadcasts between the ranks, from each in turn. The shortest
/// repeat counts: a rank that waits for its core says nothing about the network.
void measure_links(const Communicator& comm, Calibration& rates) {
  constexpr int kLinkRepeats = 15;
  constexpr std::size_t kLargeBytes = std::size_t{1} << 20;
  constexpr int kInRow = 4;  // broadcasts from each rank in turn, since one alone need not wait
  std::vector<std::byte> buffer;
  collectively(comm, [&] { buffer.resize(kLargeBytes); });
  const auto broadcast = [&](std::size_t bytes, int count) {
    const auto seconds = repeated_seconds<kLinkRepeats>(comm, [&] {
      for (int i = 0; i < count; ++i) {
        comm.broadcast(std::span(buffer).first(bytes), i % comm.size());
      }
    });
    return seconds.front() / count;
  };
  const double small = broadcast(sizeof(double), kInRow);
  const double large = broadcast(kLargeBytes, 2);
  const int doublings = std::bit_width(static_cast<unsigned>(comm.size() - 1));
  rates.latency = small / doublings;
  rates.link_bandwidth = static_cast<double>(kLargeBytes) / large;
}

}  // namespace

Calibration calibrate(const Communicator& comm, double seconds, std::int64_t bytes) {
  const auto most_bytes = static_cast<double>(bytes);
  Calibration rates;
  rates.ranks = comm.size();
  rates.product_double = product_rate<double>(comm, 0.3 * seconds, most_bytes);
  rates.product_single = product_rate<float>(comm, 0.2 * seconds, most_bytes);
  const Bandwidths memory = memory_bandwidths(comm, 0.3 * seconds, most_bytes);
  rates.read_bandwidth = memory.read;
  rates.fresh_bandwidth = memory.fresh;
  if (comm.size() > 1) {
    measure_links(comm, rates);
  }
  return rates;
}

}  // namespace ntkflow::app
