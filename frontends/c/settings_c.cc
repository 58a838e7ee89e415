// The C API: settings.
#include <memory>
#include <string>
#include <string_view>

#include "core/base/config.h"
#include "core/base/strcat.h"
#include "frontends/c/guard.h"
#include "frontends/c/result_copy.h"
#include "frontends/c/ronde.h"
#include "frontends/session/session_slot.h"

namespace ronde {
namespace {

constexpr std::string_view kDashes = "--";

// By its flag, with or without the dashes, or its environment variable.
Result<Setting> SettingNamed(const char* name) {
  RONDE_RETURN_IF_ERROR(NeedPointer(name, "name"));
  const std::string_view text = name;
  for (const SettingSpec& spec : Settings()) {
    if (text == spec.environment || text == spec.flag || text == spec.flag.substr(kDashes.size())) {
      return spec.id;
    }
  }
  return Status::InvalidArgument(
      StrCat("'", text, "' is not a setting; `ronde-info` lists them all"));
}

Result<std::string> ValueOf(Setting setting) {
  const Result<std::shared_ptr<Session>> session = CurrentSession();
  if (session.ok()) return session.value()->config().GetText(setting);
  RONDE_ASSIGN_OR_RETURN(const Config config, PresetConfig());
  return config.GetText(setting);
}

}  // namespace
}  // namespace ronde

using ronde::Guard;
using ronde::Status;

ronde_status ronde_set(const char* name, const char* value) noexcept {
  return Guard([=]() -> Status {
    RONDE_ASSIGN_OR_RETURN(const ronde::Setting setting, ronde::SettingNamed(name));
    return ronde::PresetSetting(setting, value);
  });
}

ronde_status ronde_get(const char* name, char* buffer, size_t capacity, size_t* needed) noexcept {
  return Guard([=]() -> Status {
    RONDE_ASSIGN_OR_RETURN(const ronde::Setting setting, ronde::SettingNamed(name));
    RONDE_ASSIGN_OR_RETURN(const std::string value, ronde::ValueOf(setting));
    return ronde::CopyText(value, buffer, capacity, needed);
  });
}
