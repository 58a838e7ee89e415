#pragma once

#include "core/base/config.h"
#include "frontends/session/session.h"

namespace ronde {

/// Starts this process's rank: over MPI under a launcher, one rank in process when started bare.
/// Settings come from RONDE_... variables. Collective. Errors: Error (kInvalidArgument for a
/// malformed setting or a second Init).
void Init();
/// The same with explicit settings.
void Init(const Config& config);
/// Collective; never hangs; idempotent. Throws the job's failure, if any.
void Shutdown();

/// The session that Init() started; every class of this folder takes one, explicitly.
/// Error: kInvalidArgument before Init() and after Shutdown().
[[nodiscard]] Session& DefaultSession();

[[nodiscard]] int Rank();
[[nodiscard]] int Size();
[[nodiscard]] int LocalRank();
[[nodiscard]] int LocalSize();

}  // namespace ronde
