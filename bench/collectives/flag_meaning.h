#pragma once

#include <string>

#include "core/base/status.h"

namespace CLI {
class App;
}

namespace ronde::bench {

/// A flag that was given and means nothing for `benchmark` (a collective, or what stands in place
/// of one) is a mistake of the user's: kInvalidArgument, naming it.
[[nodiscard]] Status RefuseFlagsWithoutMeaning(const CLI::App& app, const std::string& benchmark);

}  // namespace ronde::bench
