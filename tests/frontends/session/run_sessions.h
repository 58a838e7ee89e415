#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "frontends/session/session.h"
#include "tests/support/run_ranks.h"

namespace ronde {

/// Runs `body(session)` on `size` ranks as threads, each with its own session. The body may shut
/// its session down; what it leaves is shut down after it.
inline void RunSessions(int size, const std::function<void(Session&)>& body,
                        const Config& config = Config(), const RunRanksOptions& options = {}) {
  RunRanksOwning(
      size,
      [&](std::unique_ptr<Transport> transport) {
        Result<std::unique_ptr<Session>> session = Session::CreateOn(std::move(transport), config);
        ASSERT_TRUE(session.ok()) << session.status().message();
        body(*session.value());
      },
      options);
}

}  // namespace ronde
