#include "frontends/resnet/weights/initial_weights.h"

#include "core/base/strcat.h"
#include "frontends/resnet/agreed_error.h"
#include "frontends/resnet/weights/model_weights.h"

namespace ronde {
namespace {

Status ReadInto(torch::nn::Module& module, const std::string& path) {
  RONDE_ASSIGN_OR_RETURN(const NamedTensors tensors, ReadWeights(path));
  const Status loaded = LoadWeights(module, tensors);
  return loaded.ok() ? loaded : Status(loaded.code(), StrCat(path, ": ", loaded.message()));
}

}  // namespace

void LoadInitialWeights(Session& session, torch::nn::Module& module, const std::string& path) {
  if (path.empty()) return;
  Status mine;
  if (session.rank() == 0) {
    mine = ReadInto(module, path);
    if (!mine.ok()) mine = Status(mine.code(), StrCat("--init-weights: ", mine.message()));
  }
  const Status agreed = session.AgreeOnStatus(mine);
  if (!agreed.ok()) throw AgreedError(agreed);
}

}  // namespace ronde
