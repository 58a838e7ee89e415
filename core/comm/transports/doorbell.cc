#include "core/comm/transports/doorbell.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "core/base/strcat.h"
#include "core/comm/futex.h"
#include "core/comm/shared_memory.h"

namespace ronde {
namespace {

// How an owner sleeps.
constexpr std::uint32_t kAwake = 0;
constexpr std::uint32_t kOnFutex = 1;
constexpr std::uint32_t kOnSocket = 2;

constexpr std::int64_t kNsPerS = 1'000'000'000;
constexpr std::int64_t kLongestSleepNs = 3600 * kNsPerS;

// The kernel's choice for a socket that is bound to no name: a zero and five digits, in a space of
// names of its own that nothing is left behind in.
constexpr std::size_t kSocketNameBytes = 6;
static_assert(kSocketNameBytes < sizeof(DoorbellPage::socket_name));

}  // namespace

Doorbell::~Doorbell() {
  if (socket_ >= 0) close(socket_);
}

Result<std::unique_ptr<Doorbell>> Doorbell::Create(int rank, int size) {
  std::unique_ptr<Doorbell> doorbell(new Doorbell(rank, size));
  RONDE_ASSIGN_OR_RETURN(doorbell->own_, AllocateSharedMemory(sizeof(DoorbellPage)));
  // Zero bytes are these atomics' initial state; peers may only look after the token reached them.
  doorbell->pages_[rank] = reinterpret_cast<DoorbellPage*>(doorbell->own_->data());
  doorbell->own().process.store(getpid(), std::memory_order_relaxed);
  return doorbell;
}

Status Doorbell::OpenSocket() {
  socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  socklen_t size_bytes = sizeof(address.sun_family);
  if (socket_ < 0 || bind(socket_, reinterpret_cast<sockaddr*>(&address), size_bytes) != 0) {
    return Status::Unavailable(StrCat("no socket to sleep on: ", std::strerror(errno)));
  }
  size_bytes = sizeof(address);
  getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size_bytes);
  std::copy_n(address.sun_path, kSocketNameBytes, own().socket_name.begin());
  return Status::Ok();
}

Status Doorbell::Connect(int peer, const RegionToken& token) {
  RONDE_ASSIGN_OR_RETURN(regions_[peer], MapSharedMemory(token, sizeof(DoorbellPage)));
  pages_[peer] = reinterpret_cast<DoorbellPage*>(regions_[peer]->data());
  if (socket_ < 0 || WakeSocket(page(peer))) return Status::Ok();
  return Status::Unavailable(StrCat("rank ", peer, " cannot be woken: ", std::strerror(errno)));
}

bool Doorbell::WakeSocket(const DoorbellPage& page) const {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::copy_n(page.socket_name.begin(), kSocketNameBytes, address.sun_path);
  const auto size_bytes =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + kSocketNameBytes);
  const char byte = 0;
  const auto sent = sendto(socket_, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&address), size_bytes);
  return sent == 1 || errno == EAGAIN;  // full of bytes that wake it as well
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

void Doorbell::Ring(DoorbellPage& page) const {
  // Sequentially consistent, as in Sleep: of "count, then look for a sleeper" here and "announce,
  // then look at the count" there, at least one side sees the other.
  page.bell.fetch_add(1, std::memory_order_seq_cst);
  switch (page.sleeping.load(std::memory_order_seq_cst)) {
    case kOnFutex:
      FutexWakeShared(&page.bell);
      break;
    case kOnSocket:
      static_cast<void>(WakeSocket(page));  // a peer that is gone needs no waking
      break;
    default:
      break;
  }
}

bool Doorbell::TakeRing() {
  // Acquire: what the ringer wrote before it rang is visible to whoever acts on the ring.
  const std::uint32_t now = own().bell.load(std::memory_order_acquire);
  const bool rang = now != taken_;
  taken_ = now;
  return rang;
}

void Doorbell::Sleep(const Deadline& deadline, std::unique_lock<std::mutex>* turn) {
  DoorbellPage& page = own();
  const std::uint32_t taken = taken_;
  page.sleeping.store(kOnFutex, std::memory_order_seq_cst);
  if (page.bell.load(std::memory_order_seq_cst) == taken) {
    if (turn != nullptr) turn->unlock();
    FutexWaitShared(&page.bell, taken, deadline);
    if (turn != nullptr) turn->lock();
  }
  page.sleeping.store(kAwake, std::memory_order_relaxed);
}

void Doorbell::Mute() {
  own().sleeping.store(kAwake, std::memory_order_relaxed);
  (void)TakeRing();
}

void Doorbell::Unmute() {
  DoorbellPage& page = own();
  // As in Sleep. Where nobody sleeps, whoever comes back from it corrects that.
  page.sleeping.store(kOnFutex, std::memory_order_seq_cst);
  if (page.bell.load(std::memory_order_seq_cst) != taken_) FutexWakeShared(&page.bell);
}

void Doorbell::SleepOn(int descriptor, const Deadline& deadline) {
  DoorbellPage& page = own();
  page.sleeping.store(kOnSocket, std::memory_order_seq_cst);
  if (page.bell.load(std::memory_order_seq_cst) == taken_) {
    pollfd sources[] = {{socket_, POLLIN, 0}, {descriptor, POLLIN, 0}};
    const std::int64_t left_ns = std::min(deadline.RemainingNs(), kLongestSleepNs);
    const timespec left = {left_ns / kNsPerS, left_ns % kNsPerS};
    ppoll(sources, 2, &left, nullptr);
  }
  page.sleeping.store(kAwake, std::memory_order_relaxed);
  char bytes[64];
  while (recv(socket_, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
  }
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
