#include "collectives/device/mapped_memory.h"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "collectives/shared/set_up_exchange.h"
#include "core/base/log.h"
#include "core/base/strcat.h"
#include "core/device/device_buffer.h"
#include "core/device/stream.h"

namespace ronde {
namespace {

constexpr std::size_t kAlignment = 256;
// How many blocks at a time ranks agree to give back; the rest waits for the next time.
constexpr std::size_t kGivenBackAtOnce = 16;

// What a rank tells its peers of its new part.
struct Offer {
  std::uint8_t allocated = 0;
  std::uint8_t exported = 0;
  MemoryExport memory;
};

Result<DeviceBuffer> AllocateZeros(Device& device, std::size_t size_bytes,
                                   const Deadline& deadline) {
  RONDE_ASSIGN_OR_RETURN(DeviceBuffer buffer, DeviceBuffer::Create(device, size_bytes));
  RONDE_ASSIGN_OR_RETURN(const Stream stream, Stream::Create(device, StreamPriority::kDefault));
  void* const native = stream.view().native;
  RONDE_RETURN_IF_ERROR(device.FillZero(buffer.data(), size_bytes, native));
  RONDE_RETURN_IF_ERROR(device.Synchronize(native, deadline));
  return buffer;
}

template <typename Record, typename Test>
bool All(const std::vector<Record>& records, Test test) {
  return std::all_of(records.begin(), records.end(), test);
}

}  // namespace

/// One allocation: this rank's part, and where this device reaches its peers'.
struct MappedDeviceMemory::Block {
  explicit Block(DeviceBuffer memory) : own(std::move(memory)) {}
  ~Block() { UnmapPeers(); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  Status MapPeers(Device& its_device, int rank, const std::vector<Offer>& offers) {
    device = &its_device;
    parts.assign(offers.size(), nullptr);
    own_rank = static_cast<std::size_t>(rank);
    parts[own_rank] = own.data();
    for (std::size_t peer = 0; peer < offers.size(); ++peer) {
      if (peer == own_rank) continue;
      RONDE_ASSIGN_OR_RETURN(void* const mapped, device->Map(offers[peer].memory));
      parts[peer] = static_cast<std::byte*>(mapped);
    }
    return Status::Ok();
  }
  void UnmapPeers() {
    for (std::size_t peer = 0; peer < parts.size(); ++peer) {
      if (peer != own_rank && parts[peer] != nullptr) device->Unmap(parts[peer]);
    }
    parts.clear();
  }
  [[nodiscard]] bool shared() const { return !parts.empty(); }

  DeviceBuffer own;
  Device* device = nullptr;
  std::size_t own_rank = 0;
  std::vector<std::byte*> parts;  // by local rank; empty: private
};

/// What the users' pointers own.
struct MappedDeviceMemory::Handle {
  std::shared_ptr<Block> block;
};

MappedDeviceMemory::MappedDeviceMemory(Device& device, std::int64_t first_block)
    : device_(&device), last_number_(first_block - 1) {}

MappedDeviceMemory::~MappedDeviceMemory() {
  // A peer that is late may still use what was given up: it is never given back.
  if (!retired_.empty()) new std::vector<std::shared_ptr<Block>>(std::move(retired_));
}

Result<std::shared_ptr<std::byte>> MappedDeviceMemory::Allocate(Transport& local,
                                                                std::size_t size_bytes,
                                                                Deadline deadline) {
  const std::int64_t number = ++last_number_;
  RONDE_RETURN_IF_ERROR(GiveBack(local, deadline));
  const std::size_t rounded =
      std::max(kAlignment, (size_bytes + kAlignment - 1) / kAlignment * kAlignment);
  RONDE_ASSIGN_OR_RETURN(std::shared_ptr<Block> block, Share(local, rounded, deadline));
  const auto handle = std::make_shared<Handle>(Handle{block});
  std::byte* const data = block->own.data();
  if (block->shared()) {
    const std::lock_guard lock(mutex_);
    entries_.push_back({number, std::move(block), handle});
    SetBounds();
  }
  return std::shared_ptr<std::byte>(handle, data);
}

// A part for each rank, mapped by all of them or by none.
Result<std::shared_ptr<MappedDeviceMemory::Block>> MappedDeviceMemory::Share(
    Transport& local, std::size_t size_bytes, const Deadline& deadline) {
  Result<DeviceBuffer> own = AllocateZeros(*device_, size_bytes, deadline);
  if (local.size() == 1) {
    if (!own.ok()) return own.status();
    return std::make_shared<Block>(std::move(own).value());
  }
  const auto rank = static_cast<std::size_t>(local.rank());
  std::vector<Offer> offers(static_cast<std::size_t>(local.size()));
  Status shortcoming;
  if (own.ok()) {
    offers[rank].allocated = 1;
    const Result<MemoryExport> memory = device_->Export(own.value().data(), size_bytes);
    offers[rank].exported = memory.ok();
    if (memory.ok()) offers[rank].memory = memory.value();
    shortcoming = memory.status();
  }
  RONDE_RETURN_IF_ERROR(ExchangeRecords(local, &offers, deadline));
  if (!own.ok()) return own.status();
  if (!All(offers, [](const Offer& offer) { return offer.allocated != 0; })) {
    return Status::Unavailable(
        StrCat("a rank of this host could not allocate ", size_bytes, " bytes of device memory"));
  }
  auto block = std::make_shared<Block>(std::move(own).value());
  if (!All(offers, [](const Offer& offer) { return offer.exported != 0; })) {
    Log(LogLevel::kInfo, "device memory stays private: ",
        shortcoming.ok() ? "a peer cannot share its own" : shortcoming.message());
    return block;
  }
  const Status mapped = block->MapPeers(*device_, local.rank(), offers);
  std::vector<std::uint8_t> all_mapped(offers.size());
  all_mapped[rank] = mapped.ok();
  RONDE_RETURN_IF_ERROR(ExchangeRecords(local, &all_mapped, deadline));
  if (All(all_mapped, [](std::uint8_t ok) { return ok != 0; })) return block;
  block->UnmapPeers();
  Log(LogLevel::kInfo, "device memory stays private: ",
      mapped.ok() ? "a peer cannot reach that of others" : mapped.message());
  // A peer's part is given back only when nobody has it mapped any more.
  RONDE_RETURN_IF_ERROR(ExchangeRecords(local, &all_mapped, deadline));
  return block;
}

// Memory that a peer has mapped must not be freed before the peer has unmapped it.
Status MappedDeviceMemory::GiveBack(Transport& local, const Deadline& deadline) {
  using Numbers = std::array<std::int64_t, kGivenBackAtOnce>;
  std::vector<Numbers> dropped(static_cast<std::size_t>(local.size()), Numbers{});
  {
    const std::lock_guard lock(mutex_);
    // Every rank has the same entries.
    if (entries_.empty()) return Status::Ok();
    std::size_t count = 0;
    Numbers& own = dropped[static_cast<std::size_t>(local.rank())];
    for (const Entry& entry : entries_) {
      if (entry.handle.expired() && count < own.size()) own[count++] = entry.number;
    }
  }
  RONDE_RETURN_IF_ERROR(ExchangeRecords(local, &dropped, deadline));
  const auto dropped_by_all = [&dropped](const Entry& entry) {
    return All(dropped, [&entry](const Numbers& numbers) {
      return std::find(numbers.begin(), numbers.end(), entry.number) != numbers.end();
    });
  };
  std::vector<std::shared_ptr<Block>> free;
  {
    const std::lock_guard lock(mutex_);
    for (const Entry& entry : entries_) {
      if (dropped_by_all(entry)) free.push_back(entry.block);
    }
    std::erase_if(entries_, dropped_by_all);
    SetBounds();
  }
  if (free.empty()) return Status::Ok();
  for (const std::shared_ptr<Block>& block : free) block->UnmapPeers();
  return ExchangeRecords(local, &dropped, deadline);
}

void MappedDeviceMemory::SetBounds() {
  const std::byte* lowest = nullptr;
  const std::byte* highest = nullptr;
  for (const Entry& entry : entries_) {
    const std::byte* const begin = entry.block->own.data();
    if (lowest == nullptr || std::less<>()(begin, lowest)) lowest = begin;
    highest = std::max(highest, begin + entry.block->own.size_bytes(), std::less<>());
  }
  lowest_.store(lowest, std::memory_order_relaxed);
  highest_.store(highest, std::memory_order_relaxed);
}

MemoryPlace MappedDeviceMemory::Find(const void* data, std::size_t size_bytes) const {
  const auto* const bytes = static_cast<const std::byte*>(data);
  if (std::less<>()(bytes, lowest_.load(std::memory_order_relaxed)) ||
      !std::less<>()(bytes, highest_.load(std::memory_order_relaxed))) {
    return {};
  }
  const std::lock_guard lock(mutex_);
  for (const Entry& entry : entries_) {
    const DeviceBuffer& own = entry.block->own;
    if (std::less<>()(bytes, own.data()) || !std::less<>()(bytes, own.data() + own.size_bytes())) {
      continue;
    }
    const auto offset = static_cast<std::size_t>(bytes - own.data());
    if (size_bytes > own.size_bytes() - offset || entry.handle.expired()) continue;
    return {entry.number, static_cast<std::int64_t>(offset)};
  }
  return {};
}

bool MappedDeviceMemory::Peers(const MemoryPlace& place, std::span<const int> ranks,
                               std::span<std::byte*> parts) const {
  const std::lock_guard lock(mutex_);
  for (const Entry& entry : entries_) {
    if (entry.number != place.block) continue;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::size_t rank = ranks.empty() ? i : static_cast<std::size_t>(ranks[i]);
      parts[i] = entry.block->parts[rank] + place.offset;
    }
    return true;
  }
  return false;
}

void MappedDeviceMemory::Detach() {
  const std::lock_guard lock(mutex_);
  for (Entry& entry : entries_) retired_.push_back(std::move(entry.block));
  entries_.clear();
  SetBounds();
}

}  // namespace ronde
