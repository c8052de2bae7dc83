#pragma once

#include <string>

namespace ntkflow::app {

/// The text of inputs/STUDY.toml, as it was when the program was built. Local.
/// @pre study is one of study_names()
std::string built_in_configuration(const std::string& study);

}  // namespace ntkflow::app
