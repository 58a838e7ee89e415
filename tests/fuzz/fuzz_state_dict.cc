// What torch.save writes: the same bytes once as the pickle that describes the tensors, once as the
// zip archive around it. The archive's reader takes a path: the bytes are a file in memory.
#include <array>

#include "frontends/resnet/weights/state_dict_pickle.h"
#include "frontends/resnet/weights/tensor_layout.h"
#include "frontends/resnet/weights/zip_archive.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/memory_file.h"
#include "tests/support/state_dict_bytes.h"
#include "tests/support/zip_bytes.h"

namespace ronde {
namespace {

void CheckFailure(const Status& status) {
  FUZZ_REQUIRE(status.code() == StatusCode::kInvalidArgument);
  FUZZ_REQUIRE(!status.message().empty());
  FUZZ_REQUIRE(status.message().find('\n') == std::string::npos);
}

// The last element of a view lies in its storage, counted in another way than the reader's.
void CheckTensor(const PickledTensor& tensor) {
  FUZZ_REQUIRE(ElementBytes(tensor.dtype) > 0);
  FUZZ_REQUIRE(tensor.sizes.size() == tensor.strides.size());
  __extension__ using Wide = unsigned __int128;
  Wide last = tensor.offset;
  bool is_empty = false;
  for (std::size_t i = 0; i < tensor.sizes.size(); ++i) {
    FUZZ_REQUIRE(tensor.sizes[i] >= 0 && tensor.strides[i] >= 0);
    is_empty = is_empty || tensor.sizes[i] == 0;
    if (!is_empty) last += Wide(tensor.sizes[i] - 1) * Wide(tensor.strides[i]);
  }
  FUZZ_REQUIRE(is_empty ? tensor.offset <= tensor.storage_count : last < tensor.storage_count);
}

void CheckPickle(std::string_view bytes) {
  const auto state = ParseStateDictPickle(bytes);
  if (!state.ok()) return CheckFailure(state.status());
  for (const auto& [name, tensor] : state.value()) CheckTensor(tensor);
}

void CheckArchive(std::string_view bytes) {
  static MemoryFile memory;
  memory.Write(bytes);
  const Result<InputFile> file = InputFile::Open(memory.path());
  FUZZ_REQUIRE(file.ok());
  const Result<ZipDirectory> directory = ReadZipDirectory(file.value());
  if (!directory.ok()) return CheckFailure(directory.status());
  std::uint64_t sum_bytes = 0;
  for (const auto& [name, record] : directory.value()) {
    FUZZ_REQUIRE(record.begin + record.size_bytes <= bytes.size());
    sum_bytes += record.size_bytes;
    std::string contents(record.size_bytes, '\0');
    const Status status = ReadZipRecord(file.value(), record, contents.data());
    if (!status.ok()) CheckFailure(status);
    FUZZ_REQUIRE(contents == bytes.substr(record.begin, record.size_bytes));
  }
  FUZZ_REQUIRE(sum_bytes <= bytes.size());
}

int FuzzStateDict(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckPickle(bytes);
  CheckArchive(bytes);
  return 0;
}

std::vector<std::string> StateDictSeeds() {
  const std::string pickle = PickleOfOneTensor("conv1.weight");
  return {pickle, ZipOf({}),
          ZipOf({{"model/data.pkl", pickle},
                 {"model/byteorder", "little"},
                 {"model/data/0", std::string(24, '\x3f')}})};
}

constexpr std::array<std::string_view, 18> kWords = {"ctorch\nLongStorage\n",
                                                     "ctorch._utils\n_rebuild_parameter\n",
                                                     "cos\nsystem\n",
                                                     "X\x01\0\0\0"
                                                     "a",
                                                     "J\xff\xff\xff\xff",
                                                     "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
                                                     "(",
                                                     "t",
                                                     ")R",
                                                     "}",
                                                     "h\x01",
                                                     "q\x01",
                                                     "K\xff",
                                                     "Q",
                                                     "PK\x01\x02",
                                                     "PK\x05\x06",
                                                     "PK\x06\x06",
                                                     "\xff\xff\xff\xff"};

}  // namespace

const FuzzTarget kFuzzTarget = {&FuzzStateDict, &StateDictSeeds, kWords};

}  // namespace ronde
