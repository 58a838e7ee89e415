#include "frontends/resnet/weights/state_dict_pickle.h"

#include <algorithm>
#include <array>
#include <exception>
#include <optional>
#include <set>

#include "core/base/strcat.h"
#include "frontends/resnet/weights/pickle_machine.h"
#include "frontends/resnet/weights/printable.h"
#include "frontends/resnet/weights/tensor_layout.h"

namespace ronde {
namespace {

constexpr std::size_t kPickleLimit = 16 << 20;
constexpr std::size_t kHighestRank = 64;
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kStorages = {
    {{"torch\nDoubleStorage", "F64"},
     {"torch\nFloatStorage", "F32"},
     {"torch\nHalfStorage", "F16"},
     {"torch\nBFloat16Storage", "BF16"},
     {"torch\nLongStorage", "I64"},
     {"torch\nIntStorage", "I32"},
     {"torch\nShortStorage", "I16"},
     {"torch\nCharStorage", "I8"},
     {"torch\nByteStorage", "U8"},
     {"torch\nBoolStorage", "BOOL"}}};

std::string PythonName(std::string_view global) {
  std::string name(global);
  std::replace(name.begin(), name.end(), '\n', '.');
  return name;
}

// Reads tensors off the values of a pickle. Each method fails on values of another form.
class StateReader {
 public:
  explicit StateReader(const PickleValues& pickle) : pickle_(pickle) {}

  Result<std::vector<std::pair<std::string, PickledTensor>>> Read() const {
    const PickleValue& root = At(pickle_.root);
    if (root.kind != PickleKind::kDict) return Status::InvalidArgument(NotADict(root));
    std::vector<std::pair<std::string, PickledTensor>> state;
    std::set<std::string_view> names;
    for (std::size_t i = 0; i + 1 < root.items.size(); i += 2) {
      const PickleValue& name = At(root.items[i]);
      if (name.kind != PickleKind::kString) return Bad("it has a key that is not a string");
      if (!names.insert(name.text).second) return Bad(Quoted(name) + " is there twice");
      RONDE_ASSIGN_OR_RETURN(PickledTensor tensor, ReadTensor(name, root.items[i + 1]));
      state.emplace_back(std::string(name.text), std::move(tensor));
    }
    return state;
  }

 private:
  static Status Bad(const std::string& what) { return Status::InvalidArgument(what); }
  static std::string Quoted(const PickleValue& name) { return Printable(name.text); }
  [[nodiscard]] const PickleValue& At(std::uint32_t place) const { return pickle_.values[place]; }

  [[nodiscard]] std::string NotADict(const PickleValue& root) const {
    const std::string remedy = "; expected a dict of tensors: torch.save(model.state_dict(), PATH)";
    if (root.kind != PickleKind::kCall) return "it holds no dict" + remedy;
    return StrCat("it holds a ", Printable(PythonName(At(root.items[0]).text)), remedy);
  }

  [[nodiscard]] Status NotATensor(const PickleValue& name, const PickleValue& value) const {
    if (value.kind == PickleKind::kDict) {
      return Bad(StrCat("its ", Quoted(name), " is a dict; expected tensors by name; save the ",
                        "model's state alone: torch.save(model.state_dict(), PATH)"));
    }
    if (value.kind == PickleKind::kCall) {
      return Bad(StrCat("its ", Quoted(name), " calls Python's ",
                        Printable(PythonName(At(value.items[0]).text)),
                        "; expected a dense tensor"));
    }
    return Bad(StrCat("its ", Quoted(name), " is not a tensor"));
  }

  // The arguments of a call of `function`, or null.
  [[nodiscard]] const PickleValue* Arguments(const PickleValue& value, std::string_view function,
                                             std::size_t at_least) const {
    if (value.kind != PickleKind::kCall || At(value.items[0]).text != function) return nullptr;
    const PickleValue& arguments = At(value.items[1]);
    return arguments.items.size() < at_least ? nullptr : &arguments;
  }

