#pragma once

namespace ronde {

/// SIGINT, SIGTERM and SIGHUP end this rank at once with exit code 128 + signal. Every line of the
/// log written so far is whole, and peers learn of it from the launcher.
void ExitOnSignals();

/// The first of these signals is only noted, for a run that can save itself and stop; the next one
/// ends this rank at once, as above. A launcher may send one signal along several ways: what
/// arrives within half a second of the first is the same one.
void StopOnSignals();
/// The signal that StopOnSignals() has noted, 0 for none. Thread rule: thread-safe.
[[nodiscard]] int RequestedStop();

/// "SIGTERM".
[[nodiscard]] const char* SignalName(int signal);

}  // namespace ronde
