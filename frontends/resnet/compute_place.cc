#include "frontends/resnet/compute_place.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <ATen/Context.h>

#include "core/base/strcat.h"
#include "core/device/device_list.h"
#include "frontends/torch/device/torch_device.h"

namespace ronde {
namespace {

// One thread augments and normalises some 2000 images of 224 x 224 a second.
constexpr int kMostLoaderThreads = 8;

Status Unusable(const Status& why) {
  return {why.code(), StrCat("--device cuda: ", why.message(), "; or use --device cpu")};
}

void SetUpLibraries(const TrainOptions& options) {
  at::Context& torch = at::globalContext();
  torch.setAllowTF32CuBLAS(options.tf32);
  torch.setAllowTF32CuDNN(options.tf32);
  // Shapes stay the same from step to step: the fastest of cuDNN's algorithms is worth a search.
  torch.setBenchmarkCuDNN(!options.deterministic);
  torch.setDeterministicCuDNN(options.deterministic);
}

}  // namespace

Result<ComputePlace> OpenComputePlace(const TrainOptions& options, int local_rank, int local_size,
                                      int cores) {
  ComputePlace place;
  if (options.device != "cuda") return place;
  const std::vector<DeviceInfo> usable = ListDevices();
  const int count = static_cast<int>(usable.size());
  const std::size_t chosen = count == 0 ? 0 : static_cast<std::size_t>(local_rank % count);
  const int index = count == 0 ? 0 : usable[chosen].index;
  const Status opened = OpenTorchDevice(index);
  if (!opened.ok()) return Unusable(opened);
  place.device = at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
  place.name = usable[chosen].name;
  place.loader_threads = std::clamp(cores / local_size - 1, 1, kMostLoaderThreads);
  place.pinned = std::make_unique<PinnedMemory>(DeviceOf(place.device).device());
  if (local_size > count) {
    place.warning =
        StrCat(local_size, " ranks of this host share ", count, count == 1 ? " GPU" : " GPUs",
               ": they take turns on ", count == 1 ? "it" : "them");
  }
  SetUpLibraries(options);
  return place;
}

}  // namespace ronde
