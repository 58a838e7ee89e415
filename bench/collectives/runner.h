#pragma once

#include <cstring>
#include <memory>
#include <string>

#include "bench/collectives/collective.h"
#include "core/base/status.h"

namespace ronde::bench {

class BenchDevice;

/// Something whose collectives can be timed: Ronde's called bare, Ronde's engine, or a peer
/// library. Between Begin and End it alone communicates, so that two of them in turn never disturb
/// one another. Thread rule: one thread.
class CollectiveRunner {
 public:
  virtual ~CollectiveRunner() = default;
  /// Whether it can make this call; the same answer on all ranks.
  [[nodiscard]] virtual bool Supports(const CollectiveCall& call) const = 0;
  /// Collective.
  virtual Status Begin() = 0;
  /// Collective, untimed: whatever a caller could do once for many equal calls.
  virtual Status Prepare(const CollectiveCall&) { return Status::Ok(); }
  /// Collective, blocking; on a device it may do no more than issue the call, which Finish waits
  /// for.
  virtual Status Run(const CollectiveCall& call) = 0;
  virtual Status Finish() { return Status::Ok(); }
  /// Where this rank's result of the last Run of `call` is, if not in its output.
  [[nodiscard]] virtual const void* Output(const CollectiveCall& call) const { return call.output; }
  /// A clock read is nothing beside a call, so that every call can be a sample of its own.
  [[nodiscard]] virtual bool SamplesEachCall() const { return false; }
  /// Collective.
  virtual Status Barrier() = 0;
  /// Collective.
  virtual void End() = 0;
  /// Where the buffers of its calls lie; null: in host memory.
  [[nodiscard]] virtual BenchDevice* device() const { return nullptr; }
  /// The name of what runs for these arguments; between Begin and End.
  [[nodiscard]] virtual std::string AlgorithmFor(const CollectiveCall& call) = 0;
  /// Collective, between Begin and End: memory that all ranks of a host have mapped. It is of use
  /// until End, or for good where KeepsRegistrations.
  [[nodiscard]] virtual Result<std::shared_ptr<std::byte>> AllocateRegistered(std::size_t) {
    return Status::Unavailable("this library has no registered memory");
  }
  /// Where such memory lies, for the call's arguments; nowhere if the runner finds that by itself.
  [[nodiscard]] virtual MemoryPlace Find(const void*, std::size_t) const { return {}; }
  [[nodiscard]] virtual bool KeepsRegistrations() const { return true; }
};

/// A broadcast out of place is what a caller of an in-place one has to do: the root copies first.
inline void CopyBroadcastRoot(const CollectiveCall& call, int rank) {
  if (!call.in_place && rank == call.root) std::memcpy(call.output, call.input, call.InputBytes());
}

}  // namespace ronde::bench
