#include "ntkflow/dist/mpi_session.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include <mpi.h>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/dist/communicator.hpp>

namespace ntkflow {
namespace {

void abort_all() {
  MpiSession::abort(static_cast<int>(ExitCode::internal));
}

[[noreturn]] void terminate_all() {
  if (const std::exception_ptr uncaught = std::current_exception()) {
    try {
      std::rethrow_exception(uncaught);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "ntkflow: internal error: uncaught exception: %s\n", error.what());
    } catch (...) {
      std::fprintf(stderr, "ntkflow: internal error: uncaught exception of unknown type\n");
    }
  }
  MpiSession::abort(static_cast<int>(ExitCode::internal));
}

}  // namespace

MpiSession::MpiSession(int& argc, char**& argv) {
  setenv("OMPI_MCA_fbtl_posix_read_datasieving", "0", 0);
  setenv("OMPI_MCA_fbtl_posix_write_datasieving", "0", 0);
  setenv("OMPI_MCA_fcoll", "individual", 0);
  int granted = 0;
  check_mpi(MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &granted), "MPI_Init_thread");
  check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  if (granted < MPI_THREAD_FUNNELED) {
    throw MpiError("this MPI grants no thread level for threads in BLAS (MPI_THREAD_FUNNELED)");
  }
  contract::set_abort_hook(abort_all);
  std::set_terminate(terminate_all);
}

MpiSession::~MpiSession() {
  contract::set_abort_hook(nullptr);
  MPI_Finalize();
}

bool MpiSession::has_launcher() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"}) {
    if (std::getenv(name) != nullptr) {
      return true;
    }
  }
  return false;
}

std::string MpiSession::library_version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  check_mpi(MPI_Get_library_version(text.data(), &length), "MPI_Get_library_version");
  const std::string version(text.data(), static_cast<std::size_t>(length));
  return version.substr(0, version.find_first_of(",\n"));
}

void MpiSession::abort(int code) noexcept {
  MPI_Abort(MPI_COMM_WORLD, code);
  std::_Exit(code);
}

}  // namespace ntkflow
