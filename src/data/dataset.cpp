#include "ntkflow/data/dataset.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/dist/collectively.hpp>

#include "sample_source.hpp"
#include "subset.hpp"
#include "survey.hpp"
#include "targets.hpp"

namespace ntkflow {
namespace {

/// The opened files of a run. `test` is null when there is no test set.
struct Sources {
  std::unique_ptr<SampleSource> train;
  std::unique_ptr<SampleSource> test;
};

Sources open_sources(const DataOptions& options) {
  Sources sources{open_source(options, Split::train), open_source(options, Split::test)};
  const auto require_same = [&](std::int64_t train, std::int64_t test, const char* quantity) {
    if (train != test) {
      throw DataError("training and test data do not match: '" + sources.train->inputs_name() +
                      "' has " + std::to_string(train) + " " + quantity + " per sample, '" +
                      sources.test->inputs_name() + "' has " + std::to_string(test));
    }
  };
  if (sources.test) {
    require_same(sources.train->dimension(), sources.test->dimension(), "inputs");
    require_same(sources.train->target_columns(), sources.test->target_columns(), "targets");
  }
  return sources;
}

/// Node-local copies of a file may differ; ranks that disagree on sizes would wait for each other.
void require_same_on_all_ranks(const Communicator& comm, const Sources& sources) {
  const std::array sizes{sources.train->size(), sources.train->dimension(),
                         sources.train->target_columns(),
                         sources.test ? sources.test->size() : std::int64_t{-1}};
  for (const std::int64_t size : sizes) {
    if (comm.min(size) != comm.max(size)) {
      throw DataError("the ranks see different versions of '" + sources.train->inputs_name() +
                      "' or of the test data; put the files where all nodes see the same ones");
    }
  }
}

/// All stored targets of a source [columns x size] on every rank; each reads a share of them.
/// Collective over comm.
Matrix<double> gather_targets(const Communicator& comm, SampleSource& source) {
  const Share share = share_of(comm, source.size());
  std::vector<std::uint64_t> words;
  collectively(comm, [&] {
    Matrix<double> targets(source.target_columns(), share.size());
    if (share.size() > 0) {
      source.read_targets(share.begin, targets.view());
    }
    words.resize(static_cast<std::size_t>(targets.size()));
    std::transform(targets.data(), targets.data() + targets.size(), words.begin(),
                   [](double value) { return std::bit_cast<std::uint64_t>(value); });
  });
  words = comm.all_gather(std::span(std::as_const(words)));
  Matrix<double> all(source.target_columns(), source.size());
  std::transform(words.begin(), words.end(), all.data(),
                 [](std::uint64_t word) { return std::bit_cast<double>(word); });
  return all;
}

struct Targets {
  SplitInfo train;
  SplitInfo test;
};

/// Chooses rows and encodes targets of both splits. Local.
Targets choose_targets(const DataOptions& options, const Sources& sources,
                       const Matrix<double>& stored_train, const Matrix<double>& stored_test) {
  const TargetEncoding encoding = encoding_of(options);
  std::int64_t classes = 0;
  std::vector<std::int64_t> train_labels;
  std::vector<std::int64_t> test_labels;
  const std::string train_name = sources.train->targets_name();
  check_finite_targets(stored_train.view(), train_name);
  if (encoding != TargetEncoding::raw) {
    train_labels = class_labels(stored_train.view(), train_name);
    classes = class_count(options.targets, train_labels, train_name);
    check_labels(train_labels, classes, train_name);
  }
  std::vector<std::int64_t> test_rows;
  if (sources.test) {
    const std::string test_name = sources.test->targets_name();
    check_finite_targets(stored_test.view(), test_name);
    if (encoding != TargetEncoding::raw) {
      test_labels = class_labels(stored_test.view(), test_name);
      check_labels(test_labels, classes, test_name);
    }
    test_rows.resize(static_cast<std::size_t>(test_size(options, sources.test->size())));
    std::iota(test_rows.begin(), test_rows.end(), std::int64_t{0});
  }
  return {encode_targets(options.targets, encoding, classes,
                         training_rows(options, sources.train->size(), train_labels, classes),
                         stored_train.view(), train_labels),
          encode_targets(options.targets, encoding, classes, std::move(test_rows),
                         sources.test ? stored_test.view() : stored_train.view(), test_labels)};
}

std::string describe(const Sources& sources) {
  const auto text = [](const SampleSource& source) {
    const std::string inputs = source.inputs_name();
    const std::string targets = source.targets_name();
    return inputs == targets ? inputs : inputs + " -> " + targets;
  };
  return "train: " + text(*sources.train) +
         (sources.test ? "; test: " + text(*sources.test) : std::string());
}

std::string hexadecimal(std::uint64_t value) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text(16, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, value >>= 4) {
    *digit = kDigits[value & 15];
  }
  return text;
}

}  // namespace