  Result<PickledTensor> ReadTensor(const PickleValue& name, std::uint32_t place) const {
    const PickleValue* value = &At(place);
    if (const auto* parameter = Arguments(*value, "torch._utils\n_rebuild_parameter", 1)) {
      value = &At(parameter->items[0]);
    }
    const PickleValue* view = Arguments(*value, "torch._utils\n_rebuild_tensor_v2", 4);
    if (view == nullptr) return NotATensor(name, *value);
    std::optional<PickledTensor> tensor = ReadStorage(At(view->items[0]));
    const PickleValue& offset = At(view->items[1]);
    const auto sizes = ReadShape(At(view->items[2]));
    const auto strides = ReadShape(At(view->items[3]));
    if (!tensor || !sizes || !strides || offset.kind != PickleKind::kInteger ||
        offset.integer < 0) {
      return Bad(StrCat("its ", Quoted(name), " is not a tensor of a dtype that is known here"));
    }
    tensor->offset = static_cast<std::uint64_t>(offset.integer);
    tensor->sizes = *sizes;
    tensor->strides = *strides;
    RONDE_RETURN_IF_ERROR(CheckView(name, *tensor));
    return *std::move(tensor);
  }

  // ('storage', torch.FloatStorage, '12', 'cpu', 9408); the device is where it was.
  [[nodiscard]] std::optional<PickledTensor> ReadStorage(const PickleValue& persistent) const {
    if (persistent.kind != PickleKind::kPersistent) return std::nullopt;
    const PickleValue& id = At(persistent.items[0]);
    if (id.kind != PickleKind::kTuple || id.items.size() < 5) return std::nullopt;
    const PickleValue& type = At(id.items[1]);
    const PickleValue& key = At(id.items[2]);
    const PickleValue& count = At(id.items[4]);
    const auto* const known = std::find_if(kStorages.begin(), kStorages.end(),
                                           [&](const auto& s) { return s.first == type.text; });
    if (At(id.items[0]).text != "storage" || type.kind != PickleKind::kGlobal ||
        known == kStorages.end() || key.kind != PickleKind::kString ||
        count.kind != PickleKind::kInteger || count.integer < 0) {
      return std::nullopt;
    }
    PickledTensor tensor;
    tensor.storage = key.text;
    tensor.dtype = known->second;
    tensor.storage_count = static_cast<std::uint64_t>(count.integer);
    return tensor;
  }

  [[nodiscard]] std::optional<Shape> ReadShape(const PickleValue& tuple) const {
    if (tuple.kind != PickleKind::kTuple || tuple.items.size() > kHighestRank) return std::nullopt;
    Shape shape;
    for (const std::uint32_t place : tuple.items) {
      if (At(place).kind != PickleKind::kInteger) return std::nullopt;
      shape.push_back(At(place).integer);
    }
    return shape;
  }

  static Status CheckView(const PickleValue& name, const PickledTensor& tensor) {
    const std::uint64_t element_bytes = ElementBytes(tensor.dtype);
    const auto size_bytes = SizeBytes(tensor.sizes, element_bytes);
    // A view that repeats elements could have any number of them.
    if (size_bytes && *size_bytes / element_bytes <= tensor.storage_count &&
        LiesInStorage(tensor.sizes, tensor.strides, tensor.offset, tensor.storage_count)) {
      return Status::Ok();
    }
    return Bad(StrCat("its ", Quoted(name), " of shape ", ToString(tensor.sizes), ", strides ",
                      ToString(tensor.strides), " and offset ", tensor.offset,
                      " does not lie in its storage of ", tensor.storage_count, " elements"));
  }

  const PickleValues& pickle_;
};

}  // namespace

Result<std::vector<std::pair<std::string, PickledTensor>>> ParseStateDictPickle(
    std::string_view pickle) {
  if (pickle.size() > kPickleLimit) {
    return Status::InvalidArgument(
        StrCat("its pickle has ", pickle.size(), " bytes; expected at most ", kPickleLimit));
  }
  try {
    RONDE_ASSIGN_OR_RETURN(const PickleValues values, RunPickle(pickle));
    return StateReader(values).Read();
  } catch (const std::exception&) {
    return Status::InvalidArgument("its pickle does not fit into memory");
  }
}

}  // namespace ronde
