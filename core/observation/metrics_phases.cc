#include "core/observation/metrics_phases.h"

#include <bit>

namespace ronde {

std::size_t MetricsPhases::Find(std::string_view name) {
  const std::size_t used = used_.load(std::memory_order_relaxed);  // nobody else writes it
  for (std::size_t i = 0; i < used; ++i) {
    if (places_[i].name == name) return i;
  }
  if (used == kPlaces) return kPlaces - 1;
  places_[used].name = used == kPlaces - 1 ? std::string_view("other") : name;
  used_.store(used + 1, std::memory_order_release);
  return used;
}

void MetricsPhases::Add(std::string_view name, std::uint64_t duration_ns) {
  const std::size_t index = Find(name);
  places_[index].calls.Add(1);
  places_[index].duration_ns.Add(duration_ns);
  in_batch_ |= std::uint32_t{1} << index;
}

void MetricsPhases::EndBatch(std::uint64_t payload_bytes) {
  for (std::uint32_t rest = in_batch_; rest != 0; rest &= rest - 1) {
    places_[static_cast<std::size_t>(std::countr_zero(rest))].payload_bytes.Add(payload_bytes);
  }
  in_batch_ = 0;
}

std::vector<PhaseMetrics> MetricsPhases::Read() const {
  std::vector<PhaseMetrics> phases;
  const std::size_t used = used_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < used; ++i) {
    const Place& place = places_[i];
    phases.push_back({.name = place.name,
                      .calls = place.calls.value(),
                      .seconds = static_cast<double>(place.duration_ns.value()) / 1e9,
                      .payload_bytes = place.payload_bytes.value()});
  }
  return phases;
}

}  // namespace ronde
