#include "frontends/resnet/data/dataset.h"

#include "core/base/strcat.h"
#include "frontends/resnet/data/fashion_mnist.h"
#include "frontends/resnet/data/synthetic.h"

namespace ronde {

Result<std::unique_ptr<Dataset>> LoadDataset(const DatasetRequest& request) {
  if (request.name == "fashion-mnist") {
    return LoadFashionMnist(request.directory, request.split, request.limit);
  }
  if (request.name == "synthetic") return MakeSynthetic(request);
  return Status::InvalidArgument(
      StrCat("data set '", request.name, "' is unknown; use fashion-mnist or synthetic"));
}

}  // namespace ronde
