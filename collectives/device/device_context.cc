#include "collectives/device/device_context.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "collectives/device/device_facts.h"
#include "collectives/device/kernels/device_kernels.h"
#include "collectives/device/kernels/peer_flags.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

// Numbers of blocks of staging memory begin here: places of both kinds are told apart by them.
constexpr std::int64_t kFirstStagingBlock = std::int64_t{1} << 40;
constexpr std::size_t kFlagBytes = kFlagSlots * sizeof(std::uint64_t);

}  // namespace

DeviceContext::DeviceContext(CollectiveContext& group, Device& device, DeviceContext* world)
    : group_(&group),
      device_(&device),
      world_(world != nullptr ? world : this),
      memory_(device),
      staging_(device, kFirstStagingBlock) {}

Result<std::unique_ptr<DeviceContext>> DeviceContext::Create(CollectiveContext& group,
                                                             Device* device,
                                                             const Options& options) {
  if (device == nullptr) {
    // So that all ranks hear of it.
    const auto agreement = AgreeOnDevices(group, {nullptr, Status::Ok(), group.rank(), 1});
    return agreement.ok() ? Status::Internal("a rank without a device") : agreement.status();
  }
  std::unique_ptr<DeviceContext> context(new DeviceContext(group, *device, nullptr));
  RONDE_RETURN_IF_ERROR(context->Open(options));
  const Tuning* const tuning = group.tuning();
  context->costs_ =
      tuning != nullptr && tuning->device
          ? tuning->device->costs
          : DefaultDeviceCosts(context->facts_.link, group.communicator().most_ranks_per_host());
  return context;
}

Result<std::unique_ptr<DeviceContext>> DeviceContext::CreateWithin(DeviceContext& world,
                                                                   CollectiveContext& group) {
  std::unique_ptr<DeviceContext> context(new DeviceContext(group, *world.device_, &world));
  RONDE_RETURN_IF_ERROR(
      context->Open({.channels = world.channels(), .staging_bytes = world.staging_bytes_}));
  const std::lock_guard lock(world.mutex_);
  world.views_.push_back(context.get());
  if (world.aborted_) context->Abort();
  return context;
}

DeviceContext::~DeviceContext() {
  if (world_ != this) {
    const std::lock_guard lock(world_->mutex_);
    std::erase(world_->views_, this);
  }
  while (!companions_.empty()) companions_.pop_back();
}

Status DeviceContext::Open(const Options& options) {
  staging_bytes_ = options.staging_bytes;
  // Whatever goes wrong here is told to all before anybody waits for this rank.
  const Status own_part = PrepareOwnPart(options.channels);
  const DevicePart part = {device_, own_part, world_->group_->rank(),
                           group_->transport().carries_device_memory(), options.channels};
  RONDE_ASSIGN_OR_RETURN(const DeviceAgreement agreement, AgreeOnDevices(*group_, part));
  facts_ = agreement.facts;
  local_names_ = agreement.local_names;
  return OpenChannels();
}

Status DeviceContext::PrepareOwnPart(int channels) {
  if (world_ == this) {
    RONDE_ASSIGN_OR_RETURN(owned_kernels_, CreateDeviceKernels(*device_));
    kernels_ = owned_kernels_.get();
  } else {
    kernels_ = world_->kernels_;
  }
  for (int number = 0; number < channels; ++number) {
    RONDE_ASSIGN_OR_RETURN(auto channel, DeviceChannel::Create(*device_, number));
    channels_.push_back(std::move(channel));
  }
  return Status::Ok();
}

// The flags of all channels are one block of mapped memory. Whether it can be had shows whether
// peers reach each other at all.
Status DeviceContext::OpenChannels() {
  CollectiveContext& local = group_->local_context();
  Result<std::shared_ptr<std::byte>> flags =
      staging_.Allocate(local.transport(), channels_.size() * kFlagBytes, local.NewDeadline());
  std::vector<std::byte*> parts(static_cast<std::size_t>(local.size()));
  bool reachable = local.size() == 1;
  if (flags.ok()) {
    flags_ = std::move(flags).value();
    reachable = reachable || staging_.Peers(staging_.Find(flags_.get(), 1), {}, parts);
  }
  RONDE_ASSIGN_OR_RETURN(facts_.peers_reach_each_other,
                         AgreeOnReach(*group_, flags.status(), reachable));
  for (std::unique_ptr<DeviceChannel>& channel : channels_) {
    DeviceChannel::Peers peers = {.rank = local.rank(), .names = local_names_, .flags = {}};
    const std::size_t offset = static_cast<std::size_t>(channel->number()) * kFlagBytes;
    for (std::byte* const part : parts) {
      if (part == nullptr) continue;
      peers.flags.push_back(reinterpret_cast<std::uint64_t*>(part + offset));
    }
    channel->Open(local, staging_, *kernels_, std::move(peers), staging_bytes_);
  }
  return Status::Ok();
}

Result<std::shared_ptr<std::byte>> DeviceContext::Allocate(std::size_t size_bytes) {
  CollectiveContext& local = world_->group_->local_context();
  return world_->memory_.Allocate(local.transport(), size_bytes, local.NewDeadline());
}

Status DeviceContext::Peers(const MemoryPlace& place, std::span<std::byte*> parts) const {
  const bool staging = place.block >= kFirstStagingBlock;
  // Of the world's ranks on this host, those that are members.
  std::span<const int> members;
  if (world_ != this) members = group_->local_context().registered_parts();
  if (staging ? staging_.Peers(place, {}, parts) : world_->memory_.Peers(place, members, parts)) {
    return Status::Ok();
  }
  return Status::Internal(StrCat("device memory of block ", place.block,
                                 " has been given back while a collective needs it"));
}

DeviceCompanion* DeviceContext::companion(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [its_name, companion] : companions_) {
    if (its_name == name) return companion.get();
  }
  return nullptr;
}

DeviceCompanion& DeviceContext::Keep(std::string name, std::unique_ptr<DeviceCompanion> companion) {
  const std::lock_guard lock(mutex_);
  if (aborted_) companion->Abort();
  return *companions_.emplace_back(std::move(name), std::move(companion)).second;
}

void DeviceContext::Abort() {
  const std::lock_guard lock(mutex_);
  aborted_ = true;
  for (const std::unique_ptr<DeviceChannel>& channel : channels_) channel->Abort();
  for (const auto& [name, companion] : companions_) companion->Abort();
  for (DeviceContext* const view : views_) view->Abort();
}

Status DeviceContext::TakeFault(const DeviceChannel& channel) const {
  RONDE_RETURN_IF_ERROR(channel.fault());
  const std::lock_guard lock(mutex_);
  for (const auto& [name, companion] : companions_) RONDE_RETURN_IF_ERROR(companion->fault());
  return Status::Ok();
}

void DeviceContext::Detach() {
  world_->memory_.Detach();
  staging_.Detach();
}

}  // namespace ronde
