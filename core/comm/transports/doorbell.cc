#include "core/comm/transports/doorbell.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "core/comm/futex.h"
#include "core/comm/shared_memory.h"

namespace ronde {

Result<std::unique_ptr<Doorbell>> Doorbell::Create(int rank, int size) {
  std::unique_ptr<Doorbell> doorbell(new Doorbell(rank, size));
  RONDE_ASSIGN_OR_RETURN(doorbell->own_, AllocateSharedMemory(sizeof(DoorbellPage)));
  // Zero bytes are these atomics' initial state; peers may only look after the token reached them.
  doorbell->pages_[rank] = reinterpret_cast<DoorbellPage*>(doorbell->own_->data());
  doorbell->own().process.store(getpid(), std::memory_order_relaxed);
  return doorbell;
}

Status Doorbell::Connect(int peer, const RegionToken& token) {
  RONDE_ASSIGN_OR_RETURN(regions_[peer], MapSharedMemory(token, sizeof(DoorbellPage)));
  pages_[peer] = reinterpret_cast<DoorbellPage*>(regions_[peer]->data());
  return Status::Ok();
}

void Doorbell::Disconnect() {
  for (std::size_t peer = 0; peer < pages_.size(); ++peer) {
    if (static_cast<int>(peer) != rank_) pages_[peer] = nullptr;
    regions_[peer].reset();
  }
}

int Doorbell::leader() const {
  int rank = 0;
  while (!connected(rank)) ++rank;
  return rank;
}

void Doorbell::Ring(DoorbellPage& page) {
  // Sequentially consistent, as in Sleep: of "count, then look for a sleeper" here and "announce,
  // then look at the count" there, at least one side sees the other.
  page.bell.fetch_add(1, std::memory_order_seq_cst);
  if (page.sleeping.load(std::memory_order_seq_cst) != 0) FutexWakeShared(&page.bell);
}

bool Doorbell::TakeRing() {
  // Acquire: what the ringer wrote before it rang is visible to whoever acts on the ring.
  const std::uint32_t now = own().bell.load(std::memory_order_acquire);
  const bool rang = now != taken_;
  taken_ = now;
  return rang;
}

void Doorbell::Sleep(const Deadline& deadline) {
  DoorbellPage& page = own();
  page.sleeping.store(1, std::memory_order_seq_cst);
  if (page.bell.load(std::memory_order_seq_cst) == taken_) {
    FutexWaitShared(&page.bell, taken_, deadline);
  }
  page.sleeping.store(0, std::memory_order_relaxed);
}

int Doorbell::FindDeadPeer() const {
  for (std::size_t peer = 0; peer < pages_.size(); ++peer) {
    if (!regions_[peer]) continue;
    const DoorbellPage& page = *pages_[peer];
    // Acquire pairs with Leave: a process that left in order is never taken for a dead one.
    if (page.left.load(std::memory_order_acquire) != 0) continue;
    if (kill(page.process.load(std::memory_order_relaxed), 0) == 0 || errno != ESRCH) continue;
    if (page.left.load(std::memory_order_acquire) == 0) return static_cast<int>(peer);
  }
  return -1;
}

void Doorbell::Leave() { own().left.store(1, std::memory_order_release); }

}  // namespace ronde
