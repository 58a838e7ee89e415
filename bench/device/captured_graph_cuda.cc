#include <utility>
#include <vector>

#include <cuda_runtime_api.h>

#include "bench/device/captured_graph.h"
#include "core/device/status_cuda.h"

namespace ronde::bench {
namespace {

class CudaGraph final : public CapturedGraph {
 public:
  explicit CudaGraph(int device) : device_(device) {}
  ~CudaGraph() override {
    if (runnable_ != nullptr) cudaGraphExecDestroy(runnable_);
    if (graph_ != nullptr) cudaGraphDestroy(graph_);
  }

  Status Record(StreamView stream, const std::function<Status()>& work) {
    const auto native = static_cast<cudaStream_t>(stream.native);
    // Other threads may call what a capture forbids, such as an allocation.
    RONDE_RETURN_IF_ERROR(ToStatus(cudaStreamBeginCapture(native, cudaStreamCaptureModeThreadLocal),
                                   "cudaStreamBeginCapture"));
    const Status worked = work();
    const cudaError_t ended = cudaStreamEndCapture(native, &graph_);
    RONDE_RETURN_IF_ERROR(worked);
    RONDE_RETURN_IF_ERROR(ToStatus(ended, "cudaStreamEndCapture"));
    return CountKernels();
  }

  Status Instantiate() {
    return ToStatus(cudaGraphInstantiate(&runnable_, graph_, 0), "cudaGraphInstantiate");
  }

  Status Replay(StreamView stream) override {
    return ToStatus(cudaGraphLaunch(runnable_, static_cast<cudaStream_t>(stream.native)),
                    "cudaGraphLaunch");
  }

  [[nodiscard]] int kernels() const override { return kernels_; }

 private:
  Status CountKernels() {
    std::size_t count = 0;
    RONDE_RETURN_IF_ERROR(
        ToStatus(cudaGraphGetNodes(graph_, nullptr, &count), "cudaGraphGetNodes"));
    std::vector<cudaGraphNode_t> nodes(count);
    RONDE_RETURN_IF_ERROR(
        ToStatus(cudaGraphGetNodes(graph_, nodes.data(), &count), "cudaGraphGetNodes"));
    for (const cudaGraphNode_t node : nodes) {
      cudaGraphNodeType type = cudaGraphNodeTypeEmpty;
      RONDE_RETURN_IF_ERROR(ToStatus(cudaGraphNodeGetType(node, &type), "cudaGraphNodeGetType"));
      if (type == cudaGraphNodeTypeKernel) ++kernels_;
    }
    return Status::Ok();
  }

  [[nodiscard]] Status ToStatus(cudaError_t error, const char* what) const {
    return error == cudaSuccess ? Status::Ok() : CudaStatus(error, device_, what);
  }

  const int device_;
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t runnable_ = nullptr;
  int kernels_ = 0;
};

Result<std::unique_ptr<CudaGraph>> Record(StreamView stream, const std::function<Status()>& work) {
  if (stream.device == nullptr || stream.device->kind() != DeviceKind::kCuda) {
    return Status::Unavailable("graphs are recorded of CUDA streams only");
  }
  auto graph = std::make_unique<CudaGraph>(stream.device->index());
  RONDE_RETURN_IF_ERROR(graph->Record(stream, work));
  return graph;
}

}  // namespace

Result<std::unique_ptr<CapturedGraph>> CapturedGraph::Capture(StreamView stream,
                                                              const std::function<Status()>& work) {
  RONDE_ASSIGN_OR_RETURN(auto graph, Record(stream, work));
  RONDE_RETURN_IF_ERROR(graph->Instantiate());
  return std::unique_ptr<CapturedGraph>(std::move(graph));
}

Result<int> CountCapturedKernels(StreamView stream, const std::function<Status()>& work) {
  RONDE_ASSIGN_OR_RETURN(const auto graph, Record(stream, work));
  return graph->kernels();
}

}  // namespace ronde::bench
