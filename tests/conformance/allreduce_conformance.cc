#include "tests/conformance/allreduce_conformance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <span>
#include <string>

#include "core/base/strcat.h"
#include "tests/conformance/allreduce_values.h"

namespace ronde {
namespace {

constexpr int kDigestTag = 900;

using Buffer = std::vector<std::byte>;

std::string Describe(CollectiveContext& context, const AllreduceAlgorithm& algorithm,
                     const AllreduceCase& test) {
  return StrCat(algorithm.name(), ", ", context.size(), " ranks, rank ", context.rank(), ": ",
                test.count, " ", Name(test.dtype), " ", Name(test.op),
                test.in_place ? " in place" : "", " x", test.prescale, " x", test.postscale, ": ");
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

Status RunCase(CollectiveContext& context, const AllreduceAlgorithm& algorithm,
               const AllreduceCase& test, const Buffer& input, Buffer* output) {
  *output = test.in_place ? input : Buffer(input.size(), std::byte{0x5a});
  return algorithm.Run(context, {.input = test.in_place ? output->data() : input.data(),
                                 .output = output->data(),
                                 .count = test.count,
                                 .dtype = test.dtype,
                                 .op = test.op,
                                 .prescale = test.prescale,
                                 .postscale = test.postscale});
}

}  // namespace

Status CheckAllreduce(CollectiveContext& context, const AllreduceAlgorithm& algorithm,
                      const AllreduceCase& test) {
  const Buffer input = MakeInput(test.dtype, test.count, test.seed, context.rank());
  const Buffer before = input;
  Buffer output;
  const Status ran = RunCase(context, algorithm, test, input, &output);
  std::string wrong = ran.ok() ? "" : ran.ToString();
  if (wrong.empty() && input != before) wrong = "the input was overwritten";
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
                               DataType dtype) {
  const AllreduceCase test = {
      .count = 5003, .dtype = dtype, .op = ReduceOp::kAverage, .prescale = 0.3, .seed = 77};
  const Buffer input = MakeInput(dtype, test.count, test.seed, context.rank());
  Buffer whole;
  RONDE_RETURN_IF_ERROR(RunCase(context, algorithm, test, input, &whole));
  Buffer pieces(input.size());
  std::int64_t begin = 0;
  for (std::uint64_t piece = 0; begin < test.count; ++piece) {
    const auto wanted = static_cast<std::int64_t>(1 + Mix(5, 0, piece) % 900);
    const std::int64_t count = std::min(wanted, test.count - begin);
    const std::size_t offset = static_cast<std::size_t>(begin) * SizeOf(dtype);
    RONDE_RETURN_IF_ERROR(algorithm.Run(context, {.input = input.data() + offset,
                                                  .output = pieces.data() + offset,
                                                  .count = count,
                                                  .dtype = dtype,
                                                  .op = test.op,
                                                  .prescale = test.prescale}));
    begin += count;
  }
  if (pieces == whole) return Status::Ok();
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

Status CheckAllAlgorithms(CollectiveContext& context, const std::vector<std::int64_t>& counts) {
  for (const AllreduceAlgorithm* algorithm : AllreduceAlgorithms()) {
    for (const AllreduceCase& test : AllreduceCases(counts)) {
      const AllreduceArguments probe = {.count = test.count, .dtype = test.dtype, .op = test.op};
      if (!algorithm->Supports(context, probe)) continue;
      RONDE_RETURN_IF_ERROR(CheckAllreduce(context, *algorithm, test));
    }
    if (algorithm->order(context.size()) == ReductionOrder::kOffsetDependent) continue;
    for (int dtype = 0; dtype <= static_cast<int>(DataType::kFloat64); ++dtype) {
      const auto type = static_cast<DataType>(dtype);
      if (!algorithm->Supports(context, {.count = 1, .dtype = type})) continue;
      RONDE_RETURN_IF_ERROR(CheckOffsetIndependence(context, *algorithm, type));
    }
  }
  return Status::Ok();
}

}  // namespace ronde
