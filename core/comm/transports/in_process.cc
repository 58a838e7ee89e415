#include "core/comm/transports/in_process.h"

#include <unistd.h>

#include <numeric>
#include <utility>

#include "core/comm/transports/in_process_state.h"
#include "core/comm/transports/in_process_transport.h"

namespace ronde {

using in_process::InProcessTransport;
using in_process::SharedState;

InProcessWorld::InProcessWorld(int size, InProcessOptions options)
    : state_(std::make_shared<SharedState>(size)) {
  if (options.host_ids.empty()) {
    char name[256] = {};
    gethostname(name, sizeof(name) - 1);
    options.host_ids.assign(static_cast<std::size_t>(size), name);
  }
  options.host_ids.resize(static_cast<std::size_t>(size));
  host_ids_ = std::make_shared<const std::vector<std::string>>(std::move(options.host_ids));
}

std::unique_ptr<Transport> InProcessWorld::Connect(int rank) const {
  std::vector<int> members(host_ids_->size());
  std::iota(members.begin(), members.end(), 0);
  return std::make_unique<InProcessTransport>(state_, host_ids_, 0, std::move(members), rank,
                                              std::make_shared<std::uint64_t>(0));
}

void InProcessWorld::Abort(const Status& cause) const { static_cast<void>(state_->Abort(cause)); }

std::vector<std::unique_ptr<Transport>> MakeInProcessWorld(int size, InProcessOptions options) {
  const InProcessWorld world(size, std::move(options));
  std::vector<std::unique_ptr<Transport>> transports;
  for (int rank = 0; rank < size; ++rank) transports.push_back(world.Connect(rank));
  return transports;
}

Result<std::unique_ptr<Transport>> CreateInProcessWorld(const Config& config) {
  InProcessOptions options;
  const std::string& host_id = config.GetText(Setting::kHostId);
  if (!host_id.empty()) options.host_ids = {host_id};
  return InProcessWorld(1, std::move(options)).Connect(0);
}

}  // namespace ronde
