#pragma once

#include <memory>
#include <string>
#include <utility>

#include "bench/collectives/bench_device.h"
#include "bench/collectives/direct_runner.h"
#include "bench/collectives/runner.h"
#include "collectives/device/device_context.h"
#include "collectives/device/device_selector.h"
#include "core/base/config.h"

namespace ronde::bench {

/// Ronde's collectives of device memory called bare, without an engine: Run issues on the stream of
/// one channel, and Finish waits for it. Tensors that the algorithm wants in mapped memory and that
/// lie elsewhere are copied into the channel's staging and back, as the engine would.
class DeviceRunner final : public CollectiveRunner {
 public:
  /// Collective. `direct` and `device` must outlive it.
  [[nodiscard]] static Result<std::unique_ptr<DeviceRunner>> Create(DirectRunner& direct,
                                                                    BenchDevice& device,
                                                                    const Config& config);

  [[nodiscard]] DeviceContext& context() { return *context_; }

  /// What Run does with an algorithm that the caller has chosen.
  Status RunWith(const DeviceAllreduceAlgorithm& algorithm, const AllreduceArguments& arguments);

  /// What is no allreduce is NCCL's affair.
  [[nodiscard]] bool Supports(const CollectiveCall& call) const override;
  Status Begin() override { return Status::Ok(); }
  Status Run(const CollectiveCall& call) override;
  Status Finish() override;
  Status Barrier() override { return direct_.Barrier(); }
  void End() override {}
  [[nodiscard]] BenchDevice* device() const override { return &device_; }
  [[nodiscard]] std::string AlgorithmFor(const CollectiveCall& call) override;
  [[nodiscard]] Result<std::shared_ptr<std::byte>> AllocateRegistered(
      std::size_t size_bytes) override {
    return context_->Allocate(size_bytes);
  }
  [[nodiscard]] MemoryPlace Find(const void* data, std::size_t size_bytes) const override {
    return context_->Find(data, size_bytes);
  }

 private:
  DeviceRunner(DirectRunner& direct, BenchDevice& device, DeviceSelector selector,
               std::unique_ptr<DeviceContext> context)
      : direct_(direct),
        device_(device),
        selector_(std::move(selector)),
        context_(std::move(context)) {}
  /// Error: kUnavailable where no device algorithm takes the call.
  [[nodiscard]] Result<const DeviceAllreduceAlgorithm*> Choose(const AllreduceArguments& arguments);
  Status AllreduceStaged(const DeviceAllreduceAlgorithm& algorithm, AllreduceArguments arguments,
                         std::size_t size_bytes);
  [[nodiscard]] DeviceChannel& channel() { return context_->channel(0); }

  DirectRunner& direct_;
  BenchDevice& device_;
  DeviceSelector selector_;
  std::unique_ptr<DeviceContext> context_;
};

}  // namespace ronde::bench
