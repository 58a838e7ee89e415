#include "bench/collectives/option_values.h"

#include <array>
#include <sstream>

#include "bench/collectives/peers/peer_table.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

// Every peer that some build has, and the Debian package that brings it.
struct KnownPeer {
  const char* name;
  const char* package;
};
constexpr std::array kKnownPeers = {KnownPeer{"mpi", "libopenmpi-dev"},
                                    KnownPeer{"gloo", "libgloo-dev"},
                                    KnownPeer{"nccl", "a CUDA toolkit with nccl.h"}};

std::vector<std::string> SplitCommas(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

Status ParseSize(const char* flag, const std::string& text, std::int64_t& bytes) {
  Result<std::int64_t> parsed = ParseBytes(text);
  if (!parsed.ok()) return Status::InvalidArgument(StrCat(flag, ": ", parsed.status().message()));
  bytes = parsed.value();
  return Status::Ok();
}

Status ParseSizes(const RawOptions& raw, BenchOptions& options) {
  RONDE_RETURN_IF_ERROR(ParseSize("-b", raw.min_bytes, options.min_bytes));
  RONDE_RETURN_IF_ERROR(ParseSize("-e", raw.max_bytes, options.max_bytes));
  if (options.min_bytes < 1 || options.min_bytes > options.max_bytes) {
    return Status::InvalidArgument(
        StrCat("-b ", raw.min_bytes, ": expected at least 1 and at most -e (", raw.max_bytes, ")"));
  }
  if (raw.step_factor) options.step_factor = *raw.step_factor;
  if (!raw.step_bytes) return Status::Ok();
  if (raw.step_factor) return Status::InvalidArgument("-i and -f exclude each other; give one");
  RONDE_RETURN_IF_ERROR(ParseSize("-i", *raw.step_bytes, options.step_bytes));
  if (options.step_bytes >= 1) return Status::Ok();
  return Status::InvalidArgument(StrCat("-i ", *raw.step_bytes, ": expected at least 1"));
}

Status ParseTypes(const std::string& text, BenchOptions& options) {
  for (const std::string& name : SplitCommas(text)) {
    if (name == "all") {
      for (int i = 0; i < kDataTypeCount; ++i) options.dtypes.push_back(static_cast<DataType>(i));
      continue;
    }
    const std::optional<DataType> dtype = ParseDataType(name);
    if (!dtype) {
      return Status::InvalidArgument(
          StrCat("-d: data type '", name,
                 "' is unknown; use half, bfloat16, float, double, int32, int64, uint8 or all"));
    }
    options.dtypes.push_back(*dtype);
  }
  return Status::Ok();
}

Status CheckWholeTensors(const BenchOptions& options) {
  if (options.collective != Collective::kAllreduce || options.gradients) {
    return Status::InvalidArgument("-o adasum: needs whole tensors; use allreduce");
  }
  for (const DataType dtype : options.dtypes) {
    if (IsFloatingPoint(dtype)) continue;
    return Status::InvalidArgument(
        StrCat("-o adasum: needs floating-point types, but -d has ", Name(dtype)));
  }
  return Status::Ok();
}

Status ParseOperators(const RawOptions& raw, BenchOptions& options) {
  if (raw.ops && !Reduces(options.collective)) {
    return Status::InvalidArgument(
        StrCat("-o: ", Name(options.collective), " reduces nothing; leave -o out"));
  }
  // Gradients are averaged; a collective is timed as other benchmarks time it.
  const char* const usual = options.gradients ? "avg" : "sum";
  for (const std::string& name : SplitCommas(raw.ops.value_or(usual))) {
    if (name == "all") {
      for (const ReduceOp op : {ReduceOp::kSum, ReduceOp::kAverage, ReduceOp::kMin, ReduceOp::kMax,
                                ReduceOp::kProduct}) {
        options.ops.push_back(op);
      }
      continue;
    }
    const std::optional<ReduceOp> op = ParseReduceOp(name);
    if (!op) {
      return Status::InvalidArgument(StrCat(
          "-o: operator '", name, "' is unknown; use sum, avg, min, max, prod, adasum or all"));
    }
    options.ops.push_back(*op);
    if (!IsElementwise(*op)) RONDE_RETURN_IF_ERROR(CheckWholeTensors(options));
  }
  return Status::Ok();
}

Status ParseRoot(const RawOptions& raw, BenchOptions& options) {
  if (!raw.root) return Status::Ok();
  if (!HasRoot(options.collective)) {
    return Status::InvalidArgument(
        StrCat("-r: ", Name(options.collective), " has no root; leave -r out"));
  }
  options.root = *raw.root;
  return Status::Ok();
}

bool InThisBuild(const std::string& name) {
  for (const PeerEntry& peer : Peers()) {
    if (peer.name == name) return true;
  }
  return false;
}

Status ParsePeers(const RawOptions& raw, BenchOptions& options) {
  options.peers = SplitCommas(raw.peers);
  for (const std::string& name : options.peers) {
    if (InThisBuild(name)) continue;
    std::string known;
    for (const KnownPeer& peer : kKnownPeers) {
      if (name == peer.name) {
        return Status::InvalidArgument(StrCat("--peers: '", name,
                                              "' is not in this build; install ", peer.package,
                                              ", configure and build again"));
      }
      known += StrCat(known.empty() ? "" : ", ", peer.name);
    }
    return Status::InvalidArgument(StrCat("--peers: '", name, "' is unknown; use ", known));
  }
  return Status::Ok();
}

// A flag with an optional value takes the collective behind it for a file.
Status ParseFile(const char* flag, const std::optional<std::string>& raw, bool of_benchmark,
                 std::optional<std::string>& file) {
  file = raw;
  const bool in_place_of_one = raw && (*raw == kGradients || *raw == kNegotiate || *raw == kIdle);
  if (raw && (ParseCollective(*raw) || in_place_of_one)) {
    return Status::InvalidArgument(StrCat(flag, ": '", *raw,
                                          "' is a benchmark, not a file; write `ronde-bench ",
                                          of_benchmark ? *raw + " " : "", flag, "`"));
  }
  return Status::Ok();
}

Status ParseGradients(const RawOptions& raw, BenchOptions& options) {
  if (raw.collective != kGradients) return Status::Ok();
  GradientOptions& gradients = options.gradients.emplace();
  gradients.model = raw.model;
  gradients.negotiation = raw.negotiation;
  RONDE_RETURN_IF_ERROR(
      ParseSize("--bucket-size-bytes", raw.bucket_size_bytes, gradients.bucket_size_bytes));
  if (gradients.bucket_size_bytes < 1) {
    return Status::InvalidArgument(
        StrCat("--bucket-size-bytes ", raw.bucket_size_bytes, ": expected at least 1"));
  }
  for (const std::string& text : SplitCommas(raw.fusion_thresholds)) {
    RONDE_RETURN_IF_ERROR(
        ParseSize("--fusion-thresholds", text, gradients.fusion_thresholds.emplace_back()));
  }
  return Status::Ok();
}

}  // namespace

