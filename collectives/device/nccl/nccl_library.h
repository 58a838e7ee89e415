#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collectives/device/nccl/nccl_api.h"
#include "core/base/status.h"
#include "core/device/device.h"

namespace ronde {

/// The first with communicators that do not block: 2.14.0.
inline constexpr int kOldestNccl = 21400;

/// Whether this build can use NCCL: with CUDA, and with nccl.h.
[[nodiscard]] bool BuiltWithNccl();

/// NCCL for this kind of device. The first call that needs it loads libnccl.so.2: the one that the
/// process has already (torch brings its own), else what the dynamic linker finds; there must be
/// one only. It stays until the process ends. Thread-safe.
/// Errors: kUnavailable, which says what is missing: the build, CUDA devices, the library or a
/// newer one.
[[nodiscard]] Result<NcclApi*> LoadNccl(DeviceKind kind);

/// The version of that, or 0 where there is none; says why at log level debug.
[[nodiscard]] int NcclVersionFor(DeviceKind kind);

/// LoadNccl for a library of another name, for each call anew.
[[nodiscard]] Result<std::unique_ptr<NcclApi>> OpenNccl(const char* name);

/// "2.28.9" of 22809.
[[nodiscard]] std::string NcclVersionText(int version);

/// kUnavailable for one that is too old. `path` is for the message.
[[nodiscard]] Status CheckNcclVersion(int version, std::string_view path);

/// The files called libnccl.so* that this process has mapped. Thread-safe.
[[nodiscard]] std::vector<std::string> MappedNccl();

/// What to say of several in one process; "" for one or none.
[[nodiscard]] std::string SeveralNcclWarning(std::span<const std::string> paths,
                                             std::string_view used);

}  // namespace ronde
