#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/device/device_buffer.h"
#include "core/device/event.h"
#include "core/device/simulated_device.h"
#include "core/device/stream.h"
#include "frontends/session/session.h"
#include "tests/support/run_ranks.h"

namespace ronde {

/// What a rank has besides its session: a device, and the stream that a program works on.
struct DeviceRank {
  Session& session;
  SimulatedDevice& device;
  StreamView stream;
};

struct DeviceSessionsOptions {
  bool delays = true;  ///< work on a device begins late, so that a missing wait shows
  Config config = {};
  RunRanksOptions ranks = {};
};

/// Runs `body` on `size` ranks as threads, each with a session and a simulated device of its own.
inline void RunDeviceSessions(int size, const std::function<void(DeviceRank&)>& body,
                              const DeviceSessionsOptions& options = {}) {
  std::vector<std::unique_ptr<SimulatedDevice>> devices;  // outlive sessions and handles
  for (int rank = 0; rank < size; ++rank) {
    SimulatedDevice::Options device;
    device.index = rank;
    device.delay_seed = options.delays ? static_cast<std::uint64_t>(rank) + 1 : 0;
    device.longest_delay_us = 100;
    devices.push_back(std::make_unique<SimulatedDevice>(device));
  }
  RunRanksOwning(
      size,
      [&](std::unique_ptr<Transport> transport) {
        SimulatedDevice& device = *devices[static_cast<std::size_t>(transport->rank())];
        Result<std::unique_ptr<Session>> session =
            Session::CreateOn(std::move(transport), options.config);
        ASSERT_TRUE(session.ok()) << session.status().message();
        const Result<Stream> stream = Stream::Create(device, StreamPriority::kDefault);
        ASSERT_TRUE(stream.ok()) << stream.status().message();
        DeviceRank rank = {*session.value(), device, stream.value().view()};
        body(rank);
      },
      options.ranks);
}

/// Elements in device memory, as a program holds them: written and read by its stream.
template <typename T>
class DeviceValues {
 public:
  DeviceValues(const DeviceRank& rank, std::vector<T> values)
      : stream_(rank.stream), host_(std::move(values)) {
    Result<DeviceBuffer> buffer = DeviceBuffer::Create(rank.device, host_.size() * sizeof(T));
    EXPECT_TRUE(buffer.ok());
    owned_ = std::move(buffer).value();
    data_ = reinterpret_cast<T*>(owned_.data());
    Write();
  }
  /// In memory of AllocateOn.
  DeviceValues(const DeviceRank& rank, std::byte* memory, std::vector<T> values)
      : stream_(rank.stream), host_(std::move(values)), data_(reinterpret_cast<T*>(memory)) {
    Write();
  }

  /// When the stream has got past the operations that it was made to wait for.
  ~DeviceValues() {
    if (owned_.data() == nullptr) return;
    static_cast<void>(stream_.device->Synchronize(stream_.native, Deadline::After(30)));
  }
  DeviceValues(DeviceValues&&) noexcept = default;
  DeviceValues& operator=(DeviceValues&&) noexcept = default;

  [[nodiscard]] TensorView View(DataType dtype, Shape shape) const {
    TensorView view(data_, dtype, std::move(shape));
    view.device = stream_.device;
    view.ready = ready_;
    return view;
  }
  /// The values as the stream sees them now; waits for it, and for nothing else.
  [[nodiscard]] std::vector<T> Read() const {
    std::vector<T> values(host_.size());
    if (values.empty()) return values;
    EXPECT_TRUE(
        stream_.device->Copy(values.data(), data_, values.size() * sizeof(T), stream_.native).ok());
    EXPECT_TRUE(stream_.device->Synchronize(stream_.native, Deadline::After(30)).ok());
    return values;
  }

 private:
  void Write() {
    EventPool events(*stream_.device);
    if (!host_.empty()) {
      EXPECT_TRUE(
          stream_.device->Copy(data_, host_.data(), host_.size() * sizeof(T), stream_.native).ok());
    }
    ready_ = events.Record(stream_).value();
  }

  StreamView stream_;
  std::vector<T> host_;
  DeviceBuffer owned_;
  T* data_ = nullptr;
  std::shared_ptr<const Event> ready_;
};

/// The rank's stream goes on once the operation is done; the host does not wait for that.
inline void ExpectIssued(const DeviceRank& rank, const Handle& handle) {
  const Status status = handle.WaitOn(rank.stream);
  EXPECT_TRUE(status.ok()) << status.message();
}

}  // namespace ronde
