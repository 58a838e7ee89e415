#include "frontends/resnet/state_dict.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/export.h>
#include <torch/csrc/jit/serialization/pickler.h>

#include "core/base/strcat.h"
#include "frontends/torch/tensor_bridge.h"

namespace ronde {
namespace {

// Copies in the default memory order: a view of the flat buffer would drag all of it along.
at::Tensor Detached(const at::Tensor& tensor) {
  return tensor.detach().clone(at::MemoryFormat::Contiguous);
}

// As torch::pickle_save, but without the type tags of TorchScript, which Python's weights-only
// reader refuses.
std::string Serialized(const at::IValue& value) {
  std::string pickle;
  torch::jit::Pickler pickler(
      [&pickle](const char* bytes, std::size_t size) { pickle.append(bytes, size); }, nullptr,
      nullptr, nullptr, nullptr, /*tag_aggregates=*/false);
  pickler.protocol();
  pickler.pushIValue(value);
  pickler.stop();

  std::string archive;
  caffe2::serialize::PyTorchStreamWriter writer([&archive](const void* bytes, std::size_t size) {
    archive.append(static_cast<const char*>(bytes), size);
    return size;
  });
  torch::jit::writeArchiveAndTensors("data", pickle.data(), pickle.size(), pickler.tensorData(),
                                     writer);
  writer.writeEndOfFile();
  return archive;
}

}  // namespace

Status SaveStateDict(const torch::nn::Module& module, const std::string& path) {
  c10::Dict<std::string, at::Tensor> state;
  for (const auto& [name, tensor] : NamedParameters(module)) state.insert(name, Detached(tensor));
  for (const auto& [name, tensor] : NamedBuffers(module)) state.insert(name, Detached(tensor));
  const std::string bytes = Serialized(state);

  const std::string unfinished = path + ".tmp";
  std::ofstream file(unfinished, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file || std::rename(unfinished.c_str(), path.c_str()) != 0) {
    const std::string reason = std::strerror(errno);
    std::remove(unfinished.c_str());
    return Status::Unavailable(StrCat("--save: ", path, " cannot be written: ", reason));
  }
  return Status::Ok();
}

}  // namespace ronde
