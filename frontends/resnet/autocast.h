#pragma once

#include <ATen/autocast_mode.h>

namespace ronde {

/// While it lives, this thread's operators of one type of device that gain from it (convolutions,
/// products) compute in bfloat16; parameters, their gradients and the running statistics stay
/// float32. Not enabled, it does nothing. To be closed before the backward pass, which follows the
/// forward's types.
class Autocast {
 public:
  explicit Autocast(bool enabled, at::DeviceType type = at::kCPU);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool enabled_;
  at::DeviceType type_;
  bool was_enabled_ = false;
  at::ScalarType dtype_before_ = at::kBFloat16;
};

}  // namespace ronde
