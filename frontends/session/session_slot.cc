#include "frontends/session/session_slot.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <future>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "core/base/log.h"
#include "core/base/strcat.h"
#include "frontends/session/end_on_signals.h"

namespace ronde {
namespace {

constexpr std::chrono::seconds kLastWords{2};

struct Slot {
  std::mutex creation;  // held while a session is created: makes two inits at once one error
  std::mutex mutex;     // guards what follows but the last, never held across a collective
  std::shared_ptr<Session> session;
  std::map<void*, std::shared_ptr<std::byte>> memory;
  std::map<Setting, std::string> presets;
  // A session that was shut down in a callback, until it has gone.
  std::weak_ptr<Session> leaver;
  std::future<void> leaving;
  std::terminate_handler previous_terminate = nullptr;
};

// Never destroyed: exit handlers and other threads may come by at any time.
Slot& TheSlot() {
  static Slot* slot = new Slot();
  return *slot;
}

std::shared_ptr<Session> Look() {
  Slot& slot = TheSlot();
  const std::lock_guard lock(slot.mutex);
  return slot.session;
}

std::string TextOf(const std::exception_ptr& exception) {
  if (exception == nullptr) return "std::terminate was called";
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

// Shutdown returns once the others have been told. On a thread of its own, with a limit: the one
// that dies here may be the engine's, which Shutdown would wait for.
void ShutDownWithin(std::chrono::seconds limit, const std::shared_ptr<Session>& session) {
  auto told = std::make_shared<std::promise<void>>();  // the thread may outlast this frame
  std::future<void> done = told->get_future();
  std::thread([session, told] {
    const Status status = session->Shutdown();
    // Of several ranks the engine has told the cause.
    if (session->size() == 1) Log(LogLevel::kError, status.message());
    told->set_value();
  }).detach();
  done.wait_for(limit);
}

void EndJob(const std::shared_ptr<Session>& session, const std::string& why) {
  session->Abort(Status::Aborted(StrCat("rank ", session->rank(), ": ", why)));
  ShutDownWithin(kLastWords, session);
}

// Tells the other ranks why this one dies; without it they would have to find out by its silence.
[[noreturn]] void OnTerminate() {
  const std::shared_ptr<Session> session = Look();
  if (session != nullptr) {
    EndJob(session, TextOf(std::current_exception()));
    // MPI's own handler would print a backtrace of this very function.
    std::signal(SIGABRT, SIG_DFL);
  }
  const std::terminate_handler previous = TheSlot().previous_terminate;
  // libstdc++'s own says no more than has been said.
  const bool is_default = previous == &__gnu_cxx::__verbose_terminate_handler;
  if (previous != nullptr && (session == nullptr || !is_default)) previous();
  std::abort();
}

// Waits for a session that takes leave on a thread of its own, for as long as a shutdown takes.
void AwaitLeaver() {
  Slot& slot = TheSlot();
  std::future<void> leaving;
  {
    const std::lock_guard lock(slot.mutex);
    leaving = std::move(slot.leaving);
  }
  if (leaving.valid()) leaving.wait();
}

std::shared_ptr<Session> LookAtLeaver() {
  Slot& slot = TheSlot();
  const std::lock_guard lock(slot.mutex);
  return slot.leaver.lock();
}

void OnExit() {
  std::shared_ptr<Session> session = Look();
  if (session == nullptr) session = LookAtLeaver();
  if (session != nullptr && session->InCallback()) {
    // Nobody else can take leave of the others, and this thread does not come back to it.
    session->Abort(Status::Aborted(
        StrCat("rank ", session->rank(), ": the program was ended in a callback of an operation")));
    new std::shared_ptr<Session>(std::move(session));  // nor may it destroy the session
    return FinishEndBySignal();
  }
  session.reset();
  AwaitLeaver();
  // The engine has told a failure when it came.
  static_cast<void>(ShutdownSession());
  FinishEndBySignal();
}

// Once per process, after the first session exists: what the transport has registered to run at
// exit (MPI's finalisation) then runs later than this.
void InstallHooks() {
  static const bool installed = [] {
    std::atexit(OnExit);
    TheSlot().previous_terminate = std::set_terminate(OnTerminate);
    return true;
  }();
  static_cast<void>(installed);
}

}  // namespace

void EndCurrentJob(const std::string& why) {
  const std::shared_ptr<Session> session = Look();
  if (session != nullptr) EndJob(session, why);
}

Status InitSession(const Config& config) {
  Slot& slot = TheSlot();
  const std::lock_guard creating(slot.creation);
  if (Look() != nullptr) {
    return Status::InvalidArgument(
        "Ronde is initialised already; shut it down before initialising it again");
  }
  AwaitLeaver();
  RONDE_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Session::Create(config));
  InstallHooks();
  const std::lock_guard lock(slot.mutex);
  slot.session = std::move(session);
  return Status::Ok();
}

Result<Config> PresetConfig() {
  RONDE_ASSIGN_OR_RETURN(Config config, Config::FromEnvironment());
  Slot& slot = TheSlot();
  const std::lock_guard lock(slot.mutex);
  for (const auto& [setting, value] : slot.presets) {
    RONDE_RETURN_IF_ERROR(config.Set(setting, value, SettingOrigin::kFlag));
  }
  return config;
}

Status PresetSetting(Setting setting, const char* value) {
  if (value != nullptr) {
    RONDE_RETURN_IF_ERROR(Config().Set(setting, value, SettingOrigin::kFlag));
  }
  Slot& slot = TheSlot();
  const std::lock_guard lock(slot.mutex);
  if (slot.session != nullptr) {
    return Status::InvalidArgument(StrCat(SpecOf(setting).flag, ": Ronde is initialised already; ",
                                          "settings must be set before that"));
  }
  if (value == nullptr) {
    slot.presets.erase(setting);
  } else {
    slot.presets[setting] = value;
  }
  return Status::Ok();
}

Result<std::shared_ptr<Session>> CurrentSession() {
  std::shared_ptr<Session> session = Look();
  if (session == nullptr) {
    return Status::InvalidArgument("Ronde is not initialised; call its init function first");
  }
  return session;
}

Result<void*> AllocateMemory(std::size_t size_bytes) {
  RONDE_ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, CurrentSession());
  RONDE_ASSIGN_OR_RETURN(std::shared_ptr<std::byte> memory, session->Allocate(size_bytes));
  Slot& slot = TheSlot();
  const std::lock_guard lock(slot.mutex);
  if (slot.session != session) return Status::Shutdown("Ronde was shut down meanwhile");
  void* const address = memory.get();
  slot.memory[address] = std::move(memory);
  return address;
}

