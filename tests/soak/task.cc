#include "tests/soak/task.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/base/strcat.h"
#include "tests/soak/elements.h"
#include "tests/soak/reference.h"

namespace ronde::soak {
namespace {

constexpr std::byte kUntouched{0xA7};
constexpr std::size_t kMarginBytes = 64;  // behind every buffer, to be left alone

int MemberNumber(const Operation& operation, int rank) {
  const auto found = std::find(operation.members.begin(), operation.members.end(), rank);
  return static_cast<int>(found - operation.members.begin());
}

Shape ShapeOf(std::int64_t elements, std::int64_t columns) { return {elements / columns, columns}; }

std::vector<std::byte> WithMargin(std::size_t size_bytes) {
  return std::vector<std::byte>(size_bytes + kMarginBytes, kUntouched);
}

bool MarginIsWhole(const std::vector<std::byte>& buffer) {
  return buffer.empty() || std::all_of(buffer.end() - kMarginBytes, buffer.end(),
                                       [](std::byte b) { return b == kUntouched; });
}

// Different from `dtype`, and one that the operation can have.
DataType OtherType(DataType dtype) {
  return dtype == DataType::kFloat32 ? DataType::kFloat64 : DataType::kFloat32;
}

}  // namespace

Task::Task(const Operation& operation, const Place& place)
    : operation_(operation),
      session_(*place.session),
      set_(place.sets.at(operation.set)),
      member_(MemberNumber(operation, place.session->rank())) {
  const std::size_t tensors = operation.form == Form::kAlltoall ? 1 : operation.rows.size();
  buffers_.resize(tensors);
  std::byte* const registered = operation.registered && place.registered != nullptr
                                    ? place.registered + operation.place
                                    : nullptr;
  for (std::size_t i = 0; i < tensors; ++i) Prepare(static_cast<int>(i), registered);
}

bool Task::HasOwnResult() const {
  return operation_.form == Form::kAllgather || operation_.form == Form::kAlltoall ||
         operation_.form == Form::kGatherGroup;
}

void Task::Prepare(int tensor, std::byte* registered) {
  Buffers& buffers = buffers_[static_cast<std::size_t>(tensor)];
  buffers.input_count = InputCount(operation_, member_, tensor);
  buffers.output_count = OutputCount(operation_, member_, tensor);
  const std::size_t element = SizeOf(operation_.dtype);
  const auto input_bytes = static_cast<std::size_t>(buffers.input_count) * element;
  const auto output_bytes = static_cast<std::size_t>(buffers.output_count) * element;
  const bool shared = operation_.form == Form::kBroadcast ||
                      operation_.form == Form::kModelAverage ||
                      (operation_.in_place &&
                       (operation_.form == Form::kAllreduce || operation_.form == Form::kGroup));
  if (registered != nullptr) {
    // On all ranks at the same place: the output half of it as far behind as the largest needs.
    std::size_t half = 0;
    for (int member = 0; member < static_cast<int>(operation_.members.size()); ++member) {
      half = std::max(
          {half, static_cast<std::size_t>(InputCount(operation_, member, tensor)) * element,
           static_cast<std::size_t>(OutputCount(operation_, member, tensor)) * element});
    }
    half = (half + 63) / 64 * 64;
    buffers.input = registered;
    buffers.output = shared ? registered : registered + half;
  } else {
    buffers.own_input = WithMargin(input_bytes);
    buffers.input = buffers.own_input.data();
    if (!shared && !HasOwnResult()) buffers.own_output = WithMargin(output_bytes);
    buffers.output = shared ? buffers.input : buffers.own_output.data();
  }
  for (std::int64_t i = 0; i < buffers.input_count; ++i) {
    Store(buffers.input, i, operation_.dtype, InputAt(operation_, member_, tensor, i));
  }
}

TensorView Task::Input(std::size_t tensor) const {
  const Buffers& buffers = buffers_[tensor];
  return {buffers.input, operation_.dtype, ShapeOf(buffers.input_count, operation_.columns)};
}

TensorView Task::Output(std::size_t tensor) const {
  const Buffers& buffers = buffers_[tensor];
  return {buffers.output, operation_.dtype, ShapeOf(buffers.output_count, operation_.columns)};
}

AllreduceOptions Task::Options() const {
  AllreduceOptions options;
  options.op = operation_.op;
  options.prescale = operation_.prescale;
  options.postscale = operation_.postscale;
  options.process_set = set_;
  return options;
}

std::vector<Handle> Task::Start() const {
  const std::string& name = operation_.name;
  std::vector<TensorView> inputs;
  std::vector<TensorView> outputs;
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    inputs.push_back(Input(i));
    outputs.push_back(Output(i));
  }
  switch (operation_.form) {
    case Form::kAllreduce:
      return {session_.AllreduceAsync(name, inputs[0], outputs[0], Options())};
    case Form::kGroup:
      return {session_.GroupedAllreduceAsync(name, inputs, outputs, Options())};
    case Form::kBroadcast:
      return {session_.BroadcastAsync(name, inputs[0], operation_.root, set_)};
    case Form::kAllgather:
      return {session_.AllgatherAsync(name, inputs[0], set_)};
    case Form::kAllgatherInto:
      return {session_.AllgatherAsync(name, inputs[0], outputs[0], set_)};
    case Form::kReducescatter:
      return {session_.ReducescatterAsync(name, inputs[0], outputs[0], Options())};
    case Form::kAlltoall:
      return {session_.AlltoallAsync(name, inputs[0],
                                     operation_.dealt[static_cast<std::size_t>(member_)], set_)};
    case Form::kBarrier:
      return {session_.BarrierAsync(name, set_)};
    case Form::kModelAverage:
      return {session_.AverageModelAsync(name, inputs[0], {.period = kAveragePeriod},
                                         operation_.step, set_)};
    case Form::kGatherGroup:
      return session_.GroupedAllgatherAsync(name, inputs, set_);
    case Form::kScatterGroup:
      return session_.GroupedReducescatterAsync(name, inputs, outputs, Options());
  }
  return {};
}

