#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/base/config.h"
#include "core/base/status.h"
#include "core/base/types.h"

namespace ronde {

/// How float32 values travel between hosts.
///   kSame:     as they are.
///   kFloat16:  IEEE binary16, to nearest even: half a unit in the last place; from 65520 on an
///              infinity, below 2^-14 within 2^-25.
///   kBfloat16: to nearest even: within 2^-8 of the value's size; the largest floats become
///              infinities.
///   kInt8:     blocks of kInt8BlockElements, each one float32 scale = max|block| / 127 and a
///   signed
///              byte a value: within max|block| / 254 (1 + 2^-14).
/// NaN stays NaN in all of them and an infinity is never taken for a number: 16-bit formats keep
/// it, and under kInt8 a block with a NaN or an infinity is NaN throughout. kInt8 makes zeros of a
/// block whose largest magnitude is below 2^-100; elsewhere subnormals are treated as any number.
enum class WireFormat { kSame, kFloat16, kBfloat16, kInt8 };

/// The last block may be shorter.
inline constexpr std::int64_t kInt8BlockElements = 256;

/// "none", "fp16", "bf16", "int8". Error: kInvalidArgument naming what is accepted.
[[nodiscard]] Result<WireFormat> ParseWireFormat(std::string_view text);
[[nodiscard]] std::string_view Name(WireFormat format);

/// --wire-compression.
[[nodiscard]] WireFormat WireFormatOf(const Config& config);

/// What `wanted` means for this call: kSame, except for sums and averages of float32.
[[nodiscard]] WireFormat WireFormatFor(WireFormat wanted, DataType dtype, ReduceOp op);

/// Bytes that `count` values take on the wire.
[[nodiscard]] std::size_t WireBytes(WireFormat format, std::int64_t count);

// All of these run at memory speed on any number of values, 0 included, and give the same bits with
// every instruction set, but for which of two NaNs a sum takes. Buffers must not overlap; encoded
// bytes are aligned as what they hold: 4 bytes (kSame), 2 (16 bits), 1 (kInt8). What begins at a
// multiple of kInt8BlockElements has the same bits when it is encoded by itself.

/// Writes WireBytes(format, in.size()) bytes.
void Encode(WireFormat format, std::span<const float> in, std::byte* out);

/// The values that `in` stands for: the same bits wherever it is decoded.
void Decode(WireFormat format, const std::byte* in, std::span<float> out);

/// inout += decoded, in float32.
void DecodeAdd(WireFormat format, const std::byte* in, std::span<float> inout);

/// Encode, and `inout` becomes what the others decode: so an owner keeps exactly what it sends.
void EncodeAndRound(WireFormat format, std::span<float> inout, std::byte* out);

}  // namespace ronde
