// Whole files of weights, as --init-weights reads them: safetensors and torch.save's. With
// libtorch.
#include <array>

#include "frontends/resnet/weights/model_weights.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/memory_file.h"
#include "tests/support/state_dict_bytes.h"
#include "tests/support/zip_bytes.h"

namespace ronde {
namespace {

int FuzzWeights(const std::uint8_t* data, std::size_t size) {
  static MemoryFile file;
  file.Write(std::string_view(reinterpret_cast<const char*>(data), size));
  const Result<NamedTensors> tensors = ReadWeights(file.path());
  if (!tensors.ok()) {
    FUZZ_REQUIRE(tensors.status().code() == StatusCode::kInvalidArgument);
    FUZZ_REQUIRE(tensors.status().message().find(file.path()) != std::string::npos);
    FUZZ_REQUIRE(tensors.status().message().find('\n') == std::string::npos);
    return 0;
  }
  for (const auto& [name, tensor] : tensors.value()) {
    FUZZ_REQUIRE(tensor.defined() && tensor.nbytes() <= size);
    static_cast<void>(tensor.clone());  // reads every element
  }
  return 0;
}

std::string Safetensors(const std::string& json, const std::string& values) {
  return LittleEndian(json.size(), 8) + json + values;
}

std::vector<std::string> WeightsSeeds() {
  const std::string values(24, '\x3f');
  return {ZipOf({{"model/data.pkl", PickleOfOneTensor("fc.weight")}, {"model/data/0", values}}),
          Safetensors(R"({"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})", values),
          Safetensors(R"({"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},)"
                      R"("b":{"dtype":"BOOL","shape":[2],"data_offsets":[8,10]}})",
                      std::string(8, '\x05') + std::string("\x01\0", 2))};
}

constexpr std::array<std::string_view, 8> kWords = {
    "\"BF16\"", "\"F16\"", "[6]", "[0,3]", "PK\x05\x06", "\xff\xff\xff\xff", "data/0", "K\xff"};

}  // namespace

const FuzzTarget kFuzzTarget = {&FuzzWeights, &WeightsSeeds, kWords};

}  // namespace ronde
