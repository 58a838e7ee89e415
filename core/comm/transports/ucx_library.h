#pragma once

#include <string>

#include <ucp/api/ucp.h>

#include "core/base/status.h"

namespace ronde {

/// The functions of libucp, loaded when a job first needs them: programs start without it, and it
/// neither touches signals nor memory hooks of those that never leave their host.
/// Immutable once loaded; thread-safe.
struct UcxLibrary {
  /// Loads it on the first call. Error: kUnavailable, with the loader's own words.
  [[nodiscard]] static Result<const UcxLibrary*> Load();

  decltype(&::ucp_get_version_string) get_version_string;
  decltype(&::ucp_config_read) config_read;
  decltype(&::ucp_config_modify) config_modify;
  decltype(&::ucp_config_release) config_release;
  decltype(&::ucp_init_version) init_version;
  decltype(&::ucp_cleanup) cleanup;
  decltype(&::ucp_context_query) context_query;
  decltype(&::ucp_worker_create) worker_create;
  decltype(&::ucp_worker_destroy) worker_destroy;
  decltype(&::ucp_worker_query) worker_query;
  decltype(&::ucp_worker_release_address) worker_release_address;
  decltype(&::ucp_worker_get_efd) worker_get_efd;
  decltype(&::ucp_worker_arm) worker_arm;
  decltype(&::ucp_worker_progress) worker_progress;
  decltype(&::ucp_ep_create) ep_create;
  decltype(&::ucp_ep_close_nbx) ep_close_nbx;
  decltype(&::ucp_tag_send_nbx) tag_send_nbx;
  decltype(&::ucp_tag_recv_nbx) tag_recv_nbx;
  decltype(&::ucp_tag_probe_nb) tag_probe_nb;
  decltype(&::ucp_tag_msg_recv_nbx) tag_msg_recv_nbx;
  decltype(&::ucp_request_cancel) request_cancel;
  decltype(&::ucp_request_check_status) request_check_status;
  decltype(&::ucp_request_free) request_free;
  decltype(&::ucs_status_string) status_string;

  /// "Connection reset by remote peer"; for what a function has returned.
  [[nodiscard]] std::string Text(ucs_status_t status) const { return status_string(status); }
};

}  // namespace ronde
