#include "collectives/device/device_channel.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "collectives/device/kernels/device_kernels.h"
#include "core/base/log.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

// What peers poll at another place than what the host writes.
constexpr std::size_t kLineBytes = 128;
constexpr std::size_t kPinnedBytes = kLineBytes + kMaxPeerBlocks * sizeof(FaultRecord);
// Two words more, for a reduction whose result nobody needs.
constexpr std::size_t kStateBytes = kPeerStateWords * sizeof(std::uint64_t);
constexpr std::size_t kAlignment = 256;
// How long peers may take to finish reading.
constexpr double kPeersEndS = 1;
// How long the work of a stream that has been told to end may take to do so.
constexpr double kEndS = 5;

std::uint64_t* AbortWord(const DeviceBuffer& pinned) {
  return reinterpret_cast<std::uint64_t*>(pinned.data());
}

FaultRecord* Faults(const DeviceBuffer& pinned) {
  return reinterpret_cast<FaultRecord*>(pinned.data() + kLineBytes);
}

}  // namespace

Result<std::unique_ptr<DeviceChannel>> DeviceChannel::Create(Device& device, int number) {
  std::unique_ptr<DeviceChannel> channel(new DeviceChannel(device, number));
  RONDE_ASSIGN_OR_RETURN(channel->state_, DeviceBuffer::Create(device, kStateBytes));
  RONDE_ASSIGN_OR_RETURN(channel->pinned_,
                         DeviceBuffer::Create(device, kPinnedBytes, DeviceBuffer::Place::kPinned));
  std::memset(channel->pinned_.data(), 0, kPinnedBytes);
  RONDE_ASSIGN_OR_RETURN(channel->stream_, Stream::Create(device, StreamPriority::kHigh));
  void* const stream = channel->stream().native;
  RONDE_RETURN_IF_ERROR(device.FillZero(channel->state_.data(), kStateBytes, stream));
  RONDE_RETURN_IF_ERROR(device.Synchronize(stream, Deadline::After(kEndS)));
  return channel;
}

DeviceChannel::~DeviceChannel() {
  if (stream_.view().device == nullptr) return;
  // Peers may still read what goes now. One that never comes is not waited for long.
  if (IsLent() && !aborted() && Barrier().ok()) {
    static_cast<void>(device_->Synchronize(stream().native, Deadline::After(kPeersEndS)));
  }
  Abort();
  const Status ended = device_->Synchronize(stream().native, Deadline::After(kEndS));
  if (ended.code() != StatusCode::kTimeout) return;
  Log(LogLevel::kWarning, "work on channel ", number_,
      " of a device does not end: ", "its memory is not given back");
  // A kernel may still look at it.
  new DeviceBuffer(std::move(state_));
  new DeviceBuffer(std::move(pinned_));
  new std::shared_ptr<std::byte>(std::move(staging_));
}

void DeviceChannel::Open(CollectiveContext& local, MappedDeviceMemory& memory,
                         DeviceKernels& kernels, Peers peers, std::size_t staging_bytes) {
  local_ = &local;
  memory_ = &memory;
  kernels_ = &kernels;
  peers_ = std::move(peers);
  staging_bytes_ = std::max(kAlignment, (staging_bytes + kAlignment - 1) / kAlignment * kAlignment);
  // A new deadline has all its time left.
  timeout_ns_ = local.NewDeadline().RemainingNs();
}

PeerSync DeviceChannel::sync() const {
  PeerSync sync;
  sync.rank = peers_.rank;
  sync.ranks = size();
  for (std::size_t peer = 0; peer < peers_.flags.size(); ++peer) {
    sync.flags[peer] = peers_.flags[peer];
  }
  sync.state = reinterpret_cast<std::uint64_t*>(state_.data());
  sync.abort_word = AbortWord(pinned_);
  sync.faults = Faults(pinned_);
  sync.timeout_ns = timeout_ns_;
  return sync;
}

Status DeviceChannel::AllocateStaging() {
  RONDE_ASSIGN_OR_RETURN(
      staging_, memory_->Allocate(local_->transport(), 2 * staging_bytes_, local_->NewDeadline()));
  staging_place_ = memory_->Find(staging_.get(), 2 * staging_bytes_);
  return Status::Ok();
}

Result<StagingHalf> DeviceChannel::NextHalf(bool meets_first) {
  if (staging_ == nullptr) RONDE_RETURN_IF_ERROR(AllocateStaging());
  const std::size_t half = std::exchange(next_half_, 1 - next_half_);
  // The input is written before any barrier, the output behind the one that there may be.
  if (!meets_first) RONDE_RETURN_IF_ERROR(Settle());
  if (lent_at_[half] == barriers_) RONDE_RETURN_IF_ERROR(Barrier());
  const auto place = [this](std::size_t offset) {
    if (!staging_place_.registered()) return MemoryPlace{};
    return MemoryPlace{staging_place_.block, static_cast<std::int64_t>(offset)};
  };
  const std::size_t input = half * staging_bytes_;
  const std::size_t output = staging_bytes_ - input;
  return StagingHalf{.input = staging_.get() + input,
                     .output = staging_.get() + output,
                     .input_place = place(input),
                     .output_place = place(output),
                     .size_bytes = staging_bytes_};
}

bool DeviceChannel::IsLent() const { return lent_at_[0] == barriers_ || lent_at_[1] == barriers_; }

Status DeviceChannel::Settle() { return IsLent() ? Barrier() : Status::Ok(); }

void DeviceChannel::AfterBarrier(const MemoryPlace& lent) {
  ++barriers_;
  if (!IsStaging(lent)) return;
  const bool second = lent.offset >= static_cast<std::int64_t>(staging_bytes_);
  lent_at_[second ? 1 : 0] = barriers_;
}

Status DeviceChannel::Barrier() {
  RONDE_RETURN_IF_ERROR(kernels_->Barrier(stream(), sync()));
  AfterBarrier();
  return Status::Ok();
}

void DeviceChannel::Abort() {
  // Relaxed: nothing but the word itself is looked at.
  std::atomic_ref(*AbortWord(pinned_)).store(1, std::memory_order_relaxed);
}

bool DeviceChannel::aborted() const {
  return std::atomic_ref(*AbortWord(pinned_)).load(std::memory_order_relaxed) != 0;
}

Status DeviceChannel::fault() const {
  const FaultRecord fault = FindFault(Faults(pinned_));
  if (fault.kind == static_cast<std::uint64_t>(DeviceFaultKind::kNone)) return Status::Ok();
  const std::string& own = peers_.names[static_cast<std::size_t>(peers_.rank)];
  if (fault.kind == static_cast<std::uint64_t>(DeviceFaultKind::kAborted)) {
    return Status::Aborted(StrCat(own, " was told to give up its wait on the device"));
  }
  const bool known = fault.peer < peers_.names.size();
  return Status::Timeout(
      StrCat(own, " waited on its device for ",
             known ? peers_.names[static_cast<std::size_t>(fault.peer)] : "another rank",
             ", whose kernel did not arrive before the deadline; is it stopped or very late? "
             "(--timeout-s)"));
}

}  // namespace ronde
