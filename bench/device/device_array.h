#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "bench/collectives/bench_device.h"
#include "bench/collectives/element_io.h"
#include "core/base/types.h"

namespace ronde::bench {

/// `count` values with a sign and six significant bits that depend on `seed`; those of 32 and 64
/// bits are of so different sizes that their sums depend on the order of additions.
[[nodiscard]] std::vector<std::byte> RandomElements(DataType dtype, std::int64_t count,
                                                    std::uint32_t seed);

/// Memory of the device with a copy on the host, for kernels and their serial references.
class DeviceArray {
 public:
  /// Holds an element that no result equals everywhere: kernels must write what they promise.
  [[nodiscard]] static Result<DeviceArray> Poisoned(BenchDevice& device, std::size_t size_bytes) {
    DeviceArray array;
    array.host_.assign(size_bytes, std::byte{0xff});
    RONDE_ASSIGN_OR_RETURN(array.device_, device.Allocate(size_bytes));
    RONDE_RETURN_IF_ERROR(array.Upload(device));
    return array;
  }
  /// Holds RandomElements.
  [[nodiscard]] static Result<DeviceArray> Random(BenchDevice& device, DataType dtype,
                                                  std::int64_t count, std::uint32_t seed) {
    DeviceArray array;
    array.host_ = RandomElements(dtype, count, seed);
    RONDE_ASSIGN_OR_RETURN(array.device_, device.Allocate(array.host_.size()));
    RONDE_RETURN_IF_ERROR(array.Upload(device));
    return array;
  }

  [[nodiscard]] std::byte* on_device() const { return device_.get(); }
  [[nodiscard]] std::byte* on_host() { return host_.data(); }
  [[nodiscard]] std::size_t size_bytes() const { return host_.size(); }

  Status Upload(BenchDevice& device) {
    return device.Copy(device_.get(), host_.data(), host_.size());
  }
  /// What the device holds now; the copy stays as it is.
  [[nodiscard]] Result<std::vector<std::byte>> Download(BenchDevice& device) const {
    std::vector<std::byte> bytes(host_.size());
    RONDE_RETURN_IF_ERROR(device.Copy(bytes.data(), device_.get(), bytes.size()));
    return bytes;
  }

 private:
  std::vector<std::byte> host_;
  std::shared_ptr<std::byte> device_;
};

/// Elements of `count` whose bits differ.
[[nodiscard]] std::int64_t CountDifferent(const std::byte* a, const std::byte* b,
                                          std::int64_t count, std::size_t element_bytes);

}  // namespace ronde::bench
