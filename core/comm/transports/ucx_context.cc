#include "core/comm/transports/ucx_context.h"

#include "core/base/strcat.h"

namespace ronde {
namespace {

Status Failure(const UcxLibrary& ucx, const char* function, ucs_status_t status) {
  return Status::Unavailable(StrCat("UCX: ", function, " failed: ", ucx.Text(status)));
}

}  // namespace

Result<std::unique_ptr<UcxContext>> UcxContext::Create(const UcxLibrary& library,
                                                       std::span<const UcxSetting> settings) {
  std::unique_ptr<UcxContext> context(new UcxContext(library));
  RONDE_RETURN_IF_ERROR(context->Initialize(settings));
  RONDE_RETURN_IF_ERROR(context->CreateWorker());
  return context;
}

Status UcxContext::Initialize(std::span<const UcxSetting> settings) {
  ucp_config_t* config = nullptr;
  ucs_status_t status = library_.config_read(nullptr, nullptr, &config);
  if (status != UCS_OK) return Failure(library_, "ucp_config_read", status);
  for (const UcxSetting& setting : settings) {
    // One that this version does not know does not matter enough to stop for.
    library_.config_modify(config, setting.name.c_str(), setting.value.c_str());
  }
  ucp_params_t params = {};
  params.field_mask = UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_MT_WORKERS_SHARED;
  params.features = UCP_FEATURE_TAG | UCP_FEATURE_WAKEUP;
  params.mt_workers_shared = 0;
  status = library_.init_version(UCP_API_MAJOR, UCP_API_MINOR, &params, config, &context_);
  library_.config_release(config);
  if (status != UCS_OK) return Failure(library_, "ucp_init", status);
  ucp_context_attr_t attributes = {};
  attributes.field_mask = UCP_ATTR_FIELD_MEMORY_TYPES;
  if (library_.context_query(context_, &attributes) == UCS_OK) {
    knows_device_memory_ = (attributes.memory_types & UCS_BIT(UCS_MEMORY_TYPE_CUDA)) != 0;
  }
  return Status::Ok();
}

Status UcxContext::CreateWorker() {
  ucp_worker_params_t params = {};
  params.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE;
  // Created on the thread that starts the engine, used on the engine's.
  params.thread_mode = UCS_THREAD_MODE_SERIALIZED;
  ucs_status_t status = library_.worker_create(context_, &params, &worker_);
  if (status != UCS_OK) return Failure(library_, "ucp_worker_create", status);

  ucp_worker_attr_t attributes = {};
  attributes.field_mask = UCP_WORKER_ATTR_FIELD_ADDRESS | UCP_WORKER_ATTR_FIELD_ADDRESS_FLAGS;
  attributes.address_flags = UCP_WORKER_ADDRESS_FLAG_NET_ONLY;
  status = library_.worker_query(worker_, &attributes);
  if (status != UCS_OK) return Failure(library_, "ucp_worker_query", status);
  const auto* bytes = reinterpret_cast<const std::byte*>(attributes.address);
  address_.assign(bytes, bytes + attributes.address_length);
  library_.worker_release_address(worker_, attributes.address);

  status = library_.worker_get_efd(worker_, &event_descriptor_);
  return status == UCS_OK ? Status::Ok() : Failure(library_, "ucp_worker_get_efd", status);
}

UcxContext::~UcxContext() {
  if (worker_ != nullptr) library_.worker_destroy(worker_);
  if (context_ != nullptr) library_.cleanup(context_);
}

}  // namespace ronde
