#pragma once

#include <stdexcept>
#include <string>

namespace ntkflow {

/// Exit codes of the program, the same on every rank (see README, "Exit codes").
enum class ExitCode : int {
  success = 0,
  internal = 1,
  usage = 2,
  input = 3,
  numerical = 4,
  resources = 5,
  output_exists = 6,
  interrupted = 130,
};

/// Base of every error that comes from the world (files, configuration, memory, libraries), not
/// from a bug and not from the mathematics. `what()` is one sentence meant for the user. The exit
/// code travels with it, so that it can be agreed between ranks.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}

  [[nodiscard]] ExitCode exit_code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

/// Wrong command line or configuration.
class ConfigError : public Error {
 public:
  explicit ConfigError(const std::string& message) : Error(ExitCode::usage, message) {}
};

/// Wrong content of input data.
class DataError : public Error {
 public:
  explicit DataError(const std::string& message) : Error(ExitCode::input, message) {}
};

/// A file that cannot be opened, read or written.
class IoError : public Error {
 public:
  explicit IoError(const std::string& message) : Error(ExitCode::input, message) {}
};

/// A result file that is already there, without permission to replace it.
class OutputExistsError : public Error {
 public:
  explicit OutputExistsError(const std::string& message)
      : Error(ExitCode::output_exists, message) {}
};

/// Memory, disk space or a 32-bit limit of a library that the problem does not fit.
class ResourceError : public Error {
 public:
  explicit ResourceError(const std::string& message) : Error(ExitCode::resources, message) {}
};

/// A numerical outcome (not positive definite, no convergence) that the program decided to stop
/// for. Modules return such outcomes as values; only the program turns one into this error.
class NumericalError : public Error {
 public:
  explicit NumericalError(const std::string& message) : Error(ExitCode::numerical, message) {}
};

/// A run that was asked to end before it was done. Nothing is written.
class InterruptedError : public Error {
 public:
  explicit InterruptedError(const std::string& message) : Error(ExitCode::interrupted, message) {}
};

/// An MPI call that failed.
class MpiError : public Error {
 public:
  explicit MpiError(const std::string& message) : Error(ExitCode::internal, message) {}
};

/// What the other ranks throw when one of them failed: that rank, its message and its exit code.
class RemoteError : public Error {
 public:
  RemoteError(int rank, ExitCode code, const std::string& message)
      : Error(code, message), rank_(rank) {}

  [[nodiscard]] int rank() const noexcept { return rank_; }

 private:
  int rank_;
};

}  // namespace ntkflow
