#include "survey.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/hash.hpp>
#include <ntkflow/dist/collectively.hpp>

namespace ntkflow {
namespace {

constexpr const char* kOverflows = "overflows in preprocessing";

/// All samples whose hash an earlier one has, in ascending order.
std::vector<DuplicatePair> find_duplicates(std::span<const std::uint64_t> hashes) {
  std::vector<DuplicatePair> duplicates;
  std::unordered_map<std::uint64_t, std::int64_t> first_with;
  first_with.reserve(hashes.size());
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    const auto position = static_cast<std::int64_t>(i);
    const auto [first, is_new] = first_with.try_emplace(hashes[i], position);
    if (!is_new) {
      duplicates.push_back({first->second, position});
    }
  }
  return duplicates;
}

}  // namespace

Share share_of(const Communicator& comm, std::int64_t n) {
  return contiguous_share(n, comm.size(), comm.rank());
}

void check_finite(MatrixView<const double> samples, const std::string& name,
                  const std::int64_t* rows, const std::string& complaint) {
  for (std::int64_t i = 0; i < samples.cols; ++i) {
    const double* x = samples.column(i);
    const double* end = x + samples.rows;
    const double* wrong = std::find_if(x, end, [](double value) { return !std::isfinite(value); });
    if (wrong != end) {
      throw DataError("'" + name + "', row " + std::to_string(rows[i]) + ", column " +
                      std::to_string(wrong - x) + " (both from 0): the input " + complaint);
    }
  }
}

std::int64_t block_samples(std::int64_t dimension) {
  constexpr std::int64_t kBlockValues = std::int64_t{1} << 19;
  return std::max<std::int64_t>(1, kBlockValues / dimension);
}

std::vector<std::uint64_t> sample_hashes(MatrixView<const double> samples) {
  const auto d = static_cast<std::size_t>(samples.rows);
  std::vector<double> x(d);
  std::vector<std::uint64_t> hashes;
  hashes.reserve(static_cast<std::size_t>(samples.cols));
  for (std::int64_t i = 0; i < samples.cols; ++i) {
    // -0.0 + 0.0 is 0.0; every other value stays as it is.
    std::transform(samples.column(i), samples.column(i) + d, x.begin(),
                   [](double value) { return value + 0.0; });
    hashes.push_back(hash_bytes(x.data(), d * sizeof(double)));
  }
  return hashes;
}

Survey survey_samples(const Communicator& comm, SampleSource& train,
                      std::span<const std::int64_t> train_rows, SampleSource* test,
                      std::span<const std::int64_t> test_rows,
                      const std::vector<PreprocessStep>& steps, Monitor& monitor) {
  const auto own_part = [&](std::span<const std::int64_t> rows) {
    const Share share = share_of(comm, static_cast<std::int64_t>(rows.size()));
    return rows.subspan(static_cast<std::size_t>(share.begin),
                        static_cast<std::size_t>(share.size()));
  };
  const std::span<const std::int64_t> own_train = own_part(train_rows);
  const std::span<const std::int64_t> own_test = own_part(test_rows);
  const auto n_train = static_cast<std::int64_t>(own_train.size());
  const auto n_test = static_cast<std::int64_t>(own_test.size());
  const std::int64_t d = train.dimension();
  const std::int64_t block = block_samples(d);
  Survey survey;

  // Fitting needs the whole share at once, and several times.
  Matrix<double> share;
  std::vector<std::uint64_t> own_hashes;
  collectively(comm, [&] {
    share = Matrix<double>(d, n_train);
    for (std::int64_t begin = 0; begin < n_train; begin += block) {
      const std::int64_t count = std::min(block, n_train - begin);
      train.read_inputs(
          own_train.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)),
          share.view().block(0, begin, d, count));
      monitor.progress(begin + count, n_train + n_test);
    }
    if (n_train > 0) {
      train.verify_inputs();
    }
    check_finite(share.view(), train.inputs_name(), own_train.data(), kNotFinite);
    own_hashes = sample_hashes(share.view());
  });
  std::vector<std::uint64_t> all_hashes = comm.all_gather(std::span(std::as_const(own_hashes)));

  survey.preprocessor = Preprocessor::fit(comm, steps, share.view(), own_train.data());
  collectively(comm, [&] {
    check_finite(share.view(), train.inputs_name(), own_train.data(), kOverflows);
    own_hashes = sample_hashes(share.view());
    survey.norms = norm_range<double>(share.view());
  });
  const auto preprocessed_hashes = comm.all_gather(std::span(std::as_const(own_hashes)));
  collectively(comm, [&] { survey.duplicates = find_duplicates(preprocessed_hashes); });
  share = Matrix<double>();

  own_hashes.clear();
  collectively(comm, [&] {
    Matrix<double> samples(d, std::min(block, n_test));
    for (std::int64_t begin = 0; begin < n_test; begin += block) {
      const std::int64_t count = std::min(block, n_test - begin);
      const auto rows =
          own_test.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
      const MatrixView<double> view = samples.view().block(0, 0, d, count);
      test->read_inputs(rows, view);
      check_finite(view, test->inputs_name(), rows.data(), kNotFinite);
      const auto hashes = sample_hashes(view);
      own_hashes.insert(own_hashes.end(), hashes.begin(), hashes.end());
      survey.preprocessor.apply(view, "test", rows.data());
      check_finite(view, test->inputs_name(), rows.data(), kOverflows);
      survey.norms = join(survey.norms, norm_range<double>(view));
      monitor.progress(n_train + begin + count, n_train + n_test);
    }
    if (n_test > 0) {
      test->verify_inputs();
    }
  });
  const auto test_hashes = comm.all_gather(std::span(std::as_const(own_hashes)));
  all_hashes.insert(all_hashes.end(), test_hashes.begin(), test_hashes.end());
  survey.norms = {comm.min(survey.norms.smallest), comm.max(survey.norms.largest)};
  survey.checksum = hash_bytes(all_hashes.data(), all_hashes.size() * sizeof(std::uint64_t));
  return survey;
}

}  // namespace ntkflow
