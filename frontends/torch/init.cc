#include "frontends/torch/init.h"

#include <memory>
#include <utility>

#include "frontends/session/session_slot.h"
#include "frontends/torch/error.h"

namespace ronde {

void Init() {
  Result<Config> config = Config::FromEnvironment();
  ThrowIfError(config.status());
  Init(config.value());
}

void Init(const Config& config) { ThrowIfError(InitSession(config)); }

void Shutdown() { ThrowIfError(ShutdownSession()); }

Session& DefaultSession() {
  Result<std::shared_ptr<Session>> session = CurrentSession();
  ThrowIfError(session.status());
  return *session.value();  // the slot keeps it alive until Shutdown()
}

int Rank() { return DefaultSession().rank(); }
int Size() { return DefaultSession().size(); }
int LocalRank() { return DefaultSession().local_rank(); }
int LocalSize() { return DefaultSession().local_size(); }

}  // namespace ronde
