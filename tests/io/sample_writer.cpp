// Writes a small result file with everything that ours hold, for check_sample.py to read. The two
// belong together.
#include <cstdint>
#include <string>
#include <vector>

#include <ntkflow/dist/block_cyclic.hpp>
#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/dist/mpi_session.hpp>
#include <ntkflow/io/result_file.hpp>

int main(int argc, char** argv) {
  const ntkflow::MpiSession session(argc, argv);
  const auto world = ntkflow::Communicator::world();
  ntkflow::ResultFile file(world, argv[1], ntkflow::Overwrite::yes);

  file.attribute("/", "format", std::string("ntkflow"));
  file.attribute("/", "config", std::string(200'000, 'c'));
  file.attribute("/", "empty", std::string());
  file.attribute("/", "greek", std::string("σ² = 2"));
  file.attribute("/", "grid", std::vector<std::int64_t>{1, 3});
  file.attribute("/", "weights", std::vector<double>{0.5, 0.25});
  file.attribute("/", "mpi_ranks", std::int64_t{3});
  file.attribute("/regression", "ridge", 0.125);
  for (int i = 0; i < 20; ++i) {  // beyond what HDF5 keeps in an object's header
    file.attribute("/regression", "extra_" + std::to_string(i), std::int64_t{i});
  }

  const std::vector<std::int64_t> samples{10, 11, 12, 13, 14, 15, 16};
  const std::vector<std::int64_t> outputs{0, 1, 2};
  const std::vector<double> times{0.0, 0.5, 2.0};
  file.scale("/test_sample", "row of the test sample", samples);
  file.scale("/test_sample_2", "row of the test sample, second axis", samples);
  file.scale("/output", "output of the network", outputs);
  file.scale("/dynamics/time", "training time", times, "s");

  const auto share = ntkflow::contiguous_share(7, world.size(), world.rank());
  const auto rows = [&](std::int64_t width) {
    std::vector<double> values;
    for (std::int64_t i = share.begin; i < share.end; ++i) {
      for (std::int64_t j = 0; j < width; ++j) {
        values.push_back(static_cast<double>(100 * i + j));
      }
    }
    return values;
  };
  file.create({"/regression/test_prediction",
               "predictions at the test inputs",
               "1",
               {7, 3},
               {"/test_sample", "/output"}});
  file.write_rows("/regression/test_prediction", share.begin, share.size(), rows(3).data());
  file.create({"/kernel/test_test", "kernel", "1", {7, 7}, {"/test_sample", "/test_sample_2"}});
  file.write_rows("/kernel/test_test", share.begin, share.size(), rows(7).data());

  std::vector<double> cube(3 * 7 * 3);
  for (std::size_t i = 0; i < cube.size(); ++i) {
    cube[i] = static_cast<double>(i);
  }
  file.write({"/dynamics/test_prediction",
              "predictions over time",
              "1",
              {3, 7, 3},
              {"/dynamics/time", "/test_sample", "/output"}},
             std::span<const double>(cube));
  file.write({"/data/test_label", "class of the test sample", "1", {7}, {"/test_sample"}},
             std::span<const std::int64_t>(samples));
  const std::vector<std::string> phases{"read", "factorise", "größer"};
  const std::vector<double> seconds{0.5, 1.5, 2.5};
  file.scale("/timing/phase_index", "number of the phase", outputs);
  file.write({"/timing/phase", "name of the phase", "1", {3}, {"/timing/phase_index"}},
             std::span<const std::string>(phases));
  file.write({"/timing/seconds", "longest over the ranks", "s", {3}, {"/timing/phase_index"}},
             std::span<const double>(seconds));
  const double loss = 0.75;
  file.write({"/regression/loss", "a single number", "1", {}, {}},
             std::span<const double>(&loss, 1));
  file.commit();
  return 0;
}