Status FreeMemory(void* memory) {
  if (memory == nullptr) return Status::Ok();
  std::shared_ptr<std::byte> freed;  // unmapped without the lock
  Slot& slot = TheSlot();
  const std::lock_guard lock(slot.mutex);
  const auto found = slot.memory.find(memory);
  if (found == slot.memory.end()) {
    return Status::InvalidArgument(
        StrCat("address ", memory, " is not registered memory that is in use; free each once, ",
               "before shutting down"));
  }
  freed = std::move(found->second);
  slot.memory.erase(found);
  return Status::Ok();
}

Status ShutdownSession() {
  std::shared_ptr<Session> session;
  std::map<void*, std::shared_ptr<std::byte>> memory;  // kept while operations may use it
  Slot& slot = TheSlot();
  std::unique_lock lock(slot.mutex);
  session.swap(slot.session);
  memory.swap(slot.memory);
  if (session == nullptr) return Status::Ok();
  if (!session->InCallback()) {
    lock.unlock();
    return session->Shutdown();
  }
  // The last to let go destroys it, which waits for this very thread.
  slot.leaver = session;
  const Status status = session->status();
  std::packaged_task<void()> leave(
      [session = std::move(session), memory = std::move(memory)]() mutable {
        static_cast<void>(session->Shutdown());
        memory.clear();
        session.reset();
      });
  slot.leaving = leave.get_future();
  std::thread(std::move(leave)).detach();
  return status;
}

}  // namespace ronde
