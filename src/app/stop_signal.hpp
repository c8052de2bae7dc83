#pragma once

namespace ntkflow::app {

/// From now on SIGINT, SIGTERM and SIGUSR1 ask the run to end at its next safe point. After the
/// first SIGINT or SIGTERM another of them ends this process at once, as without us; SIGUSR1, which
/// batch systems send more than once, never does. Local.
void watch_stop_signals();

/// Whether one of them has come. Local.
bool stop_signal_received();

}  // namespace ntkflow::app
