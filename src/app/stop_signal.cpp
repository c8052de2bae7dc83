#include "stop_signal.hpp"

#include <csignal>
#include <initializer_list>

namespace ntkflow::app {
namespace {

volatile std::sig_atomic_t received = 0;

void set_handler(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

void remember(int signal) {
  received = signal;
  if (signal != SIGUSR1) {
    set_handler(SIGINT, SIG_DFL);
    set_handler(SIGTERM, SIG_DFL);
  }
}

}  // namespace

void watch_stop_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) {
    set_handler(signal, remember);
  }
}

bool stop_signal_received() {
  return received != 0;
}

}  // namespace ntkflow::app
