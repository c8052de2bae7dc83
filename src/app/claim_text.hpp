#pragma once

#include <string>

#include <ntkflow/experiment/study.hpp>

namespace ntkflow::app {

/// A claim with its numbers and the verdict, on one line. Local.
std::string claim_text(const Claim& claim);

}  // namespace ntkflow::app