// The same name, but not what the others ask for.
std::vector<Handle> Task::StartDeviating() {
  Operation odd = operation_;
  odd.deviation = Deviation::kNone;
  odd.in_place = true;
  odd.registered = false;
  switch (operation_.deviation) {
    case Deviation::kKind:
      return {session_.BarrierAsync(operation_.name, set_)};
    case Deviation::kType:
      odd.dtype = OtherType(operation_.dtype);
      break;
    case Deviation::kShape:
      odd.columns += 1;
      break;
    case Deviation::kOperator:
      odd.op = operation_.op == ReduceOp::kMin ? ReduceOp::kMax : ReduceOp::kMin;
      break;
    case Deviation::kRoot:
      odd.root = (odd.root + 1) % static_cast<int>(odd.members.size());
      break;
    case Deviation::kPrescale:
      odd.prescale *= 3;
      break;
    case Deviation::kPostscale:
      odd.postscale *= 3;
      break;
    case Deviation::kWindow:
      odd.step += kAveragePeriod;
      break;
    case Deviation::kGroup:
      odd.rows.push_back(7);
      break;
    case Deviation::kSplits: {
      std::vector<std::int64_t> splits = odd.dealt[static_cast<std::size_t>(member_)];
      splits[0] += 1;
      return {session_.AlltoallAsync(operation_.name, Input(0), splits, set_)};
    }
    case Deviation::kDestination: {
      // Into an output of the shape that its own rows would need on all ranks.
      const TensorView input = Input(0);
      unused_.resize(input.size_bytes() * odd.members.size() + 1);
      const TensorView output(
          unused_.data(), input.dtype,
          {input.shape[0] * static_cast<std::int64_t>(odd.members.size()), operation_.columns});
      return {session_.AllgatherAsync(operation_.name, input, output, set_)};
    }
    case Deviation::kNone:
      break;
  }
  Place place;
  place.session = &session_;
  place.sets[odd.set] = set_;
  odd_ = std::make_unique<Task>(odd, place);
  return odd_->Start();
}

void Task::Submit() {
  const bool deviates = operation_.deviation != Deviation::kNone && operation_.deviant == member_;
  std::vector<Handle> handles = deviates ? StartDeviating() : Start();
  if (next_ != nullptr) {
    handles.front().OnComplete([next = next_](const Status&) { next->Submit(); });
  }
  submitted_.set_value(std::move(handles));
}

void Task::SubmitAfterwards(Task& next) { next_ = &next; }

Status Task::Wait() {
  handles_ = submitted_.get_future().get();
  Status first;
  for (const Handle& handle : handles_) {
    const Status status = handle.Wait();
    if (first.ok()) first = status;
  }
  return first;
}

std::optional<std::string> Task::VerifyFailure(const Status& status) const {
  if (operation_.deviation == Deviation::kNone) return StrCat("fails: ", status.ToString());
  const StatusCode expected = operation_.deviation == Deviation::kSplits
                                  ? StatusCode::kInvalidArgument
                                  : StatusCode::kMismatch;
  if (status.code() == expected) return std::nullopt;
  return StrCat("should be refused as a mismatch, not with ", status.ToString());
}

std::optional<std::string> Task::Verify(const Status& status) const {
  if (!status.ok()) return VerifyFailure(status);
  if (operation_.deviation != Deviation::kNone) return "should be refused as a mismatch";
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    if (auto wrong = VerifyTensor(static_cast<int>(i))) return wrong;
  }
  return std::nullopt;
}

std::optional<std::string> Task::VerifyTensor(int tensor) const {
  const Buffers& buffers = buffers_[static_cast<std::size_t>(tensor)];
  const void* output = buffers.output;
  if (HasOwnResult()) {
    const OperationResult& result = handles_[static_cast<std::size_t>(tensor)].result();
    const auto expected = static_cast<std::size_t>(buffers.output_count) * SizeOf(operation_.dtype);
    if (result.gathered.size() != expected) {
      return StrCat("tensor ", tensor, " has ", result.gathered.size(), " bytes, not ", expected);
    }
    output = result.gathered.data();
  }
  const double tolerance = Tolerance(operation_);
  for (std::int64_t i = 0; i < buffers.output_count; ++i) {
    const double expected = OutputAt(operation_, member_, tensor, i);
    const double got = Load(output, i, operation_.dtype);
    if (std::abs(got - expected) <= tolerance * std::abs(expected)) continue;
    return StrCat("tensor ", tensor, ", element ", i, " of ", buffers.output_count, " is ", got,
                  ", not ", expected);
  }
  if (!MarginIsWhole(buffers.own_input) || !MarginIsWhole(buffers.own_output)) {
    return StrCat("tensor ", tensor, ": bytes behind a buffer have changed");
  }
  return std::nullopt;
}

}  // namespace ronde::soak
