#include "claim_text.hpp"

#include <fmt/format.h>

namespace ntkflow::app {

std::string claim_text(const Claim& claim) {
  return fmt::format("{}: {} = {:.4g}, expected {:.4g} +- {:.4g}",
                     claim.holds() ? "holds" : "FAILS", claim.statement, claim.value,
                     claim.expected, claim.tolerance);
}

}  // namespace ntkflow::app
