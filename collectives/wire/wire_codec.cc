#include "collectives/wire/wire_codec.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "collectives/kernels/reduce_call.h"
#include "collectives/reduce_kernels.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

struct NamedFormat {
  WireFormat format;
  std::string_view name;
};
constexpr std::array kNames = {
    NamedFormat{WireFormat::kSame, "none"}, NamedFormat{WireFormat::kFloat16, "fp16"},
    NamedFormat{WireFormat::kBfloat16, "bf16"}, NamedFormat{WireFormat::kInt8, "int8"}};

const WireKernels& KernelsOf(WireFormat format) {
  return BestReduceKernels().wire[static_cast<int>(format) - 1];
}

}  // namespace

std::string_view Name(WireFormat format) { return kNames[static_cast<std::size_t>(format)].name; }

Result<WireFormat> ParseWireFormat(std::string_view text) {
  for (const NamedFormat& named : kNames) {
    if (named.name == text) return named.format;
  }
  return Status::InvalidArgument(
      StrCat("unknown wire format '", text, "'; accepted: none, fp16, bf16, int8"));
}

WireFormat WireFormatOf(const Config& config) {
  const Result<WireFormat> parsed = ParseWireFormat(config.GetText(Setting::kWireCompression));
  return parsed.ok() ? parsed.value() : WireFormat::kSame;  // the config admits nothing else
}

WireFormat WireFormatFor(WireFormat wanted, DataType dtype, ReduceOp op) {
  const bool adds = op == ReduceOp::kSum || op == ReduceOp::kAverage;
  return dtype == DataType::kFloat32 && adds ? wanted : WireFormat::kSame;
}

std::size_t WireBytes(WireFormat format, std::int64_t count) {
  const auto values = static_cast<std::size_t>(count);
  switch (format) {
    case WireFormat::kSame:
      return values * sizeof(float);
    case WireFormat::kFloat16:
    case WireFormat::kBfloat16:
      return values * 2;
    case WireFormat::kInt8:
      break;
  }
  return values + (values + kInt8BlockElements - 1) / kInt8BlockElements * sizeof(float);
}

void Encode(WireFormat format, std::span<const float> in, std::byte* out) {
  if (in.empty()) return;
  if (format == WireFormat::kSame) {
    std::memcpy(out, in.data(), in.size_bytes());
  } else {
    KernelsOf(format).encode(in.data(), static_cast<std::int64_t>(in.size()), out);
  }
}

void Decode(WireFormat format, const std::byte* in, std::span<float> out) {
  if (out.empty()) return;
  if (format == WireFormat::kSame) {
    std::memcpy(out.data(), in, out.size_bytes());
  } else {
    KernelsOf(format).decode(in, static_cast<std::int64_t>(out.size()), out.data());
  }
}

void DecodeAdd(WireFormat format, const std::byte* in, std::span<float> inout) {
  const auto count = static_cast<std::int64_t>(inout.size());
  if (count == 0) return;
  if (format == WireFormat::kSame) {
    const std::array<const void*, 2> operands = {inout.data(), in};
    Reduce(ReduceOp::kSum, DataType::kFloat32, operands, inout.data(), count);
  } else {
    KernelsOf(format).decode_add(in, count, inout.data());
  }
}

void EncodeAndRound(WireFormat format, std::span<float> inout, std::byte* out) {
  // So many at a time that they are still in the first level of cache.
  constexpr std::size_t kAtOnce = 16 * static_cast<std::size_t>(kInt8BlockElements);
  for (std::size_t begin = 0; begin < inout.size(); begin += kAtOnce) {
    const std::span<float> part = inout.subspan(begin, std::min(kAtOnce, inout.size() - begin));
    Encode(format, part, out);
    if (format != WireFormat::kSame) Decode(format, out, part);
    out += WireBytes(format, static_cast<std::int64_t>(part.size()));
  }
}

}  // namespace ronde
