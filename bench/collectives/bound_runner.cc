#include "bench/collectives/bound_runner.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>

#include "bench/collectives/bound_kernels/memory_kernels.h"
#include "collectives/shared/stream_copy.h"
#include "core/base/clock.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

// Ways take turns; the best of each counts, so that a disturbance does not.
constexpr int kTrials = 5;

std::size_t BytesToNextLine(const void* data) {
  const std::size_t skew = reinterpret_cast<std::uintptr_t>(data) % kKernelLineBytes;
  return (kKernelLineBytes - skew) % kKernelLineBytes;
}

// The whole lines of a buffer; what is beside them is nothing compared with them.
template <typename T>
std::span<T> WholeLines(T* data, std::size_t size_bytes) {
  const std::size_t skipped = std::min(size_bytes, BytesToNextLine(data));
  return {data + skipped, (size_bytes - skipped) / kKernelLineBytes * kKernelLineBytes};
}

}  // namespace

std::vector<BoundRunner::Way> BoundRunner::WaysFor(const CollectiveCall& call) const {
  std::vector<Way> ways;
  for (const int streams : {1, 2, 4}) {
    ways.push_back({streams, false});
    if (kind_ == Kind::kReadAndWrite && !call.in_place) ways.push_back({streams, true});
  }
  return ways;
}

void BoundRunner::Pass(const CollectiveCall& call, const Way& way) const {
  const MemoryKernels& kernels = BestMemoryKernels();
  const auto input = WholeLines(static_cast<const std::byte*>(call.input), call.InputBytes());
  const auto output = WholeLines(static_cast<std::byte*>(call.output), call.OutputBytes());
  if (kind_ == Kind::kRead) {
    [[maybe_unused]] volatile std::uint64_t sink =
        kernels.read(input.data(), input.size(), way.streams);
  } else if (call.in_place) {
    kernels.change(output.data(), output.size(), way.streams, /*mask=*/0);
  } else {
    kernels.copy(output.data(), input.data(), std::min(input.size(), output.size()), way.streams,
                 way.past_cache);
    if (way.past_cache) EndStream();
  }
}

Status BoundRunner::Prepare(const CollectiveCall& call) {
  Prepared& prepared = prepared_[call.in_place ? 1 : 0];
  if (prepared.output == call.output && prepared.size_bytes == call.OutputBytes()) {
    return Status::Ok();
  }
  const SteadyClock clock;
  const std::vector<Way> ways = WaysFor(call);
  std::vector<double> least_us(ways.size(), std::numeric_limits<double>::infinity());
  for (int trial = 0; trial < kTrials; ++trial) {
    for (std::size_t i = 0; i < ways.size(); ++i) {
      RONDE_RETURN_IF_ERROR(Barrier());
      const std::int64_t start_ns = clock.NowNs();
      Pass(call, ways[i]);
      RONDE_RETURN_IF_ERROR(Barrier());
      least_us[i] = std::min(least_us[i], static_cast<double>(clock.NowNs() - start_ns) / 1e3);
    }
  }
  RONDE_RETURN_IF_ERROR(direct_.Max(least_us));  // ranks must go the same way
  const auto best = std::min_element(least_us.begin(), least_us.end()) - least_us.begin();
  prepared = {call.output, call.OutputBytes(), ways[static_cast<std::size_t>(best)]};
  return Status::Ok();
}

Status BoundRunner::Run(const CollectiveCall& call) {
  Pass(call, prepared_[call.in_place ? 1 : 0].way);
  return Barrier();
}

std::string BoundRunner::AlgorithmFor(const CollectiveCall& call) {
  const Way& way = prepared_[call.in_place ? 1 : 0].way;
  const char* const verb = kind_ == Kind::kRead ? "read" : call.in_place ? "change" : "copy";
  return StrCat(verb, " ", BestMemoryKernels().instruction_set, " x", way.streams,
                way.past_cache ? " past the cache" : "");
}

}  // namespace ronde::bench
