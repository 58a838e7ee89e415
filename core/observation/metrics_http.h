#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ronde {

/// More than a scraper's headers ever are.
inline constexpr std::size_t kLargestHttpRequestBytes = 8192;

/// The whole HTTP/1.1 answer to what a client has sent so far; nothing while its request is not
/// complete. GET /metrics is answered with `metrics_text()`; the rest gets 400 (no HTTP/1.x
/// request), 404 (another path), 405 (another method) or 431 (over kLargestHttpRequestBytes).
/// After the answer the connection is to be closed. Pure but for `metrics_text`.
/// Source: RFC 9112.
[[nodiscard]] std::optional<std::string> AnswerHttp(
    std::string_view received, const std::function<std::string()>& metrics_text);

}  // namespace ronde
