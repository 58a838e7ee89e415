#pragma once

#include <csignal>
#include <string_view>

namespace ronde {

/// How ronderun asks the ranks of a running job to end: mpirun forwards this signal to every guard
/// (on all hosts), and the guard sends its rank SIGTERM. Nobody counts the time but ronderun.
///
/// SIGTERM to mpirun does not do: it sends its ranks SIGCONT, SIGTERM and SIGKILL with one fixed
/// pause after each (odls_base_sigkill_timeout), which it sleeps through to the end even where they
/// are gone. A short pause kills ranks that are saving a checkpoint; a long one delays SIGTERM as
/// well, and the end of every job in which a rank fails.
///
/// SIGURG, because a program ignores it unless it asks for it, and mpirun forwards it when told to.
inline constexpr int kStopSignal = SIGURG;
inline constexpr std::string_view kStopSignalName = "SIGURG";

/// The same for srun, which forwards few signals, and to every process of a rank. The guard has its
/// rank ignore this one.
inline constexpr int kSrunStopSignal = SIGUSR2;

}  // namespace ronde
