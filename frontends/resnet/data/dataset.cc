#include "frontends/resnet/data/dataset.h"

#include "core/base/strcat.h"
#include "frontends/resnet/data/cifar.h"
#include "frontends/resnet/data/fashion_mnist.h"
#include "frontends/resnet/data/image_folder.h"
#include "frontends/resnet/data/synthetic.h"

namespace ronde {

Result<std::unique_ptr<Dataset>> LoadDataset(const DatasetRequest& request) {
  if (request.name == "fashion-mnist") {
    return LoadFashionMnist(request.directory, request.split, request.limit);
  }
  if (request.name == "cifar10" || request.name == "cifar100") {
    const CifarKind kind = request.name == "cifar10" ? CifarKind::kCifar10 : CifarKind::kCifar100;
    return LoadCifar(kind, request.directory, request.split, request.limit);
  }
  if (request.name == "imagefolder") {
    return LoadImageFolder(request.directory, request.split, request.limit, request.image_size);
  }
  if (request.name == "synthetic") return MakeSynthetic(request);
  return Status::InvalidArgument(
      StrCat("data set '", request.name,
             "' is unknown; use fashion-mnist, cifar10, cifar100, imagefolder or synthetic"));
}

}  // namespace ronde
