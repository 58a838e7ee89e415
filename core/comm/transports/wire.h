#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/config.h"
#include "core/base/status.h"
#include "core/comm/transport.h"

namespace ronde {

/// One message on its way. Destroying it before it is complete gives it up.
class WireRequest {
 public:
  virtual ~WireRequest() = default;
  /// Whether it is complete. Errors: what the wire reports of the peer or of itself.
  virtual Result<bool> Test() = 0;
  /// Of a complete receive: the message's size; nothing where it was longer than the buffer.
  [[nodiscard]] virtual std::optional<std::size_t> received_bytes() const = 0;
};

/// Which messages belong together: those of one group, tag and pair keep their order.
struct WireTag {
  int group = 0;
  int tag = 0;  ///< 0..kTagLimit
};

/// Carries the data of pairs of ranks, each known by its rank in the world. A pair always uses the
/// same wire. Thread rule: one thread at a time.
class Wire {
 public:
  virtual ~Wire() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  virtual Result<std::unique_ptr<WireRequest>> Send(int peer, const WireTag& tag,
                                                    std::span<const std::byte> data) = 0;
  virtual Result<std::unique_ptr<WireRequest>> Receive(int peer, const WireTag& tag,
                                                       std::span<std::byte> data) = 0;
  /// Moves whatever can be moved without waiting.
  virtual void Progress() = 0;
  /// The highest group that it can tell apart from others.
  [[nodiscard]] virtual int last_group() const = 0;
};

/// A wire between hosts: it carries control messages too, and can be slept on.
class NetWire : public Wire {
 public:
  /// As Transport::Post, to a peer on another host.
  virtual Status Post(int peer, std::vector<std::byte> payload) = 0;
  /// The next control message that has come, or nothing.
  virtual std::optional<ControlMessage> Poll() = 0;
  /// Whether Poll would give one.
  [[nodiscard]] virtual bool HasMessage() = 0;

  /// Whether data may lie in memory of CUDA devices.
  [[nodiscard]] virtual bool carries_device_memory() const { return false; }

  /// Becomes readable when something happens after Arm() has said true.
  [[nodiscard]] virtual int event_descriptor() const = 0;
  /// False when there is something to do first: Progress().
  virtual bool Arm() = 0;
  /// Until something happens on the wire, at most `seconds`.
  virtual void Sleep(double seconds) = 0;

  /// Tells the peers that the job has a cause of failure, which comes another way.
  virtual void AnnounceFailure() = 0;
  /// A peer that has announced one, or -1.
  [[nodiscard]] virtual int failed_peer() const = 0;
  /// kOk, or kAborted naming a peer that was lost without having left in order.
  [[nodiscard]] virtual const Status& lost_peer() const = 0;

  /// Leaves in order: what was sent is delivered, if that is possible before the deadline.
  virtual void Close(const Deadline& deadline) = 0;
};

/// What a wire between hosts is made from; the same on all ranks but for `rank` and `config`.
struct NetWireSetup {
  int rank = 0;
  std::span<const std::string> host_ids;
  std::span<const std::string> host_names;
  const Config& config;
  /// Collective: what every rank has passed, by rank.
  std::function<Result<std::vector<std::vector<std::byte>>>(std::span<const std::byte>)> exchange;
};

/// Makes one; collective. Errors are equal on all ranks.
using NetWireFactory = Result<std::unique_ptr<NetWire>> (*)(const NetWireSetup& setup);

}  // namespace ronde