Status Interpret(const RawOptions& raw, BenchOptions& options) {
  RONDE_RETURN_IF_ERROR(ParseGradients(raw, options));
  RONDE_RETURN_IF_ERROR(InterpretEngineBenchmark(raw, options));
  options.collective = ParseCollective(raw.collective).value_or(Collective::kAllreduce);
  RONDE_RETURN_IF_ERROR(ParseSizes(raw, options));
  RONDE_RETURN_IF_ERROR(ParseTypes(raw.dtypes, options));
  RONDE_RETURN_IF_ERROR(ParseOperators(raw, options));
  RONDE_RETURN_IF_ERROR(ParseRoot(raw, options));
  RONDE_RETURN_IF_ERROR(ParsePeers(raw, options));
  RONDE_RETURN_IF_ERROR(ParseFile("--json", raw.json, /*of_benchmark=*/true, options.json));
  RONDE_RETURN_IF_ERROR(
      ParseFile("--calibrate", raw.calibrate, /*of_benchmark=*/false, options.calibrate));
  options.check_calls = raw.check_calls;
  options.engine_path = raw.path == "engine";
  options.registered_buffers = raw.buffers == "registered";
  options.rules.cold = raw.cache == "cold";
  options.style = raw.style == "osu" ? Style::kOsu : Style::kNccl;
  if (options.engine_path && options.collective == Collective::kSendrecv) {
    return Status::InvalidArgument("--path engine: a session has no sendrecv; use --path direct");
  }
  if (options.bounds && options.collective != Collective::kAllreduce) {
    return Status::InvalidArgument("--bounds: only allreduce has one; leave it out");
  }
  return InterpretDevice(raw, options);
}

}  // namespace ronde::bench
