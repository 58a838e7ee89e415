#include "frontends/session/operation_check.h"

#include <algorithm>

#include "core/base/available_memory.h"
#include "core/base/strcat.h"
#include "core/control/message.h"
#include "core/device/device.h"

namespace ronde {
namespace {

template <typename... Args>
Status Invalid(const std::string& name, const Args&... args) {
  return Status::InvalidArgument(StrCat("tensor '", name, "': ", args...));
}

Status CheckType(const std::string& name, DataType dtype) {
  if (static_cast<int>(dtype) < kDataTypeCount) return Status::Ok();
  return Invalid(name, "data type ", static_cast<int>(dtype), " does not exist");
}

Status CheckOperator(const std::string& name, ReduceOp op) {
  if (static_cast<int>(op) < kReduceOpCount) return Status::Ok();
  return Invalid(name, "reduction operator ", static_cast<int>(op), " does not exist");
}

bool IsEmpty(const TensorView& tensor) {
  // The product of the shape may overflow here: the engine checks it.
  return std::any_of(tensor.shape.begin(), tensor.shape.end(),
                     [](std::int64_t extent) { return extent == 0; });
}

bool LacksData(const TensorView& tensor) { return tensor.data == nullptr && !IsEmpty(tensor); }

}  // namespace

Status CheckTypes(const std::string& name, const TensorView& input, const TensorView& output,
                  ReduceOp op) {
  RONDE_RETURN_IF_ERROR(CheckType(name, input.dtype));
  RONDE_RETURN_IF_ERROR(CheckType(name, output.dtype));
  return CheckOperator(name, op);
}

std::string ObjectionTo(const TensorView& input, const TensorView& output,
                        const Shape& output_shape) {
  if (output.dtype != input.dtype || output.shape != output_shape) {
    return StrCat("its output is ", Name(output.dtype), " ", ToString(output.shape),
                  ", but what goes there is ", Name(input.dtype), " ", ToString(output_shape));
  }
  if (LacksData(input)) {
    return StrCat("the data pointer of its input is null, but its shape is ",
                  ToString(input.shape));
  }
  if (LacksData(output)) {
    return StrCat("the data pointer of its output is null, but its shape is ",
                  ToString(output.shape));
  }
  return "";
}

bool IsCountable(const TensorView& tensor, std::int64_t& size_bytes) {
  if (static_cast<int>(tensor.dtype) >= kDataTypeCount) return false;
  size_bytes = static_cast<std::int64_t>(SizeOf(tensor.dtype));
  for (const std::int64_t extent : tensor.shape) {
    if (extent < 0 || __builtin_mul_overflow(size_bytes, extent, &size_bytes)) return false;
  }
  return true;
}

std::string ObjectionToOverlap(const TensorView& input, const TensorView& output,
                               std::int64_t apart_bytes) {
  std::int64_t input_bytes = 0;
  std::int64_t output_bytes = 0;
  if (!IsCountable(input, input_bytes) || !IsCountable(output, output_bytes)) return "";
  if (!Overlap(input.data, input_bytes, output.data, output_bytes)) return "";
  const std::int64_t apart =
      static_cast<const std::byte*>(output.data) - static_cast<const std::byte*>(input.data);
  if (apart == apart_bytes) return "";
  return StrCat("its output overlaps its input, ", apart, " bytes behind its beginning; they must ",
                "lie apart, or the output ", apart_bytes, " bytes behind");
}

Status CheckTensor(const std::string& name, const TensorView& tensor) {
  RONDE_RETURN_IF_ERROR(CheckType(name, tensor.dtype));
  if (LacksData(tensor)) {
    return Invalid(name, "its data pointer is null, but its shape is ", ToString(tensor.shape));
  }
  return Status::Ok();
}

Status CheckAllreduce(const std::string& name, const TensorView& input, const TensorView& output,
                      ReduceOp op) {
  RONDE_RETURN_IF_ERROR(CheckTensor(name, input));
  RONDE_RETURN_IF_ERROR(CheckTensor(name, output));
  RONDE_RETURN_IF_ERROR(CheckOperator(name, op));
  if (input.dtype != output.dtype || input.shape != output.shape) {
    return Invalid(name, "its input is ", Name(input.dtype), " ", ToString(input.shape),
                   ", but its output is ", Name(output.dtype), " ", ToString(output.shape));
  }
  return Status::Ok();
}

namespace {

Status CheckMember(const std::string& name, const TensorView& input, const TensorView& output,
                   ReduceOp op) {
  RONDE_RETURN_IF_ERROR(CheckAllreduce(name, input, output, op));
  Request member;
  member.name = name;
  member.dtype = input.dtype;
  member.shape = input.shape;
  return Validate(member);  // its element count is about to be taken
}

}  // namespace

// A member's own name is made for its error alone: groups are submitted at every step.
Status CheckGroup(const std::string& name, const std::vector<TensorView>& inputs,
                  const std::vector<TensorView>& outputs, ReduceOp op) {
  RONDE_RETURN_IF_ERROR(CheckGroupSize(name, inputs.size(), outputs.size()));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!CheckMember(name, inputs[i], outputs[i], op).ok()) {
      RONDE_RETURN_IF_ERROR(CheckMember(StrCat(name, "[", i, "]"), inputs[i], outputs[i], op));
    }
  }
  return Status::Ok();
}

Status CheckGroupSize(const std::string& name, std::size_t inputs, std::size_t outputs) {
  if (inputs > 0 && inputs == outputs) return Status::Ok();
  return Invalid(name, "a group needs as many outputs as inputs, at least one; it has ", inputs,
                 " inputs and ", outputs, " outputs");
}

std::string MemoryName(const Device* device) {
  if (device == nullptr) return "host memory";
  return StrCat("the memory of ", Name(device->kind()), ":", device->index());
}

std::string ObjectionToMemories(const TensorView& input, const TensorView& output) {
  if (input.device != output.device) {
    return StrCat("its input is in ", MemoryName(input.device), ", but its output is in ",
                  MemoryName(output.device));
  }
  if (input.device == nullptr) return "";
  const auto is_elsewhere = [](const TensorView& tensor) {
    return tensor.data != nullptr && !IsEmpty(tensor) && !tensor.device->Owns(tensor.data);
  };
  const bool is_input = is_elsewhere(input);
  // Asking is a call of the driver.
  if (!is_input && (output.data == input.data || !is_elsewhere(output))) return "";
  return StrCat("the data pointer of its ", is_input ? "input" : "output", " is said to be in ",
                MemoryName(input.device), ", but is not");
}

std::string ObjectionToMemory(std::size_t size_bytes, int ranks) {
  const std::uint64_t free_bytes = AvailableMemoryBytes();
  if (size_bytes <= free_bytes / static_cast<std::uint64_t>(ranks)) return "";
  return StrCat("there is no room for ", ranks, " x ", size_bytes, " bytes: ", free_bytes,
                " bytes of memory are available; ask for less or run fewer ranks");
}

}  // namespace ronde
