#include "frontends/resnet/weights/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/strcat.h"
#include "frontends/resnet/weights/input_file.h"
#include "frontends/resnet/weights/output_file.h"
#include "frontends/resnet/weights/printable.h"
#include "frontends/resnet/weights/safetensors_header.h"
#include "frontends/resnet/weights/scalar_types.h"

namespace ronde {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors is little-endian");

Status CheckTensor(const std::string& name, const at::Tensor& tensor) {
  const auto bad = [&name](const std::string& what) {
    return Status::InvalidArgument(StrCat("tensor ", Printable(name), " ", what));
  };
  if (!tensor.defined()) return bad("is undefined");
  if (tensor.layout() != at::kStrided || tensor.is_meta()) return bad("is not a dense tensor");
  if (FindTypeName(tensor.scalar_type())) return Status::Ok();
  return bad(StrCat("has dtype ", at::toString(tensor.scalar_type()),
                    ", which safetensors files here do not hold"));
}

using Order = std::vector<const std::pair<std::string, at::Tensor>*>;

Order OrderInFile(const NamedTensors& tensors) {
  Order order;
  order.reserve(tensors.size());
  for (const auto& named : tensors) order.push_back(&named);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return a->second.element_size() > b->second.element_size();
  });
  return order;
}

SafetensorsHeader HeaderOf(const Order& order, const std::map<std::string, std::string>& metadata) {
  SafetensorsHeader header;
  header.metadata = metadata;
  std::uint64_t begin = 0;
  for (const auto* named : order) {
    const auto& [name, tensor] = *named;
    const std::uint64_t end = begin + tensor.nbytes();
    header.entries.push_back(
        {name, std::string(*FindTypeName(tensor.scalar_type())), tensor.sizes().vec(), begin, end});
    begin = end;
  }
  return header;
}

Status Write(const TensorFile& file, const std::string& path) {
  for (const auto& [name, tensor] : file.tensors) {
    RONDE_RETURN_IF_ERROR(CheckTensor(name, tensor));
  }
  const Order order = OrderInFile(file.tensors);
  RONDE_ASSIGN_OR_RETURN(const std::string header,
                         FormatSafetensorsHeader(HeaderOf(order, file.metadata)));
  RONDE_ASSIGN_OR_RETURN(OutputFile output, OutputFile::Create(path));
  RONDE_RETURN_IF_ERROR(output.Write(header.data(), header.size()));
  for (const auto* named : order) {
    const at::Tensor values = named->second.detach().cpu().contiguous();
    RONDE_RETURN_IF_ERROR(output.Write(values.data_ptr(), values.nbytes()));
  }
  return output.Finish();
}

Result<SafetensorsHeader> ReadHeader(const InputFile& file) {
  std::array<unsigned char, kSafetensorsLengthBytes> prefix = {};
  if (file.size_bytes() < prefix.size()) {
    return Status::InvalidArgument(StrCat("it has only ", file.size_bytes(), " bytes"));
  }
  RONDE_RETURN_IF_ERROR(file.ReadAt(0, prefix.data(), prefix.size()));
  const auto length = std::bit_cast<std::uint64_t>(prefix);
  const std::uint64_t behind = file.size_bytes() - prefix.size();
  if (length > std::min(behind, kSafetensorsHeaderLimit)) {
    return Status::InvalidArgument(StrCat("its header would have ", length, " bytes; expected at ",
                                          "most ", std::min(behind, kSafetensorsHeaderLimit)));
  }
  std::string json(length, '\0');
  RONDE_RETURN_IF_ERROR(file.ReadAt(prefix.size(), json.data(), json.size()));
  return ParseSafetensorsHeader(json, behind - length);
}

Result<at::Tensor> ReadTensor(const InputFile& file, const SafetensorsEntry& entry,
                              std::uint64_t data_begin) {
  const std::optional<at::ScalarType> type = FindScalarType(entry.dtype);
  if (!type) return Status::Internal(StrCat("dtype ", entry.dtype, " has no libtorch type"));
  at::Tensor tensor = at::empty(entry.shape, *type);
  RONDE_RETURN_IF_ERROR(file.ReadAt(data_begin + entry.begin, tensor.data_ptr(), tensor.nbytes()));
  if (!HoldsValues(tensor)) {
    return Status::InvalidArgument(
        StrCat("tensor ", Printable(entry.name), " of dtype BOOL holds other bytes than 0 and 1"));
  }
  return tensor;
}

Result<TensorFile> Read(const InputFile& file) {
  RONDE_ASSIGN_OR_RETURN(SafetensorsHeader header, ReadHeader(file));
  const std::uint64_t data_begin =
      file.size_bytes() - (header.entries.empty() ? 0 : header.entries.back().end);
  TensorFile contents;
  contents.metadata = std::move(header.metadata);
  contents.tensors.reserve(header.entries.size());
  for (const SafetensorsEntry& entry : header.entries) {
    RONDE_ASSIGN_OR_RETURN(at::Tensor tensor, ReadTensor(file, entry, data_begin));
    contents.tensors.emplace_back(entry.name, std::move(tensor));
  }
  return contents;
}

}  // namespace

Status WriteSafetensors(const TensorFile& file, const std::string& path) {
  try {
    return Write(file, path);
  } catch (const std::exception&) {  // copying a tensor can run out of memory
    return Status::Unavailable(StrCat(path, ": cannot be written: out of memory"));
  }
}

Result<TensorFile> ReadSafetensors(const std::string& path) {
  RONDE_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(path));
  try {
    Result<TensorFile> contents = Read(file);
    if (contents.ok()) return contents;
    return Status::InvalidArgument(
        StrCat(path, ": not a valid safetensors file: ", contents.status().message()));
  } catch (const std::exception&) {
    return Status::InvalidArgument(StrCat(path, ": cannot be read: out of memory"));
  }
}

}  // namespace ronde
