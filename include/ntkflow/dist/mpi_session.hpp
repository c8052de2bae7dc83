#pragma once

#include <string>

namespace ntkflow {

/// Starts MPI and ends it. The first local of `main`; exactly one per process. Collective over
/// MPI_COMM_WORLD.
///
/// Requests MPI_THREAD_FUNNELED and throws MpiError when less is granted. Errors of MPI are
/// returned and become exceptions; an uncaught exception or a broken contract ends all ranks
/// through MPI_Abort. Before MPI starts, two things of Open MPI's parallel files are switched off
/// unless the user has set them: data sieving, which in 4.1.4 can corrupt shared files (ompi issue
/// 12718), and collective buffering, which from 3 ranks on loses errors: a collective write to a
/// full disk reports success. Each rank then writes its own rows, contiguous in our files anyway.
class MpiSession {
 public:
  MpiSession(int& argc, char**& argv);
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;
  MpiSession(MpiSession&&) = delete;
  MpiSession& operator=(MpiSession&&) = delete;
  ~MpiSession();

  /// Whether a launcher (mpirun, srun) started this process, in which case isatty says nothing.
  /// Local.
  static bool has_launcher();
  /// First line of MPI_Get_library_version. Local.
  static std::string library_version();
  /// Ends all ranks with `code`, for the one case in which they cannot agree. Local.
  [[noreturn]] static void abort(int code) noexcept;
};

}  // namespace ntkflow
