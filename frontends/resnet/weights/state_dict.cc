#include "frontends/resnet/weights/state_dict.h"

#include <exception>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/export.h>
#include <torch/csrc/jit/serialization/pickler.h>

#include "core/base/strcat.h"
#include "frontends/resnet/weights/output_file.h"
#include "frontends/resnet/weights/printable.h"
#include "frontends/resnet/weights/scalar_types.h"
#include "frontends/resnet/weights/state_dict_pickle.h"
#include "frontends/resnet/weights/tensor_layout.h"
#include "frontends/resnet/weights/zip_archive.h"

namespace ronde {
namespace {

constexpr std::string_view kPickleName = "/data.pkl";
constexpr std::size_t kPickleLimit = 16 << 20;

Status Bad(const std::string& what) { return Status::InvalidArgument(what); }

// As torch::pickle_save, but without the type tags of TorchScript, which Python's weights-only
// reader refuses.
Status WritePickled(const at::IValue& value, OutputFile& file) {
  std::string pickle;
  torch::jit::Pickler pickler(
      [&pickle](const char* bytes, std::size_t size) { pickle.append(bytes, size); }, nullptr,
      nullptr, nullptr, nullptr, /*tag_aggregates=*/false);
  pickler.protocol();
  pickler.pushIValue(value);
  pickler.stop();

  Status status;
  // The archive's destructor writes too: it must not learn of a failure, or it would throw.
  caffe2::serialize::PyTorchStreamWriter writer([&](const void* bytes, std::size_t size) {
    if (status.ok()) status = file.Write(bytes, size);
    return size;
  });
  torch::jit::writeArchiveAndTensors("data", pickle.data(), pickle.size(), pickler.tensorData(),
                                     writer);
  writer.writeEndOfFile();
  return status;
}

// The records of an archive lie in one folder, which has any name.
Result<std::string> FindFolder(const ZipDirectory& directory) {
  for (const auto& [name, record] : directory) {
    if (std::string_view(name).ends_with(kPickleName)) {
      return name.substr(0, name.size() - kPickleName.size());
    }
  }
  return Bad("it is a zip archive without data.pkl");
}

Result<std::string> ReadText(const InputFile& file, const ZipRecord& record) {
  if (record.size_bytes > kPickleLimit) return Bad("its data.pkl is too large");
  std::string text(record.size_bytes, '\0');
  RONDE_RETURN_IF_ERROR(ReadZipRecord(file, record, text.data()));
  return text;
}

Status CheckByteOrder(const InputFile& file, const ZipDirectory& directory,
                      const std::string& folder) {
  const auto found = directory.find(folder + "/byteorder");
  if (found == directory.end()) return Status::Ok();  // files before torch 2.1
  RONDE_ASSIGN_OR_RETURN(const std::string order, ReadText(file, found->second));
  return order == "little" ? Status::Ok() : Bad("its byte order is " + Printable(order));
}

Result<at::Tensor> ReadStorage(const InputFile& file, const ZipRecord& record,
                               const PickledTensor& tensor) {
  const std::optional<at::ScalarType> type = FindScalarType(tensor.dtype);
  if (!type) return Status::Internal(StrCat("dtype ", tensor.dtype, " has no libtorch type"));
  if (record.size_bytes / ElementBytes(tensor.dtype) != tensor.storage_count ||
      record.size_bytes % ElementBytes(tensor.dtype) != 0) {
    return Bad(StrCat("its storage ", Printable(tensor.storage), " has ", record.size_bytes,
                      " bytes; expected ", tensor.storage_count, " elements of ", tensor.dtype));
  }
  at::Tensor storage = at::empty({static_cast<std::int64_t>(tensor.storage_count)}, *type);
  RONDE_RETURN_IF_ERROR(ReadZipRecord(file, record, storage.data_ptr()));
  if (HoldsValues(storage)) return storage;
  return Bad(StrCat("its storage ", Printable(tensor.storage), " does not hold bools"));
}

Result<NamedTensors> Read(const InputFile& file) {
  RONDE_ASSIGN_OR_RETURN(const ZipDirectory directory, ReadZipDirectory(file));
  RONDE_ASSIGN_OR_RETURN(const std::string folder, FindFolder(directory));
  RONDE_RETURN_IF_ERROR(CheckByteOrder(file, directory, folder));
  RONDE_ASSIGN_OR_RETURN(const std::string pickle,
                         ReadText(file, directory.at(StrCat(folder, kPickleName))));
  RONDE_ASSIGN_OR_RETURN(const auto state, ParseStateDictPickle(pickle));

  NamedTensors tensors;
  std::map<std::string, at::Tensor> storages;
  for (const auto& [name, tensor] : state) {
    const auto record = directory.find(StrCat(folder, "/data/", tensor.storage));
    if (record == directory.end()) {
      return Bad(StrCat("the storage of ", Printable(name), " is missing"));
    }
    at::Tensor& storage = storages[tensor.storage];
    if (!storage.defined()) {
      RONDE_ASSIGN_OR_RETURN(storage, ReadStorage(file, record->second, tensor));
    }
    if (storage.scalar_type() != FindScalarType(tensor.dtype) ||
        storage.numel() != static_cast<std::int64_t>(tensor.storage_count)) {
      return Bad(StrCat("its storage ", Printable(tensor.storage), " is described in two ways"));
    }
    tensors.emplace_back(name, storage.as_strided(tensor.sizes, tensor.strides,
                                                  static_cast<std::int64_t>(tensor.offset)));
  }
  return tensors;
}

}  // namespace

Status WriteStateDict(const NamedTensors& tensors, const std::string& path) {
  RONDE_ASSIGN_OR_RETURN(OutputFile file, OutputFile::Create(path));
  try {
    c10::Dict<std::string, at::Tensor> state;
    for (const auto& [name, tensor] : tensors) {
      // In the default memory order: a view of the flat buffer would drag all of it along.
      state.insert(name, tensor.detach().cpu().clone(at::MemoryFormat::Contiguous));
    }
    RONDE_RETURN_IF_ERROR(WritePickled(state, file));
  } catch (const std::exception&) {
    return Status::Unavailable(StrCat(path, ": cannot be written: out of memory"));
  }
  return file.Finish();
}

Result<NamedTensors> ReadStateDict(const std::string& path) {
  RONDE_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(path));
  try {
    Result<NamedTensors> tensors = Read(file);
    if (tensors.ok()) return tensors;
    return Bad(
        StrCat(path, ": not a state that torch.save has written: ", tensors.status().message()));
  } catch (const std::exception&) {
    return Bad(StrCat(path, ": cannot be read: out of memory"));
  }
}

}  // namespace ronde
