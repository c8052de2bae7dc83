#pragma once

#include "read_tables.hpp"

// What the studies of [experiment] have each for themselves. Both are Local.
namespace ntkflow::config {

/// Complains of keys that the study has no use for.
void refuse_foreign_keys(const TableReader& experiment, Study study);

/// Reads the keys of options.study into options.
void read_study(const TableReader& experiment, ExperimentOptions& options);

}  // namespace ntkflow::config
