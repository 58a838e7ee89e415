// The C API: timeline, metrics, counters.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>

#include "frontends/c/guard.h"
#include "frontends/c/options.h"
#include "frontends/c/result_copy.h"
#include "frontends/c/ronde.h"
#include "frontends/session/session_slot.h"

using ronde::Guard;
using ronde::Session;
using ronde::Status;

ronde_status ronde_timeline_start(const char* path, int mark_cycles) noexcept {
  return Guard([=]() -> Status {
    RONDE_RETURN_IF_ERROR(ronde::NeedPointer(path, "path"));
    RONDE_ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, ronde::CurrentSession());
    return session->StartTimeline(path, mark_cycles != 0);
  });
}

ronde_status ronde_timeline_stop(void) noexcept {
  return Guard([]() -> Status {
    RONDE_ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, ronde::CurrentSession());
    return session->StopTimeline();
  });
}

ronde_status ronde_metrics_text(char* buffer, size_t capacity, size_t* needed) noexcept {
  return Guard([=]() -> Status {
    RONDE_ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, ronde::CurrentSession());
    return ronde::CopyText(session->MetricsText(), buffer, capacity, needed);
  });
}

ronde_status ronde_read_counters(ronde_counters* counters) noexcept {
  return Guard([=]() -> Status {
    RONDE_RETURN_IF_ERROR(ronde::NeedPointer(counters, "counters"));
    const std::size_t size = counters->struct_size;
    RONDE_RETURN_IF_ERROR(ronde::CheckStructSize(size, sizeof(ronde_counters), "ronde_counters",
                                                 "RONDE_COUNTERS_INIT"));
    RONDE_ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, ronde::CurrentSession());
    const ronde::SessionCounters read = session->counters();
    const ronde_counters known = {size,
                                  read.operations,
                                  read.payload_bytes,
                                  read.bytes_on_wire,
                                  read.bytes_packed,
                                  read.seconds_outstanding,
                                  read.seconds_executing};
    std::memcpy(counters, &known, std::min(size, sizeof(known)));
    return Status::Ok();
  });
}
