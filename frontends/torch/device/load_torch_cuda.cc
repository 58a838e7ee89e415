#include "frontends/torch/device/load_torch_cuda.h"

#include <dlfcn.h>

#include <filesystem>
#include <string>

#include <ATen/detail/CUDAHooksInterface.h>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr char kLibrary[] = "libtorch_cuda.so";

// The folder of the libtorch_cpu.so in this process: where one of its functions comes from.
std::filesystem::path FolderOfTorch() {
  Dl_info info = {};
  const auto* function = reinterpret_cast<const void*>(&at::detail::getCUDAHooks);
  if (dladdr(function, &info) == 0 || info.dli_fname == nullptr) return {};
  return std::filesystem::path(info.dli_fname).parent_path();
}

}  // namespace

Status LoadTorchCuda() {
  const std::filesystem::path path = FolderOfTorch() / kLibrary;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return Status::Unavailable(StrCat("this libtorch has no CUDA part: there is no ", path.string(),
                                      "; build with the CUDA wheel of torch"));
  }
  // Its symbols are there for libraries that it loads later, as torch's Python does it.
  if (dlopen(path.c_str(), RTLD_LAZY | RTLD_GLOBAL) == nullptr) {
    const char* const why = dlerror();
    return Status::Unavailable(
        StrCat("libtorch's CUDA part cannot be loaded: ", why == nullptr ? path.c_str() : why));
  }
  if (at::detail::getCUDAHooks().hasCUDART()) return Status::Ok();
  return Status::Unavailable(
      "libtorch's CUDA part was loaded too late: libtorch had been asked for CUDA before");
}

}  // namespace ronde
