#include "tests/conformance/allreduce_conformance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <span>
#include <string>

#include "core/base/strcat.h"
#include "tests/conformance/adasum_reference.h"
#include "tests/conformance/allreduce_values.h"

namespace ronde {
namespace {

constexpr int kDigestTag = 900;

using Buffer = std::vector<std::byte>;

std::string Describe(CollectiveContext& context, const AllreduceAlgorithm& algorithm,
                     const AllreduceCase& test) {
  return StrCat(algorithm.name(), ", ", context.size(), " ranks, rank ", context.rank(), ": ",
                test.count, " ", Name(test.dtype), " ", Name(test.op),
                test.in_place ? " in place" : "", test.registered ? " registered" : "", " x",
                test.prescale, " x", test.postscale, ": ");
}

double ApplyFloat(ReduceOp op, double a, double b) {
  if (op == ReduceOp::kMin) return std::min(a, b);
  if (op == ReduceOp::kMax) return std::max(a, b);
  return op == ReduceOp::kProduct ? a * b : a + b;
}

std::int64_t ApplyInteger(DataType dtype, ReduceOp op, std::int64_t a, std::int64_t b) {
  if (op == ReduceOp::kMin) return std::min(a, b);
  if (op == ReduceOp::kMax) return std::max(a, b);
  const auto ua = static_cast<std::uint64_t>(a);
  const auto ub = static_cast<std::uint64_t>(b);
  return WrapTo(dtype, op == ReduceOp::kProduct ? ua * ub : ua + ub);
}

// "" when element `i` of `result` is right.
std::string CheckFloat(const AllreduceCase& test, const std::vector<Buffer>& inputs,
                       const void* result, std::int64_t i) {
  double expected = 0;
  double magnitude = 0;
  for (std::size_t rank = 0; rank < inputs.size(); ++rank) {
    const double value = test.prescale * FloatAt(test.dtype, inputs[rank].data(), i);
    expected = rank == 0 ? value : ApplyFloat(test.op, expected, value);
    magnitude += std::abs(value);
  }
  const auto ranks = static_cast<double>(inputs.size());
  const double scale = test.op == ReduceOp::kAverage ? test.postscale / ranks : test.postscale;
  expected *= scale;
  const double size =
      test.op == ReduceOp::kProduct ? std::abs(expected) : magnitude * std::abs(scale);
  // One rounding per prescale, operation and postscale; the last term is float16's subnormals.
  const double bound = (2 * ranks + 2) * UnitRoundoff(test.dtype) * size +
                       0x1p-24 * ranks * (test.dtype == DataType::kFloat16 ? 1 : 0);
  const double got = FloatAt(test.dtype, result, i);
  if (std::abs(got - expected) <= bound) return "";
  return StrCat("element ", i, " is ", got, ", expected ", expected, " within ", bound);
}

std::string CheckInteger(const AllreduceCase& test, const std::vector<Buffer>& inputs,
                         const void* result, std::int64_t i) {
  std::int64_t expected = IntegerAt(test.dtype, inputs[0].data(), i);
  for (std::size_t rank = 1; rank < inputs.size(); ++rank) {
    const std::int64_t value = IntegerAt(test.dtype, inputs[rank].data(), i);
    expected = ApplyInteger(test.dtype, test.op, expected, value);
  }
  if (test.op == ReduceOp::kAverage) expected /= static_cast<std::int64_t>(inputs.size());
  const std::int64_t got = IntegerAt(test.dtype, result, i);
  return got == expected ? "" : StrCat("element ", i, " is ", got, ", expected ", expected);
}

std::string CheckValues(const AllreduceCase& test, int ranks, const void* result) {
  std::vector<Buffer> inputs;
  for (int rank = 0; rank < ranks; ++rank) {
    inputs.push_back(MakeInput(test.dtype, test.count, test.seed, rank));
  }
  if (test.op == ReduceOp::kAdasum) {
    return AdasumReference(test.dtype, inputs, test.prescale, test.postscale).Check(result);
  }
  for (std::int64_t i = 0; i < test.count; ++i) {
    const std::string wrong = IsFloatingPoint(test.dtype) ? CheckFloat(test, inputs, result, i)
                                                          : CheckInteger(test, inputs, result, i);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

std::uint64_t Digest(std::span<const std::byte> data) {
  std::uint64_t digest = data.size();
  for (const std::byte byte : data) {
    digest = (digest ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3;
  }
  return digest;
}

// Compares all ranks' bits through rank 0 of the transport, without any collective.
Status CheckSameBits(CollectiveContext& context, std::span<const std::byte> result) {
  Transport& transport = context.transport();
  const Deadline deadline = context.NewDeadline();
  std::array<std::uint64_t, 1> own = {Digest(result)};
  if (context.rank() != 0) {
    return transport.Send(0, kDigestTag, std::as_bytes(std::span(own)), deadline);
  }
  for (int peer = 1; peer < context.size(); ++peer) {
    std::array<std::uint64_t, 1> other{};
    RONDE_RETURN_IF_ERROR(
        transport.Receive(peer, kDigestTag, std::as_writable_bytes(std::span(other)), deadline));
    if (own != other) return Status::Internal(StrCat("rank ", peer, " has other bits than rank 0"));
  }
  return Status::Ok();
}

// Runs elements [begin, begin + count) of a case.
Status RunPart(CollectiveContext& context, const AllreduceAlgorithm& algorithm,
               const AllreduceCase& test, std::int64_t begin, std::int64_t count,
               const std::byte* input, std::byte* output) {
  const std::size_t offset = static_cast<std::size_t>(begin) * SizeOf(test.dtype);
  const std::size_t size_bytes = static_cast<std::size_t>(count) * SizeOf(test.dtype);
  AllreduceArguments arguments = {.input = (test.in_place ? output : input) + offset,
                                  .output = output + offset,
                                  .count = count,
                                  .dtype = test.dtype,
                                  .op = test.op,
                                  .prescale = test.prescale,
                                  .postscale = test.postscale};
  arguments.input_place = context.registered().Find(arguments.input, size_bytes);
  arguments.output_place = context.registered().Find(arguments.output, size_bytes);
  return algorithm.Run(context, arguments);
}

// The input and output of a case, in registered memory where the case says so, and there at an odd
// place.
class Operands {
 public:
  static Result<Operands> Create(CollectiveContext& context, const AllreduceCase& test,
                                 const Buffer& input) {
    Operands operands(input.size(), test.registered ? SizeOf(test.dtype) * (test.seed % 5) : 0);
    for (auto* memory : {&operands.input_, &operands.output_}) {
      const std::size_t size_bytes = operands.skipped_ + input.size();
      if (test.registered) {
        Transport& local = context.communicator().local().transport();
        RONDE_ASSIGN_OR_RETURN(
            *memory, context.registered().Allocate(local, size_bytes, context.NewDeadline()));
      } else {
        *memory = std::shared_ptr<std::byte>(new std::byte[size_bytes + 1],
                                             std::default_delete<std::byte[]>());
      }
    }
    std::copy(input.begin(), input.end(), operands.input());
    if (test.in_place) {
      std::copy(input.begin(), input.end(), operands.output());
    } else {
      std::fill_n(operands.output(), input.size(), std::byte{0x5a});
    }
    return operands;
  }

  [[nodiscard]] std::byte* input() const { return input_.get() + skipped_; }
  [[nodiscard]] std::byte* output() const { return output_.get() + skipped_; }
  [[nodiscard]] Buffer result() const { return {output(), output() + size_bytes_}; }
  [[nodiscard]] bool HasInput(const Buffer& expected) const {
    return std::equal(expected.begin(), expected.end(), input());
  }

 private:
  Operands(std::size_t size_bytes, std::size_t skipped)
      : size_bytes_(size_bytes), skipped_(skipped) {}
  std::size_t size_bytes_;
  std::size_t skipped_;
  std::shared_ptr<std::byte> input_;
  std::shared_ptr<std::byte> output_;
};

}  // namespace

Status CheckAllreduce(CollectiveContext& context, const AllreduceAlgorithm& algorithm,
                      const AllreduceCase& test) {
  const Buffer input = MakeInput(test.dtype, test.count, test.seed, context.rank());
  RONDE_ASSIGN_OR_RETURN(const Operands operands, Operands::Create(context, test, input));
  const Status ran =
      RunPart(context, algorithm, test, 0, test.count, operands.input(), operands.output());
  const Buffer output = operands.result();
  std::string wrong = ran.ok() ? "" : ran.ToString();
  if (wrong.empty() && !operands.HasInput(input)) wrong = "the input was overwritten";
  if (wrong.empty()) {
    const Status same = CheckSameBits(context, output);
    if (!same.ok()) wrong = same.message();
  }
  if (wrong.empty() && context.rank() == 0) {
    wrong = CheckValues(test, context.size(), output.data());
  }
  if (wrong.empty()) return Status::Ok();
  return Status::Internal(Describe(context, algorithm, test) + wrong);
}

Status CheckOffsetIndependence(CollectiveContext& context, const AllreduceAlgorithm& algorithm,
                               DataType dtype, bool registered) {
  const AllreduceCase test = {.count = 5003,
                              .dtype = dtype,
                              .op = ReduceOp::kAverage,
                              .registered = registered,
                              .prescale = 0.3,
                              .seed = 77};
  const Buffer input = MakeInput(dtype, test.count, test.seed, context.rank());
  RONDE_ASSIGN_OR_RETURN(const Operands whole, Operands::Create(context, test, input));
  RONDE_RETURN_IF_ERROR(
      RunPart(context, algorithm, test, 0, test.count, whole.input(), whole.output()));
  RONDE_ASSIGN_OR_RETURN(const Operands pieces, Operands::Create(context, test, input));
  std::int64_t begin = 0;
  for (std::uint64_t piece = 0; begin < test.count; ++piece) {
    const auto wanted = static_cast<std::int64_t>(1 + Mix(5, 0, piece) % 900);
    const std::int64_t count = std::min(wanted, test.count - begin);
    RONDE_RETURN_IF_ERROR(
        RunPart(context, algorithm, test, begin, count, pieces.input(), pieces.output()));
    begin += count;
  }
  if (pieces.result() == whole.result()) return Status::Ok();
  return Status::Internal(Describe(context, algorithm, test) + "other bits when cut into pieces");
}

std::vector<AllreduceCase> AllreduceCases(const std::vector<std::int64_t>& counts) {
  std::vector<AllreduceCase> cases;
  for (const std::int64_t count : counts) {
    for (int dtype = 0; dtype < kDataTypeCount; ++dtype) {
      for (int op = 0; op < kReduceOpCount; ++op) {
        AllreduceCase test = {.count = count,
                              .dtype = static_cast<DataType>(dtype),
                              .op = static_cast<ReduceOp>(op),
                              .seed = cases.size() + 1};
        test.in_place = cases.size() % 2 == 0;
        cases.push_back(test);
        test.in_place = !test.in_place;
        if (IsFloatingPoint(test.dtype)) {
          test.prescale = 0.75;
          test.postscale = 1.5;
        }
        cases.push_back(test);
      }
    }
  }
  return cases;
}

namespace {

AllreduceArguments ArgumentsOf(const AllreduceCase& test) {
  const MemoryPlace place = {.block = test.registered ? 1 : 0};
  return {.count = test.count,
          .dtype = test.dtype,
          .op = test.op,
          .input_place = place,
          .output_place = place};
}

Status CheckCases(CollectiveContext& context, const AllreduceAlgorithm& algorithm,
                  const std::vector<AllreduceCase>& cases, bool registered) {
  for (AllreduceCase test : cases) {
    test.registered = registered;
    if (!algorithm.Reduces(test.op)) continue;
    if (!algorithm.Supports(context, ArgumentsOf(test))) continue;
    RONDE_RETURN_IF_ERROR(CheckAllreduce(context, algorithm, test));
  }
  return Status::Ok();
}

Status CheckOffsets(CollectiveContext& context, const AllreduceAlgorithm& algorithm,
                    bool registered) {
  if (algorithm.OrderIn(context) == ReductionOrder::kOffsetDependent) return Status::Ok();
  if (!algorithm.Reduces(ReduceOp::kAverage)) return Status::Ok();
  for (int type = 0; type <= static_cast<int>(DataType::kFloat64); ++type) {
    const AllreduceCase test = {.count = 1,
                                .dtype = static_cast<DataType>(type),
                                .op = ReduceOp::kAverage,
                                .registered = registered};
    if (!algorithm.Supports(context, ArgumentsOf(test))) continue;
    RONDE_RETURN_IF_ERROR(CheckOffsetIndependence(context, algorithm, test.dtype, registered));
  }
  return Status::Ok();
}

// Sums from one buffer to another, the only ones whose results an algorithm may write past the
// cache; of the other operators the kernels' own tests know.
std::vector<AllreduceCase> StreamedCases(const std::vector<std::int64_t>& counts) {
  std::vector<AllreduceCase> cases = AllreduceCases(counts);
  std::erase_if(
      cases, [](const AllreduceCase& test) { return test.in_place || test.op != ReduceOp::kSum; });
  return cases;
}

}  // namespace

Status CheckAllAlgorithms(CollectiveContext& context, const std::vector<std::int64_t>& counts) {
  const CostModel costs = context.costs();
  // Past the cache at any size, and in shards and chunks even where one shot would do.
  CostModel streaming = costs;
  streaming.streaming_bytes = 0;
  streaming.one_shot_bytes = 0;
  Status status;
  for (const AllreduceAlgorithm* algorithm : AllreduceAlgorithms()) {
    const bool sums = algorithm->Reduces(ReduceOp::kSum);
    const AllreduceArguments anything = {.count = 1,
                                         .op = sums ? ReduceOp::kSum : ReduceOp::kAdasum};
    // Memory of the other kind matters to those alone that run in it.
    const bool registered = !algorithm->Supports(context, anything);
    status = CheckCases(context, *algorithm, AllreduceCases(counts), registered);
    if (status.ok()) status = CheckOffsets(context, *algorithm, registered);
    context.set_costs(streaming);
    if (status.ok()) status = CheckCases(context, *algorithm, StreamedCases(counts), registered);
    context.set_costs(costs);
    if (!status.ok()) break;
  }
  return status;
}

}  // namespace ronde
