#pragma once

namespace ronde {

/// For programs that do not handle signals themselves; no library should decide that for them. From
/// now on the first SIGTERM or SIGINT ends the job of the slot (session_slot.h) on all ranks, with
/// the cause "rank N: ended by SIGTERM", and this process with code 143 or 130; waiting calls
/// return kAborted meanwhile. Without a session it only ends this process. A second signal, half a
/// second or more later, ends this process at once. Signals that the program handles or ignores
/// stay its own. Idempotent; thread-safe.
void EndOnSignals();

/// At the process's exit: where a signal is ending it, does so with that signal's code.
void FinishEndBySignal();

}  // namespace ronde
