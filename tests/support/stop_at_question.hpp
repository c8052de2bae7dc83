#pragma once

#include <ntkflow/base/monitor.hpp>

namespace ntkflow::test {

/// Asks to stop at its rank's question number `question`, counted from 0, and at all later ones.
class StopAtQuestion : public Monitor {
 public:
  explicit StopAtQuestion(int question) : question_(question) {}
  [[nodiscard]] bool stop_requested() const override { return asked_++ >= question_; }

 private:
  int question_;
  mutable int asked_ = 0;
};

}  // namespace ntkflow::test
