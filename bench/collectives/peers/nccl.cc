#include <memory>

#include "bench/collectives/bench_device.h"
#include "bench/collectives/device_movement.h"
#include "bench/collectives/peers/peer_table.h"
#include "collectives/barrier/barrier.h"
#include "collectives/collective_context.h"
#include "collectives/device/kernels/device_kernels.h"
#include "collectives/device/nccl/nccl_communicator.h"
#include "collectives/device/nccl/nccl_library.h"
#include "core/device/stream.h"

namespace ronde::bench {
namespace {

// NCCL's own choice of algorithm, in plain device memory, on a stream and a communicator of its
// own. The communicator does not block, as Ronde's algorithm `nccl` has it, so that a wait for a
// rank that died ends.
class NcclPeer final : public CollectiveRunner {
 public:
  explicit NcclPeer(const PeerPlace& place) : context_(place.context), device_(place.device) {}

  [[nodiscard]] bool Supports(const CollectiveCall& call) const override {
    return call.collective != Collective::kSendrecv &&
           (!Reduces(call.collective) || IsElementwise(call.op));
  }

  Status Begin() override {
    if (communicator_ != nullptr) return Status::Ok();
    Device& device = device_->device();
    RONDE_ASSIGN_OR_RETURN(kernels_, CreateDeviceKernels(device));
    RONDE_ASSIGN_OR_RETURN(stream_, Stream::Create(device, StreamPriority::kHigh));
    RONDE_ASSIGN_OR_RETURN(communicator_,
                           NcclCommunicator::Create(LoadNccl(device.kind()), context_.transport(),
                                                    device.index(), context_.NewDeadline()));
    return Status::Ok();
  }

  Status Run(const CollectiveCall& call) override {
    return CallNccl({*communicator_, *kernels_, stream_.view(), context_.NewDeadline()},
                    device_->device(), call);
  }

  Status Finish() override {
    RONDE_RETURN_IF_ERROR(device_->Finish(stream_.view()));
    return communicator_->AsyncError();
  }

  Status Barrier() override { return ronde::Barrier(context_); }
  void End() override {}
  [[nodiscard]] BenchDevice* device() const override { return device_; }
  [[nodiscard]] std::string AlgorithmFor(const CollectiveCall&) override { return "nccl"; }

 private:
  CollectiveContext& context_;
  BenchDevice* const device_;
  std::unique_ptr<DeviceKernels> kernels_;
  Stream stream_;
  std::unique_ptr<NcclCommunicator> communicator_;
};

}  // namespace

std::unique_ptr<CollectiveRunner> MakeNcclPeer(const PeerPlace& place) {
  return std::make_unique<NcclPeer>(place);
}

}  // namespace ronde::bench
