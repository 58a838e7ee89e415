#include "frontends/torch/missing_gradients.h"

#include <cstddef>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::size_t kNamedInErrors = 4;

}  // namespace

Status DescribeMissingGradients(const Status& first, const std::vector<std::string>& parameters,
                                std::int64_t step) {
  if (first.code() != StatusCode::kShutdown) return first;
  std::string names;
  for (std::size_t i = 0; i < parameters.size() && i < kNamedInErrors; ++i) {
    names += StrCat(i == 0 ? "'" : ", '", parameters[i], "'");
  }
  if (parameters.size() > kNamedInErrors) {
    names += StrCat(" and ", parameters.size() - kNamedInErrors, " more");
  }
  return Status::Shutdown(
      StrCat("optimizer step ", step, ": ", first.message(), "; ", parameters.size(),
             parameters.size() == 1 ? " gradient" : " gradients", " waited: ", names,
             "; give all ranks the same number of steps (equal batches)"));
}

}  // namespace ronde
