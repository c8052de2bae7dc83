#include "suggest.hpp"

#include <algorithm>

namespace ntkflow::config {

namespace {

constexpr std::size_t kLongestName = 64;  // anything longer is no slip of the finger

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the distance table: for i - 2, i - 1 and i letters of a.
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    current[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(current);
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({last[j] + 1, current[j - 1] + 1, substitution});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        current[j] = std::min(current[j], before_last[j - 2] + 1);
      }
    }
  }
  return current[b.size()];
}

std::optional<std::string> nearest_name(std::string_view name,
                                        const std::vector<std::string>& candidates) {
  if (name.size() > kLongestName) {
    return std::nullopt;
  }
  const std::size_t tolerated = std::max<std::size_t>(1, name.size() / 3);
  std::optional<std::string> nearest;
  std::size_t smallest = tolerated + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < smallest) {
      smallest = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace ntkflow::config
