// The C API: life of the session, and who this rank is.
#include <memory>
#include <string>

#include "core/base/config.h"
#include "core/base/program.h"
#include "frontends/c/guard.h"
#include "frontends/c/ronde.h"
#include "frontends/c/start.h"
#include "frontends/session/session_slot.h"

namespace ronde {
namespace {

static_assert(RONDE_OK == static_cast<int>(StatusCode::kOk));
static_assert(RONDE_INVALID_ARGUMENT == static_cast<int>(StatusCode::kInvalidArgument));
static_assert(RONDE_MISMATCH == static_cast<int>(StatusCode::kMismatch));
static_assert(RONDE_DUPLICATE_NAME == static_cast<int>(StatusCode::kDuplicateName));
static_assert(RONDE_TIMEOUT == static_cast<int>(StatusCode::kTimeout));
static_assert(RONDE_ABORTED == static_cast<int>(StatusCode::kAborted));
static_assert(RONDE_SHUTDOWN == static_cast<int>(StatusCode::kShutdown));
static_assert(RONDE_UNAVAILABLE == static_cast<int>(StatusCode::kUnavailable));
static_assert(RONDE_INTERNAL == static_cast<int>(StatusCode::kInternal));
static_assert(RONDE_UINT8 == static_cast<int>(DataType::kUInt8));
static_assert(RONDE_PRODUCT == static_cast<int>(ReduceOp::kProduct));
static_assert(RONDE_ADASUM == static_cast<int>(ReduceOp::kAdasum));

}  // namespace
}  // namespace ronde

using ronde::Guard;
using ronde::Session;
using ronde::Status;

ronde_status ronde_init(void) noexcept {
  return Guard([]() -> Status {
    RONDE_ASSIGN_OR_RETURN(const ronde::Config config, ronde::PresetConfig());
    return ronde::InitSession(config);
  });
}

ronde_status ronde_shutdown(void) noexcept {
  return Guard([] { return ronde::ShutdownSession(); });
}

int ronde_initialized(void) noexcept {
  return ronde::AskSession([](Session&) { return 1; }) == 1 ? 1 : 0;
}

const char* ronde_version(void) noexcept {
  static const std::string version = ronde::VersionString();
  return version.c_str();
}

ronde_status ronde_abort(const char* message) noexcept {
  return Guard([=]() -> Status {
    RONDE_ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, ronde::CurrentSession());
    session->Abort(Status::Aborted(message == nullptr ? "ronde_abort was called" : message));
    return Status::Ok();
  });
}

ronde_status ronde_job_status(void) noexcept {
  return Guard([]() -> Status {
    RONDE_ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, ronde::CurrentSession());
    return session->status();
  });
}

ronde_status ronde_allocate(size_t size_bytes, void** memory) noexcept {
  return Guard([=]() -> Status {
    RONDE_RETURN_IF_ERROR(ronde::NeedPointer(memory, "memory"));
    *memory = nullptr;
    RONDE_ASSIGN_OR_RETURN(*memory, ronde::AllocateMemory(size_bytes));
    return Status::Ok();
  });
}

ronde_status ronde_free(void* memory) noexcept {
  return Guard([=] { return ronde::FreeMemory(memory); });
}

const char* ronde_last_error(void) noexcept { return ronde::LastError().c_str(); }

int ronde_rank(void) noexcept {
  return ronde::AskSession([](Session& session) { return session.rank(); });
}
int ronde_size(void) noexcept {
  return ronde::AskSession([](Session& session) { return session.size(); });
}
int ronde_local_rank(void) noexcept {
  return ronde::AskSession([](Session& session) { return session.local_rank(); });
}
int ronde_local_size(void) noexcept {
  return ronde::AskSession([](Session& session) { return session.local_size(); });
}
int ronde_cross_rank(void) noexcept {
  return ronde::AskSession([](Session& session) { return session.cross_rank(); });
}
int ronde_cross_size(void) noexcept {
  return ronde::AskSession([](Session& session) { return session.cross_size(); });
}
