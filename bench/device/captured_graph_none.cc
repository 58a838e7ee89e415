#include "bench/device/captured_graph.h"

namespace ronde::bench {

Result<std::unique_ptr<CapturedGraph>> CapturedGraph::Capture(
    StreamView /*stream*/, const std::function<Status()>& /*work*/) {
  return Status::Unavailable("graphs are recorded of CUDA streams only; this build has no CUDA");
}

Result<int> CountCapturedKernels(StreamView /*stream*/, const std::function<Status()>& /*work*/) {
  return Status::Unavailable("graphs are recorded of CUDA streams only; this build has no CUDA");
}

}  // namespace ronde::bench
