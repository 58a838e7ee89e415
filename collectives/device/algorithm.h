#pragma once

#include <span>
#include <string_view>

#include "collectives/allreduce/algorithm.h"
#include "collectives/device/device_channel.h"
#include "collectives/device/device_context.h"
#include "core/base/status.h"
#include "core/base/types.h"

namespace ronde {

/// An allreduce of device memory: stateless, chosen by the DeviceSelector. In its
/// AllreduceArguments, pointers are the device's, places are those of the DeviceContext (its mapped
/// memory and the halves of its channels' staging), and `pieces` is empty.
///
/// What it needs to keep (NCCL's communicator, a plan) it keeps as the context's DeviceCompanion.
class DeviceAllreduceAlgorithm {
 public:
  virtual ~DeviceAllreduceAlgorithm() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// Whether it computes this operator at all: to be asked before Supports.
  [[nodiscard]] virtual bool Reduces(ReduceOp op) const { return IsElementwise(op); }
  /// Whether it can run here. Must be a pure function of what is equal on all ranks, as
  /// DeviceContext::facts() is. Waits for nobody.
  [[nodiscard]] virtual bool Supports(DeviceContext& context,
                                      const AllreduceArguments& arguments) const = 0;
  /// What Supports asks for, in words.
  [[nodiscard]] virtual std::string_view Needs() const { return "an operator that it has"; }
  /// Predicted microseconds; pure function of what is equal on all ranks.
  [[nodiscard]] virtual double Cost(DeviceContext& context,
                                    const AllreduceArguments& arguments) const = 0;
  /// Whether a lone tensor that lies in private memory had better be packed into a staging half
  /// first. False: Run takes it as it is, and copies what it must. Pure, too.
  [[nodiscard]] virtual bool WantsMapped(DeviceContext& /*context*/,
                                         const AllreduceArguments& /*arguments*/) const {
    return false;
  }
  /// Whether what Run gives to the stream begins with a barrier of all ranks before it touches any
  /// output: for DeviceChannel::NextHalf.
  [[nodiscard]] virtual bool MeetsFirst() const { return false; }
  /// What it promises for this number of ranks. For one and two ranks every fixed order is a tree.
  [[nodiscard]] ReductionOrder order(int ranks) const {
    const ReductionOrder declared = DeclaredOrder();
    return declared == ReductionOrder::kFixed && ranks <= 2 ? ReductionOrder::kTree : declared;
  }
  /// The same for this group, on which it may also depend.
  [[nodiscard]] virtual ReductionOrder OrderIn(DeviceContext& context) const {
    return order(context.size());
  }
  /// Whether OrderIn may be stricter than order(): then nothing is known before the hosts are.
  [[nodiscard]] virtual bool OrderDependsOnHosts() const { return false; }

  /// Gives the work to channel.stream() and returns: it does not wait for the device. All ranks
  /// call it in the same order for each channel. The output is there for what is given to that
  /// stream afterwards; the input may be overwritten then, too, and so may a peer's.
  ///
  /// The first calls may wait for the peers' hosts: they set up what is kept. Errors of that kind
  /// are kTimeout, kAborted, kUnavailable, on all ranks alike. What goes wrong on the device is not
  /// seen here, but by DeviceContext::TakeFault once the stream has got there; `output` is then
  /// undefined.
  virtual Status Run(DeviceContext& context, DeviceChannel& channel,
                     const AllreduceArguments& arguments) const = 0;

 private:
  /// What it promises for every number of ranks.
  [[nodiscard]] virtual ReductionOrder DeclaredOrder() const = 0;
};

/// Every device algorithm of this build, in the order of the CMake list, which is the registry.
[[nodiscard]] std::span<const DeviceAllreduceAlgorithm* const> DeviceAllreduceAlgorithms();

/// The registered one of this name, or null.
[[nodiscard]] const DeviceAllreduceAlgorithm* FindDeviceAllreduceAlgorithm(std::string_view name);

}  // namespace ronde
