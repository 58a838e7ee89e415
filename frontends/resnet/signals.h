#pragma once

namespace ronde {

/// SIGINT, SIGTERM and SIGHUP end this rank at once with exit code 128 + signal. Every line of the
/// log written so far is whole, and peers learn of it from the launcher.
void ExitOnSignals();

}  // namespace ronde
