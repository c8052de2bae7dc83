#include "ntkflow/data/dataset.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/dist/collectively.hpp>

#include "hexadecimal.hpp"
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
    const auto train_names = sources.train->column_names();
    const auto test_names = sources.test->column_names();
    if (!train_names.empty() && !test_names.empty() && train_names != test_names) {
      throw DataError(
          "the columns of '" + sources.train->inputs_name() + "' and '" +
          sources.test->inputs_name() +
          "' have different names or another order; give both files the same header line");
    }
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

/// Stored targets of some rows [rows.size() x columns] on every rank; each reads a share of them.
/// Collective over comm.
Matrix<double> gather_targets(const Communicator& comm, SampleSource& source,
                              std::span<const std::int64_t> rows) {
  Matrix<double> all;
  collectively(comm, [&] {
    const Share share = share_of(comm, static_cast<std::int64_t>(rows.size()));
    const auto own =
        rows.subspan(static_cast<std::size_t>(share.begin), static_cast<std::size_t>(share.size()));
    Matrix<double> stored(source.target_columns(), share.size());
    if (share.size() > 0) {
      source.read_targets(own, stored.view());
      source.verify_targets();
    }
    check_finite_targets(stored.view(), own, source.targets_name());
    all = Matrix<double>(static_cast<std::int64_t>(rows.size()), source.target_columns());
    for (std::int64_t i = 0; i < share.size(); ++i) {
      for (std::int64_t c = 0; c < all.cols(); ++c) {
        all(share.begin + i, c) = stored(c, i);
      }
    }
  });
  // Every element is zero on all ranks but one.
  comm.sum(std::span(all.data(), static_cast<std::size_t>(all.size())));
  return all;
}

std::vector<std::int64_t> first_rows(std::int64_t count) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  return rows;
}

/// Class labels of the first `count` rows on every rank. Collective over comm.
std::vector<std::int64_t> gather_labels(const Communicator& comm, SampleSource& source,
                                        std::int64_t count) {
  const std::string name = source.targets_name();
  std::vector<std::int64_t> rows;
  collectively(comm, [&] {
    check_label_columns(source.target_columns(), name);
    rows = first_rows(count);
  });
  const Matrix<double> stored = gather_targets(comm, source, rows);
  std::vector<std::int64_t> labels;
  collectively(comm, [&] {
    labels = class_labels(std::span(stored.data(), static_cast<std::size_t>(count)), 0, name);
  });
  return labels;
}

struct Targets {
  SplitInfo train;
  SplitInfo test;
};

/// Chooses rows and reads their targets as they are. Collective over comm.
Targets choose_raw_targets(const Communicator& comm, const DataOptions& options,
                           const Sources& sources) {
  Targets chosen;
  collectively(comm, [&] {
    chosen.train.source_row = training_rows(options, sources.train->size(), {}, 0);
    chosen.test.source_row =
        first_rows(sources.test ? test_size(options, sources.test->size()) : 0);
  });
  chosen.train.target = gather_targets(comm, *sources.train, chosen.train.source_row);
  // Without a test set its matrix still has the width of the other.
  chosen.test.target =
      gather_targets(comm, sources.test ? *sources.test : *sources.train, chosen.test.source_row);
  return chosen;
}

/// Chooses rows and encodes their labels. All training labels are read, for they tell the number of
/// classes. Collective over comm.
Targets choose_labels(const Communicator& comm, const DataOptions& options,
                      const Sources& sources) {
  const TargetEncoding encoding = encoding_of(options);
  Targets chosen;
  std::int64_t tested = 0;
  collectively(comm, [&] { tested = sources.test ? test_size(options, sources.test->size()) : 0; });
  const auto labels = gather_labels(comm, *sources.train, sources.train->size());
  if (sources.test) {
    chosen.test.label = gather_labels(comm, *sources.test, tested);
  }
  collectively(comm, [&] {
    const std::string name = sources.train->targets_name();
    const std::int64_t classes = class_count(options.targets, labels, 0, name);
    check_several_classes(options.targets, classes, name);
    check_labels(labels, classes, name);
    chosen.train.source_row = training_rows(options, sources.train->size(), labels, classes);
    for (const std::int64_t row : chosen.train.source_row) {
      chosen.train.label.push_back(labels[static_cast<std::size_t>(row)]);
    }
    chosen.test.source_row = first_rows(tested);
    if (sources.test) {
      check_labels(chosen.test.label, classes, sources.test->targets_name());
    }
    for (SplitInfo* split : {&chosen.train, &chosen.test}) {
      split->target = encode_labels(options.targets, encoding, classes, split->label);
    }
  });
  return chosen;
}

/// The number of classes, from the training labels where it depends on them; a block of labels at a
/// time. Local.
std::int64_t count_classes(const TargetOptions& options, SampleSource& source) {
  const std::string name = source.targets_name();
  check_label_columns(source.target_columns(), name);
  if (options.classes) {
    const std::int64_t classes = class_count(options, {}, 0, name);
    check_several_classes(options, classes, name);
    return classes;
  }
  const std::int64_t n = source.size();
  const std::int64_t block = block_samples(1);
  std::int64_t classes = 0;
  std::vector<std::int64_t> rows;
  Matrix<double> stored(1, std::min(block, n));
  for (std::int64_t begin = 0; begin < n; begin += block) {
    const std::int64_t count = std::min(block, n - begin);
    rows.resize(static_cast<std::size_t>(count));
    std::iota(rows.begin(), rows.end(), begin);
    source.read_targets(rows, stored.view().block(0, 0, 1, count));
    const auto labels =
        class_labels(std::span(stored.data(), static_cast<std::size_t>(count)), begin, name);
    classes = std::max(classes, class_count(options, labels, begin, name));
  }
  source.verify_targets();
  check_several_classes(options, classes, name);
  return classes;
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
  Targets targets = encoding_of(options) == TargetEncoding::raw
                        ? choose_raw_targets(comm, options, sources)
                        : choose_labels(comm, options, sources);
  self.train = std::move(targets.train);
  self.test = std::move(targets.test);
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
  return hexadecimal(implementation_->survey.checksum, 16);
}
const std::vector<DuplicatePair>& Dataset::duplicates() const {
  return implementation_->survey.duplicates;
}
NormRange Dataset::norm_range() const {
  return implementation_->survey.norms;
}
std::int64_t Dataset::duplicate_count() const {
  return static_cast<std::int64_t>(implementation_->survey.duplicates.size());
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
    shape.outputs = count_classes(options.targets, *sources.train);
  }
  return shape;
}

}  // namespace ntkflow
