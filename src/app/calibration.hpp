#pragma once

#include <cstdint>

#include <ntkflow/dist/communicator.hpp>

namespace ntkflow::app {

/// Rates of a machine: of one rank while all work at once, the lowest over the ranks. The defaults
/// are a guess at one core of any present machine; they size the measurement, and stand in for the
/// network where there is one rank only.
struct Calibration {
  double product_double = 30e9;  ///< matrix product, flop/s
  double product_single = 60e9;
  double read_bandwidth = 6e9;  ///< reading memory that is in no cache, bytes/s
  double fresh_bandwidth =
      1e9;                      ///< first writing to memory that the system has just given, bytes/s
  double latency = 3e-6;        ///< of a broadcast of one number, for each doubling of ranks, s
  double link_bandwidth = 2e9;  ///< of a broadcast of a megabyte, bytes/s
  int ranks = 0;                ///< that were measured; 0: nothing was
};

/// Time and memory of each rank that a measurement is worth at most.
inline constexpr double kCalibrationSeconds = 0.35;
inline constexpr std::int64_t kCalibrationBytes = std::int64_t{64} << 20;

/// Measures this machine in about `seconds` with at most so many bytes on each rank, more roughly
/// the less it is given; the same on all ranks. Collective over comm.
Calibration calibrate(const Communicator& comm, double seconds, std::int64_t bytes);

}  // namespace ntkflow::app
