#include "core/observation/metrics_http.h"

#include <algorithm>

#include "core/base/strcat.h"
#include "core/observation/metrics_text.h"

namespace ronde {
namespace {

struct RequestLine {
  std::string_view method;
  std::string_view path;
};

std::string Reply(std::string_view status, std::string_view headers, std::string_view body,
                  std::string_view content_type = "text/plain; charset=utf-8") {
  return StrCat("HTTP/1.1 ", status, "\r\nContent-Type: ", content_type,
                "\r\nContent-Length: ", body.size(), "\r\n", headers, "Connection: close\r\n\r\n",
                body);
}

// "GET /metrics?x=1 HTTP/1.1"
std::optional<RequestLine> ParseRequestLine(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == 0 || first == std::string_view::npos || first == last) return std::nullopt;
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const bool is_method =
      std::all_of(method.begin(), method.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!is_method || !target.starts_with('/') || target.find(' ') != std::string_view::npos ||
      !line.substr(last + 1).starts_with("HTTP/1.")) {
    return std::nullopt;
  }
  return RequestLine{method, target.substr(0, target.find('?'))};
}

}  // namespace

std::optional<std::string> AnswerHttp(std::string_view received,
                                      const std::function<std::string()>& metrics_text) {
  // Garbage need not be read to its end.
  const std::size_t line_end = received.find('\n');
  std::optional<RequestLine> line;
  if (line_end != std::string_view::npos) {
    std::string_view text = received.substr(0, line_end);
    if (text.ends_with('\r')) text.remove_suffix(1);
    line = ParseRequestLine(text);
    if (!line) return Reply("400 Bad Request", "", "this is no HTTP/1.1 request\n");
  }
  const bool complete = received.find("\r\n\r\n") != std::string_view::npos ||
                        received.find("\n\n") != std::string_view::npos;
  if (!complete) {
    if (received.size() < kLargestHttpRequestBytes) return std::nullopt;
    return Reply("431 Request Header Fields Too Large", "", "the request is too long\n");
  }
  if (line->path != "/metrics") return Reply("404 Not Found", "", "try /metrics\n");
  if (line->method != "GET") {
    return Reply("405 Method Not Allowed", "Allow: GET\r\n", "only GET is answered\n");
  }
  return Reply("200 OK", "", metrics_text(), kMetricsContentType);
}

}  // namespace ronde
