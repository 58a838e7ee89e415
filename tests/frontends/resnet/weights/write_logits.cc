// write_logits MODEL CLASSES INPUT WEIGHTS...: the logits of MODEL with the weights of each file
// WEIGHTS for tensor "images" of the safetensors file INPUT, as tensor "logits" of the safetensors
// file WEIGHTS.logits.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "frontends/resnet/models/resnet.h"
#include "frontends/resnet/weights/model_weights.h"
#include "frontends/resnet/weights/safetensors.h"

namespace ronde {
namespace {

Status WriteLogits(ResNet model, const at::Tensor& images, const std::string& weights) {
  RONDE_ASSIGN_OR_RETURN(const NamedTensors tensors, ReadWeights(weights));
  RONDE_RETURN_IF_ERROR(LoadWeights(*model, tensors));
  const torch::NoGradGuard no_grad;
  return WriteSafetensors({{{"logits", model->forward(images)}}, {}}, weights + ".logits");
}

Status WriteAll(const std::string& name, std::int64_t classes, const std::string& input,
                const std::vector<std::string>& files) {
  RONDE_ASSIGN_OR_RETURN(const TensorFile file, ReadSafetensors(input));
  const at::Tensor images = file.tensors.at(0).second;
  for (const std::string& weights : files) {
    ResNet model(FindResNet(name, 16, images.size(1), classes).value());
    UseChannelsLast(*model);
    model->eval();
    RONDE_RETURN_IF_ERROR(WriteLogits(model, images, weights));
  }
  return Status::Ok();
}

}  // namespace
}  // namespace ronde

int main(int argc, char** argv) {
  if (argc < 5) return std::fprintf(stderr, "expected MODEL CLASSES INPUT WEIGHTS...\n"), 2;
  const ronde::Status status =
      ronde::WriteAll(argv[1], std::atoll(argv[2]), argv[3], {argv + 4, argv + argc});
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message().c_str());
  return ronde::ExitCodeFor(status);
}
