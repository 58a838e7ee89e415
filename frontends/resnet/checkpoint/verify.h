#pragma once

#include <string>

#include "core/base/status.h"
#include "frontends/resnet/checkpoint/manifest.h"

namespace ronde {

/// The manifest of the checkpoint in `folder`, unchecked text. Error: kInvalidArgument naming the
/// file and what is wrong.
[[nodiscard]] Result<std::string> ReadManifestText(const std::string& folder);
/// The same, parsed: every damage is an error that names the file.
[[nodiscard]] Result<Manifest> ReadManifest(const std::string& folder);

/// Size and CRC-32 of the file `name` in `folder`. Error: kInvalidArgument naming the file.
[[nodiscard]] Result<CheckpointFile> Checksum(const std::string& folder, const std::string& name);

/// Whether the file is as it was written. Error: kInvalidArgument: missing, truncated or damaged,
/// with expected and found figures.
[[nodiscard]] Status VerifyFile(const std::string& folder, const CheckpointFile& expected);

}  // namespace ronde
