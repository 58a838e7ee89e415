#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/collectives/collective.h"

namespace gloo {
class Context;
}

namespace ronde::bench {

/// A call of gloo's that is ready to be made, as often as wanted. Throws what gloo throws.
struct GlooOperation {
  std::string name;
  std::function<void()> run;
};

/// Whether gloo has this type (of a reduction; what is only moved may be of any) and operator.
[[nodiscard]] bool GlooSupports(const CollectiveCall& call);

/// The ways that gloo has for this call, which it supports. Collective: same order on all ranks.
[[nodiscard]] std::vector<GlooOperation> GlooOperationsFor(
    const std::shared_ptr<gloo::Context>& context, const CollectiveCall& call);

}  // namespace ronde::bench
