#include "frontends/resnet/weights/printable.h"

namespace ronde {

std::string Printable(std::string_view text) {
  constexpr std::size_t kLongest = 80;
  std::string printable = "'";
  for (const char c : text.substr(0, kLongest)) printable += c >= ' ' && c <= '~' ? c : '?';
  return printable + (text.size() > kLongest ? "...'" : "'");
}

}  // namespace ronde
