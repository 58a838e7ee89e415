#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "core/base/config.h"
#include "core/base/status.h"
#include "frontends/session/session.h"

namespace ronde {

// The one process-wide slot of Ronde, for APIs in the style of Init(), such as the C API and the
// libtorch front end: their users hold no Session. Everything else passes a Session explicitly.
// Thread rule: all functions are thread-safe; the slot is guarded by its own mutex.

/// Creates this process's session (collective, see Session::Create) and puts it into the slot.
/// From then on, until ShutdownSession:
///  - an exception that nobody catches ends the job on all ranks with its message;
///  - a process that exits without ShutdownSession shuts the session down on its way out.
/// Initialising again after ShutdownSession works.
/// Errors: kInvalidArgument when the slot is taken; else those of Session::Create.
Status InitSession(const Config& config);

/// The settings for who reads them from outside: the environment, overlaid with PresetSetting's.
/// Errors: those of Config::FromEnvironment.
[[nodiscard]] Result<Config> PresetConfig();

/// `value` for every later PresetConfig, like a flag; null leaves the setting to the environment
/// again. Errors: kInvalidArgument naming what is accepted, or when the slot is taken.
Status PresetSetting(Setting setting, const char* value);

/// The slot's session. Shared: a call in progress on another thread keeps it alive across
/// ShutdownSession, after which its operations end with kShutdown.
/// Error: kInvalidArgument when the slot is empty.
[[nodiscard]] Result<std::shared_ptr<Session>> CurrentSession();

/// Registered memory of the slot's session (collective, see Session::Allocate) for users who keep
/// an address: it lives until FreeMemory or ShutdownSession. Error, besides those of
/// Session::Allocate: kInvalidArgument when the slot is empty.
[[nodiscard]] Result<void*> AllocateMemory(std::size_t size_bytes);

/// Gives `memory` of AllocateMemory back, on this rank; null is kOk. Error: kInvalidArgument for an
/// address that AllocateMemory has not returned, or that is free already.
Status FreeMemory(void* memory);

/// Ends the job on all ranks because of something that happened to this one: "rank N: `why`". At
/// most some seconds later all that can be told has been. Any thread; nothing where the slot is
/// empty.
void EndCurrentJob(const std::string& why);

/// Empties the slot and shuts its session down (collective, see Session::Shutdown). An empty slot
/// is kOk. Returns the job's failure, if any.
Status ShutdownSession();

}  // namespace ronde
