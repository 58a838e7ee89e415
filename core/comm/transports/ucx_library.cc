#include "core/comm/transports/ucx_library.h"

#include <dlfcn.h>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr const char* kName = "libucp.so.0";

template <typename Function>
void Find(void* library, const char* name, Function** out, Status* status) {
  *out = reinterpret_cast<Function*>(dlsym(library, name));
  if (*out != nullptr || !status->ok()) return;
  *status = Status::Unavailable(StrCat(kName, " of UCX is too old: it has no ", name));
}

Result<UcxLibrary> LoadOnce() {
  void* library = dlopen(kName, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return Status::Unavailable(StrCat("UCX cannot be loaded: ", dlerror()));
  UcxLibrary ucx = {};
  Status status;
  Find(library, "ucp_get_version_string", &ucx.get_version_string, &status);
  Find(library, "ucp_config_read", &ucx.config_read, &status);
  Find(library, "ucp_config_modify", &ucx.config_modify, &status);
  Find(library, "ucp_config_release", &ucx.config_release, &status);
  Find(library, "ucp_init_version", &ucx.init_version, &status);
  Find(library, "ucp_cleanup", &ucx.cleanup, &status);
  Find(library, "ucp_context_query", &ucx.context_query, &status);
  Find(library, "ucp_worker_create", &ucx.worker_create, &status);
  Find(library, "ucp_worker_destroy", &ucx.worker_destroy, &status);
  Find(library, "ucp_worker_query", &ucx.worker_query, &status);
  Find(library, "ucp_worker_release_address", &ucx.worker_release_address, &status);
  Find(library, "ucp_worker_get_efd", &ucx.worker_get_efd, &status);
  Find(library, "ucp_worker_arm", &ucx.worker_arm, &status);
  Find(library, "ucp_worker_progress", &ucx.worker_progress, &status);
  Find(library, "ucp_ep_create", &ucx.ep_create, &status);
  Find(library, "ucp_ep_close_nbx", &ucx.ep_close_nbx, &status);
  Find(library, "ucp_tag_send_nbx", &ucx.tag_send_nbx, &status);
  Find(library, "ucp_tag_recv_nbx", &ucx.tag_recv_nbx, &status);
  Find(library, "ucp_tag_probe_nb", &ucx.tag_probe_nb, &status);
  Find(library, "ucp_tag_msg_recv_nbx", &ucx.tag_msg_recv_nbx, &status);
  Find(library, "ucp_request_cancel", &ucx.request_cancel, &status);
  Find(library, "ucp_request_check_status", &ucx.request_check_status, &status);
  Find(library, "ucp_request_free", &ucx.request_free, &status);
  // Of libucs, which libucp brings along.
  Find(library, "ucs_status_string", &ucx.status_string, &status);
  RONDE_RETURN_IF_ERROR(status);

  // A library has no business with the program's signals, and this one prints a page on each.
  void (*disable_signals)() = nullptr;
  Find(library, "ucs_debug_disable_signals", &disable_signals, &status);
  if (disable_signals != nullptr) disable_signals();
  return ucx;
}

}  // namespace

Result<const UcxLibrary*> UcxLibrary::Load() {
  static const Result<UcxLibrary> library = LoadOnce();
  RONDE_RETURN_IF_ERROR(library.status());
  return &library.value();
}

}  // namespace ronde
