#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <torch/torch.h>

#include "core/base/config.h"
#include "frontends/session/session.h"
#include "frontends/torch/error.h"
#include "tests/support/run_ranks.h"

namespace ronde {

/// Runs `body(session)` once per rank, each in its own thread of this process.
inline void RunSessions(int size, const std::function<void(Session&)>& body,
                        const Config& config = Config()) {
  at::set_num_threads(1);
  RunRanksOwning(size, [&](std::unique_ptr<Transport> transport) {
    at::set_num_threads(1);
    Result<std::unique_ptr<Session>> session = Session::CreateOn(std::move(transport), config);
    ThrowIfError(session.status());
    body(*session.value());
    ThrowIfError(session.value()->Shutdown());
  });
}

/// Values from -1 to 1 that depend on rank and `salt`; the same in every run.
inline at::Tensor RankData(const Session& session, at::IntArrayRef sizes, std::int64_t salt,
                           at::ScalarType type = at::kDouble) {
  const std::int64_t count = c10::multiply_integers(sizes);
  const auto index = at::arange(count, at::TensorOptions().dtype(at::kDouble));
  return at::sin(index * 1.7 + 0.9 * static_cast<double>(salt) + 13.0 * (session.rank() + 1))
      .reshape(sizes)
      .to(type);
}

/// The code of the Error that `function` throws, kOk when it throws none.
template <typename Function>
StatusCode ThrownCode(const Function& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.code();
  }
  return StatusCode::kOk;
}

/// The text of the exception that `function` throws, "no error" when it throws none.
template <typename Function>
std::string ThrownMessage(const Function& function) {
  try {
    function();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace ronde
