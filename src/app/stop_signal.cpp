#include "stop_signal.hpp"

#include <csignal>

namespace ntkflow::app {
namespace {

volatile std::sig_atomic_t received = 0;

void remember(int signal) {
  received = signal;
}

void watch(int signal, int flags) {
  struct sigaction action {};
  action.sa_handler = remember;
  action.sa_flags = flags | SA_RESTART;
  sigaction(signal, &action, nullptr);
}

}  // namespace

void watch_stop_signals() {
  const int once = static_cast<int>(SA_RESETHAND);
  watch(SIGINT, once);
  watch(SIGTERM, once);
  watch(SIGUSR1, 0);  // a batch system may send it to every step of a job, and more than once
}

bool stop_signal_received() {
  return received != 0;
}

}  // namespace ntkflow::app
