#pragma once

#include "core/base/status.h"

namespace ronde {

/// Gives this process's libtorch its CUDA part, which programs of Ronde are not linked with: it
/// takes 0.1 s (0.6 s from a cold disk) and 230 MB of memory before it has done anything. It is
/// libtorch_cuda.so beside the libtorch_cpu.so that is in use; loading it registers its kernels and
/// device hooks. To be called before anything asks libtorch for CUDA, because libtorch keeps the
/// first answer. A second call does nothing.
/// Errors: kUnavailable where this libtorch has no CUDA part, where it cannot be loaded, or where
/// that comes too late.
[[nodiscard]] Status LoadTorchCuda();

}  // namespace ronde
