#include "tests/fuzz/mutator.h"

#include <algorithm>
#include <array>
#include <random>
#include <utility>

namespace ronde {
namespace {

constexpr std::size_t kMaxSizeBytes = 1 << 14;

// Not the standard distributions: their results differ between libraries.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::size_t Below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }
  char Byte() { return static_cast<char>(random_()); }

 private:
  std::mt19937_64 random_;
};

// A place and a length, mostly short, that lie within `text`.
std::pair<std::size_t, std::size_t> Range(const std::string& text, Dice& dice) {
  const std::size_t begin = dice.Below(text.size());
  const std::size_t most = dice.Below(4) == 0 ? text.size() : std::min<std::size_t>(text.size(), 8);
  return {begin, std::min(1 + dice.Below(most), text.size() - begin)};
}

void FlipBit(std::string& text, Dice& dice) {
  if (!text.empty()) text[dice.Below(text.size())] ^= static_cast<char>(1 << dice.Below(8));
}

void SetByte(std::string& text, Dice& dice) {
  constexpr std::string_view kLimits("\x00\x01\x7f\x80\xff-0.:= \n#", 13);
  if (text.empty()) return;
  text[dice.Below(text.size())] =
      dice.Below(2) == 0 ? dice.Byte() : kLimits[dice.Below(kLimits.size())];
}

// An integer of 2, 4 or 8 bytes at the limits of its type: lengths, offsets, extents.
void SetInteger(std::string& text, Dice& dice) {
  constexpr std::array<std::uint64_t, 8> kLimits = {
      0, 1, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, 0x7fffffffffffffff, 0xffffffffffffffff};
  const std::size_t size = std::size_t{2} << dice.Below(3);
  if (text.size() < size) return;
  const std::uint64_t value = kLimits[dice.Below(kLimits.size())];
  const std::size_t at = dice.Below(text.size() - size + 1);
  const bool big_endian = dice.Below(2) == 0;
  for (std::size_t i = 0; i < size; ++i) {
    text[at + i] = static_cast<char>(value >> (8 * (big_endian ? size - 1 - i : i)));
  }
}

void Erase(std::string& text, Dice& dice) {
  if (text.empty()) return;
  const auto [begin, length] = Range(text, dice);
  text.erase(begin, length);
}

void Repeat(std::string& text, Dice& dice) {
  if (text.empty()) return;
  const auto [begin, length] = Range(text, dice);
  const std::string part = text.substr(begin, length);
  const std::size_t most = dice.Below(16) == 0 ? 512 : 3;
  for (std::size_t times = 1 + dice.Below(most); times > 0; --times) text.insert(begin, part);
}

void Insert(std::string& text, std::string_view what, Dice& dice) {
  text.insert(dice.Below(text.size() + 1), what);
}

}  // namespace

Mutator::Mutator(std::vector<std::string> seeds, std::span<const std::string_view> words)
    : seeds_(std::move(seeds)), words_(words) {}

std::string Mutator::Make(std::uint64_t seed, std::uint64_t index) const {
  if (index < seeds_.size()) return seeds_[index];
  Dice dice(seed * 0x9e3779b97f4a7c15ULL + index);
  std::string text = seeds_[dice.Below(seeds_.size())];
  for (std::size_t changes = 1 + dice.Below(6); changes > 0; --changes) {
    const std::string& other = seeds_[dice.Below(seeds_.size())];
    switch (dice.Below(8)) {
      case 0:
        FlipBit(text, dice);
        break;
      case 1:
        SetByte(text, dice);
        break;
      case 2:
        SetInteger(text, dice);
        break;
      case 3:
        Erase(text, dice);
        break;
      case 4:
        Repeat(text, dice);
        break;
      case 5:
        if (!words_.empty()) Insert(text, words_[dice.Below(words_.size())], dice);
        break;
      case 6:  // a random tail
        text.resize(dice.Below(text.size() + 1));
        for (std::size_t more = dice.Below(8); more > 0; --more) text += dice.Byte();
        break;
      default:  // the head of one seed, the tail of another
        text.resize(dice.Below(text.size() + 1));
        text += other.substr(dice.Below(other.size() + 1));
        break;
    }
    if (text.size() > kMaxSizeBytes) text.resize(kMaxSizeBytes);
  }
  return text;
}

}  // namespace ronde
