#pragma once

namespace ronde {

/// How many blocks run a kernel, and with how many threads each. See core/device/space.h for what a
/// kernel is, launch_simulated.h and launch_cuda.cuh for how one is launched.
struct LaunchShape {
  int blocks = 1;
  int threads = 256;  ///< on the host a block is one thread, whatever this says
};

}  // namespace ronde
