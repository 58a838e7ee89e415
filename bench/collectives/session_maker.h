#pragma once

#include <functional>
#include <memory>

#include "core/base/config.h"
#include "core/base/status.h"
#include "frontends/session/session.h"

namespace ronde::bench {

/// Makes a session with the given settings, collectively.
using SessionMaker = std::function<Result<std::unique_ptr<Session>>(const Config&)>;

}  // namespace ronde::bench
