#include <cstdio>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ntkflow_version.h>

#include <ntkflow/dist/mpi_session.hpp>
#include <ntkflow/io/result_file.hpp>
#include <ntkflow/kernel/kernel_evaluator.hpp>
#include <ntkflow/linalg/local.hpp>

#include "commands.hpp"
#include "problem.hpp"

namespace ntkflow::app {

void info(const Communicator& comm, const CommandLine& /*line*/) {
  const int threads = choose_threads(comm, {}, silent_monitor());
  if (comm.rank() != 0) {
    return;
  }
  const std::string fault = blas_self_test();
  fmt::print("ntkflow      {} ({})\n", NTKFLOW_VERSION, NTKFLOW_GIT_REVISION);
  fmt::print("MPI          {}\n", MpiSession::library_version());
  fmt::print("ranks        {}, {} thread{} each\n", comm.size(), threads, threads == 1 ? "" : "s");
  fmt::print("BLAS         {}, self-test {}\n", blas_description(),
             fault.empty() ? "passed" : fault);
  fmt::print("ScaLAPACK    {}\n", NTKFLOW_SCALAPACK_LIBRARY);
  fmt::print("HDF5         {}\n", hdf5_version());
  fmt::print("SIMD         {} in use; compiled: {}\n", simd_target_in_use(),
             fmt::join(simd_targets_compiled(), ", "));
  fmt::print("ELPA         no\n");
  fmt::print("activations  {}\n", fmt::join(activation_names(), ", "));
  std::fflush(stdout);
}

}  // namespace ntkflow::app
