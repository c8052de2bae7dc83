#pragma once

#include <toml++/toml.h>

#include <ntkflow/config/run_config.hpp>

#include "problems.hpp"

namespace ntkflow::config {

/// Parses the configuration's text and lays its settings over it, in order. A setting that cannot
/// be applied becomes a problem. Local. Throws ConfigError with line and column where the text is
/// no TOML.
toml::table read_document(const ConfigSource& source, Problems& problems);

}  // namespace ntkflow::config
