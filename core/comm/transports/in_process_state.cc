#include "core/comm/transports/in_process_state.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace ronde::in_process {
namespace {

constexpr std::align_val_t kPage{4096};

}  // namespace

std::shared_ptr<Letter> Mailbox::Put(std::span<const std::byte> data) {
  auto letter = std::make_shared<Letter>();
  if (data.size() <= kEagerBytes) {
    letter->copy.assign(data.begin(), data.end());
    letter->data = letter->copy;
  } else {
    letter->data = data;
  }
  {
    const std::lock_guard lock(mutex_);
    letters_.push_back(letter);
    Match();
  }
  changed_.notify_all();
  return letter;
}

// Copies under the lock: whoever gives up may not take its memory away meanwhile.
void Mailbox::Match() {
  while (!letters_.empty() && !slips_.empty()) {
    Letter& letter = *letters_.front();
    Slip& slip = *slips_.front();
    slip.size_bytes = letter.data.size();
    if (slip.size_bytes == slip.out.size() && !slip.out.empty()) {
      std::memcpy(slip.out.data(), letter.data.data(), slip.size_bytes);
    }
    letter.taken = true;
    slip.filled = true;
    letters_.pop_front();
    slips_.pop_front();
  }
}

WaitOutcome Mailbox::WaitTaken(const std::shared_ptr<Letter>& letter, const Deadline& deadline) {
  if (letter->data.size() <= kEagerBytes) return WaitOutcome::kDone;
  std::unique_lock lock(mutex_);
  const WaitOutcome outcome =
      WaitUntil(lock, changed_, deadline, aborted_, [&] { return letter->taken; });
  if (outcome != WaitOutcome::kDone) std::erase(letters_, letter);
  return outcome;
}

bool Mailbox::IsTaken(const Letter& letter) {
  if (letter.data.size() <= kEagerBytes) return true;
  const std::lock_guard lock(mutex_);
  return letter.taken;
}

void Mailbox::Withdraw(const std::shared_ptr<Letter>& letter) {
  if (letter->data.size() <= kEagerBytes) return;  // it is a copy, and on its way
  const std::lock_guard lock(mutex_);
  std::erase(letters_, letter);
}

std::shared_ptr<Slip> Mailbox::Ask(std::span<std::byte> out) {
  auto slip = std::make_shared<Slip>();
  slip->out = out;
  {
    const std::lock_guard lock(mutex_);
    slips_.push_back(slip);
    Match();
  }
  changed_.notify_all();
  return slip;
}

WaitOutcome Mailbox::WaitFilled(const std::shared_ptr<Slip>& slip, const Deadline& deadline) {
  std::unique_lock lock(mutex_);
  const WaitOutcome outcome =
      WaitUntil(lock, changed_, deadline, aborted_, [&] { return slip->filled; });
  if (outcome != WaitOutcome::kDone) std::erase(slips_, slip);
  return outcome;
}

bool Mailbox::IsFilled(const Slip& slip) {
  const std::lock_guard lock(mutex_);
  return slip.filled;
}

void Mailbox::Withdraw(const std::shared_ptr<Slip>& slip) {
  const std::lock_guard lock(mutex_);
  std::erase(slips_, slip);
}

void Mailbox::WakeAll() {
  { const std::lock_guard lock(mutex_); }  // whoever checked the flag before is waiting now
  changed_.notify_all();
}

void Inbox::Deliver(ControlMessage message) {
  {
    const std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message));
    rung_ = true;
  }
  changed_.notify_all();
}

std::optional<ControlMessage> Inbox::Next() {
  const std::lock_guard lock(mutex_);
  if (messages_.empty()) return std::nullopt;
  ControlMessage message = std::move(messages_.front());
  messages_.pop_front();
  return message;
}

void Inbox::Ring() {
  {
    const std::lock_guard lock(mutex_);
    rung_ = true;
  }
  changed_.notify_all();
}

WaitOutcome Inbox::WaitForRing(const Deadline& deadline, std::unique_lock<std::mutex>* turn) {
  std::unique_lock lock(mutex_);
  if (turn != nullptr) turn->unlock();
  const WaitOutcome outcome =
      WaitUntil(lock, changed_, deadline, aborted_, [&] { return rung_ && !muted_; });
  if (!muted_) rung_ = false;
  lock.unlock();
  if (turn != nullptr) turn->lock();
  return outcome;
}

void Inbox::Mute() {
  const std::lock_guard lock(mutex_);
  muted_ = true;
  rung_ = false;
}

void Inbox::Unmute() {
  {
    const std::lock_guard lock(mutex_);
    muted_ = false;
    if (!rung_) return;
  }
  changed_.notify_all();
}

void Inbox::WakeAll() {
  { const std::lock_guard lock(mutex_); }
  changed_.notify_all();
}

Memory::Memory(std::size_t size_bytes)
    : data_(static_cast<std::byte*>(::operator new(std::max<std::size_t>(size_bytes, 1), kPage))),
      size_bytes_(size_bytes) {
  std::memset(data_, 0, size_bytes);
}

Memory::~Memory() { ::operator delete(data_, kPage); }

SharedState::SharedState(int size) : notices_(static_cast<std::size_t>(size)) {
  for (int rank = 0; rank < size; ++rank) inboxes_.push_back(std::make_unique<Inbox>(aborted_));
}

Mailbox& SharedState::MailboxOf(std::uint64_t group, int source, int destination, int tag) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Mailbox>& mailbox = mailboxes_[{group, source, destination, tag}];
  if (!mailbox) mailbox = std::make_unique<Mailbox>(aborted_);
  return *mailbox;
}

std::uint64_t SharedState::NewGroups(std::uint64_t count) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t first = next_group_;
  next_group_ += count;
  return first;
}

void SharedState::LeaveGroup(std::uint64_t group, int members) {
  const std::lock_guard lock(mutex_);
  if (++left_[group] < members) return;
  left_.erase(group);
  mailboxes_.erase(mailboxes_.lower_bound({group, 0, 0, 0}),
                   mailboxes_.lower_bound({group + 1, 0, 0, 0}));
}

std::uint64_t SharedState::AddMemory(const std::shared_ptr<Memory>& memory) {
  const std::lock_guard lock(mutex_);
  std::erase_if(memories_, [](const auto& entry) { return entry.second.expired(); });
  memories_.emplace(next_memory_, memory);
  return next_memory_++;
}

std::shared_ptr<Memory> SharedState::FindMemory(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = memories_.find(id);
  return found == memories_.end() ? nullptr : found->second.lock();
}

bool SharedState::Abort(const Status& cause) {
  const std::lock_guard lock(mutex_);
  if (aborted()) return false;
  cause_ = Status::Aborted(cause.message());
  aborted_.store(true, std::memory_order_release);  // publishes cause_ to waiters
  for (const auto& [address, mailbox] : mailboxes_) mailbox->WakeAll();
  for (const auto& inbox : inboxes_) inbox->WakeAll();
  return true;
}

Status SharedState::status() {
  if (!aborted()) return Status::Ok();
  const std::lock_guard lock(mutex_);
  return cause_;
}

}  // namespace ronde::in_process
