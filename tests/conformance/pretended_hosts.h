#pragma once

#include "core/base/config.h"
#include "core/base/config_environment.h"
#include "core/base/strcat.h"

namespace ronde {

/// Makes the ranks of this job believe that they are on `hosts` hosts, in blocks: what is between
/// hosts can then be tested on one machine. To be called before the world is created.
inline void PretendHosts(int hosts, Config* config) {
  if (hosts < 2) return;
  const LaunchEnvironment job = ReadLaunchEnvironment();
  const std::string name = StrCat("host", job.rank * hosts / job.size);
  static_cast<void>(config->Set(Setting::kHostId, name, SettingOrigin::kProgram));
}

}  // namespace ronde
