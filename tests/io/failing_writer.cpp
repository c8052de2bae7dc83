// Writes a result file under a limit on file sizes, for test_write_failure.cpp to watch it fail.
// Usage: failing_writer FILE LIMIT MODE, LIMIT in bytes (0: none), MODE one of
//   commit   write, then commit
//   abandon  write, then end without commit
//   one_rank as commit, and only the last rank has the limit
//   alone    write, then the last rank unwinds while the others wait for it elsewhere
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <sys/resource.h>

#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/dist/mpi_session.hpp>
#include <ntkflow/io/result_file.hpp>

namespace {

void limit_file_size(std::uint64_t bytes) {
  std::signal(SIGXFSZ, SIG_IGN);  // so that write() returns an error
  const rlimit limit{bytes, bytes};
  setrlimit(RLIMIT_FSIZE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  const ntkflow::MpiSession session(argc, argv);
  const auto world = ntkflow::Communicator::world();
  const std::string path = argv[1];
  const std::uint64_t limit = std::stoull(argv[2]);
  const std::string mode = argv[3];
  constexpr std::int64_t kRows = 300;
  constexpr std::int64_t kColumns = 4096;

  constexpr double kPatience = 1.0;
  const bool is_last = world.rank() == world.size() - 1;

  ntkflow::ResultFile file(world, path, ntkflow::Overwrite::no, ntkflow::kTransferBytes, kPatience);
  if (limit > 0 && (mode != "one_rank" || is_last)) {
    limit_file_size(limit);
  }
  file.scale("/row", "row", std::vector<std::int64_t>(kRows));
  file.scale("/column", "column", std::vector<std::int64_t>(kColumns));
  file.create({"/values", "values", "1", {kRows, kColumns}, {"/row", "/column"}});
  const std::int64_t share = kRows / world.size();
  const std::vector<double> values(static_cast<std::size_t>(share * kColumns), 1.0);
  file.write_rows("/values", world.rank() * share, share, values.data());
  if (mode == "alone") {
    if (is_last) {
      return 0;
    }
    world.barrier();
  }
  if (mode != "abandon") {
    file.commit();
  }
  return 0;
}
