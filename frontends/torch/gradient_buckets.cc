#include "frontends/torch/gradient_buckets.h"

#include <map>

namespace ronde {

std::vector<std::vector<std::size_t>> PlanGradientBuckets(const std::vector<at::Tensor>& parameters,
                                                          std::size_t bucket_size_bytes) {
  struct Open {
    std::size_t bucket = 0;
    std::size_t size_bytes = 0;
  };
  std::vector<std::vector<std::size_t>> buckets;
  std::map<at::ScalarType, Open> open;
  for (std::size_t i = parameters.size(); i-- > 0;) {
    const auto [found, opened] =
        open.try_emplace(parameters[i].scalar_type(), Open{.bucket = buckets.size()});
    if (opened) buckets.emplace_back();
    Open& current = found->second;
    buckets[current.bucket].push_back(i);
    current.size_bytes += parameters[i].nbytes();
    if (current.size_bytes >= bucket_size_bytes) open.erase(found);
  }
  return buckets;
}

}  // namespace ronde
