// The main function of tests under mpiexec: rank 0 prints, the other ranks' failures are sent to it
// after each test, and a failure of any rank is a failure of all.
#include <cstdio>
#include <string>

#include <gtest/gtest.h>

#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/dist/mpi_session.hpp>

namespace {

class GatherFailures : public testing::EmptyTestEventListener {
 public:
  explicit GatherFailures(const ntkflow::Communicator& world) : world_(world) {}

 private:
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (result.failed() && world_.rank() != 0) {
      failures_ += std::string(result.file_name() != nullptr ? result.file_name() : "?") + ":" +
                   std::to_string(result.line_number()) + ": " + result.message() + "\n";
    }
  }

  void OnTestEnd(const testing::TestInfo& info) override {
    const auto texts = world_.all_gather(failures_);
    failures_.clear();
    if (world_.rank() != 0) {
      return;
    }
    for (std::size_t rank = 0; rank < texts.size(); ++rank) {
      if (!texts[rank].empty()) {
        std::printf("rank %zu failed in %s.%s\n%s", rank, info.test_suite_name(), info.name(),
                    texts[rank].c_str());
      }
    }
    std::fflush(stdout);
  }

  const ntkflow::Communicator& world_;
  std::string failures_;
};

}  // namespace

int main(int argc, char** argv) {
  const ntkflow::MpiSession session(argc, argv);
  testing::InitGoogleTest(&argc, argv);
  const auto world = ntkflow::Communicator::world();
  auto& listeners = testing::UnitTest::GetInstance()->listeners();
  if (world.rank() != 0) {
    delete listeners.Release(listeners.default_result_printer());
    delete listeners.Release(listeners.default_xml_generator());
  }
  listeners.Append(
      new GatherFailures(world));  // NOLINT(cppcoreguidelines-owning-memory): gtest owns it
  const int mine = RUN_ALL_TESTS();
  return static_cast<int>(world.max(static_cast<std::int64_t>(mine)));
}