struct Dataset::Implementation {
  explicit Implementation(const Communicator& communicator) : comm(communicator.duplicate()) {}

  Communicator comm;
  Sources sources;
  SplitInfo train;
  SplitInfo test;
  Survey survey;
};

Dataset::Dataset(const Communicator& comm, const DataOptions& options, Monitor& monitor)
    : implementation_(std::make_unique<Implementation>(comm)) {
  Implementation& self = *implementation_;
  Sources& sources = self.sources;
  collectively(comm, [&] { sources = open_sources(options); });
  require_same_on_all_ranks(comm, sources);
  const Matrix<double> stored_train = gather_targets(comm, *sources.train);
  const Matrix<double> stored_test =
      sources.test ? gather_targets(comm, *sources.test) : Matrix<double>();
  collectively(comm, [&] {
    Targets targets = choose_targets(options, sources, stored_train, stored_test);
    self.train = std::move(targets.train);
    self.test = std::move(targets.test);
  });
  self.survey = survey_samples(comm, *sources.train, self.train.source_row, sources.test.get(),
                               self.test.source_row, options.preprocess, monitor);
}

Dataset::Dataset(Dataset&&) noexcept = default;
Dataset& Dataset::operator=(Dataset&&) noexcept = default;
Dataset::~Dataset() = default;

std::int64_t Dataset::dimension() const {
  return implementation_->sources.train->dimension();
}
std::int64_t Dataset::outputs() const {
  return implementation_->train.target.cols();
}
const SplitInfo& Dataset::split(Split split) const {
  return split == Split::train ? implementation_->train : implementation_->test;
}
const Preprocessor& Dataset::preprocessor() const {
  return implementation_->survey.preprocessor;
}
std::string Dataset::source() const {
  return describe(implementation_->sources);
}
std::string Dataset::checksum() const {
  return hexadecimal(implementation_->survey.checksum);
}
const std::vector<DuplicatePair>& Dataset::duplicates() const {
  return implementation_->survey.duplicates;
}
std::int64_t Dataset::duplicate_count() const {
  return implementation_->survey.duplicate_count;
}

template <class Real>
Samples<Real> Dataset::load(Split split, std::span<const std::int64_t> positions) const {
  const SplitInfo& info = this->split(split);
  const std::int64_t d = dimension();
  const auto n = static_cast<std::int64_t>(positions.size());
  SampleSource* source = split == Split::train ? implementation_->sources.train.get()
                                               : implementation_->sources.test.get();
  Samples<Real> samples;
  collectively(implementation_->comm, [&] {
    std::vector<std::int64_t> rows;
    rows.reserve(positions.size());
    for (const std::int64_t position : positions) {
      NTKFLOW_EXPECTS(position >= 0 && position < info.size(), position, info.size());
      rows.push_back(info.source_row[static_cast<std::size_t>(position)]);
      NTKFLOW_EXPECTS(rows.size() < 2 || rows[rows.size() - 2] < rows.back(), position);
    }
    samples.x = Matrix<Real>(d, n);
    const std::int64_t block = block_samples(d);
    Matrix<double> values(d, std::min(block, n));
    for (std::int64_t begin = 0; begin < n; begin += block) {
      const std::int64_t count = std::min(block, n - begin);
      const MatrixView<double> view = values.view().block(0, 0, d, count);
      const auto chosen =
          std::span(rows).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
      source->read_inputs(chosen, view);
      preprocessor().apply(view, split == Split::train ? "training" : "test", chosen.data());
      Real* converted = samples.x.column(begin);
      for (std::int64_t i = 0; i < d * count; ++i) {
        converted[i] = static_cast<Real>(view.data[i]);
        if (!std::isfinite(converted[i])) {
          throw DataError("'" + source->inputs_name() + "', row " +
                          std::to_string(chosen[static_cast<std::size_t>(i / d)]) +
                          " (from 0): a preprocessed input is too large for the precision asked "
                          "for");
        }
      }
    }
  });
  return samples;
}

template Samples<float> Dataset::load<float>(Split, std::span<const std::int64_t>) const;
template Samples<double> Dataset::load<double>(Split, std::span<const std::int64_t>) const;

DataShape inspect_data(const DataOptions& options) {
  const Sources sources = open_sources(options);
  DataShape shape;
  shape.train_size = training_size(options, sources.train->size());
  shape.test_size = sources.test ? test_size(options, sources.test->size()) : 0;
  shape.dimension = sources.train->dimension();
  shape.outputs = sources.train->target_columns();
  if (encoding_of(options) == TargetEncoding::one_hot) {
    Matrix<double> stored(sources.train->target_columns(), sources.train->size());
    sources.train->read_targets(0, stored.view());
    const std::string name = sources.train->targets_name();
    shape.outputs = class_count(options.targets, class_labels(stored.view(), name), name);
  }
  return shape;
}

}  // namespace ntkflow
