#include "frontends/resnet/weights/pickle_machine.h"

#include <optional>
#include <unordered_map>
#include <utility>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::size_t kMostValues = 200'000;

Status Damaged() { return Status::InvalidArgument("its pickle is damaged"); }

// Takes the pickle apart; each method fails rather than reads past the end.
class PickleReader {
 public:
  explicit PickleReader(std::string_view rest) : rest_(rest) {}

  std::optional<std::string_view> Bytes(std::uint64_t count) {
    if (count > rest_.size()) return std::nullopt;
    const std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }
  std::optional<std::uint64_t> Number(std::size_t width) {
    const auto bytes = Bytes(width);
    if (!bytes) return std::nullopt;
    std::uint64_t number = 0;
    for (std::size_t i = width; i-- > 0;) {
      number = number << 8 | static_cast<unsigned char>((*bytes)[i]);
    }
    return number;
  }
  std::optional<std::string_view> Line() {
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return line;
  }
  // Text behind its length of `width` bytes.
  std::optional<std::string_view> Text(std::size_t width) {
    const auto length = Number(width);
    return length ? Bytes(*length) : std::nullopt;
  }

 private:
  std::string_view rest_;
};

class PickleMachine {
 public:
  explicit PickleMachine(std::string_view pickle) : pickle_(pickle), reader_(pickle) {}

  Result<PickleValues> Run() {
    while (true) {
      const auto opcode = reader_.Number(1);
      if (!opcode) return Damaged();
      if (*opcode == '.') break;
      RONDE_RETURN_IF_ERROR(Step(static_cast<unsigned char>(*opcode)));
      if (out_.values.size() > kMostValues) {
        return Status::InvalidArgument(StrCat("its pickle has more than ", kMostValues, " values"));
      }
    }
    if (stack_.empty()) return Damaged();
    out_.root = stack_.back();
    return std::move(out_);
  }

 private:
  Status Step(unsigned char opcode);
  Status Global();
  Status Memo(std::optional<std::uint64_t> slot);
  Status Recall(std::optional<std::uint64_t> slot);
  Status Sequence(std::size_t count);
  Status SequenceFromMark();
  Status Append(std::size_t count, PickleKind kind);
  Status AppendFromMark(PickleKind kind);
  Status Call();
  Status Build();
  Status Persistent();
  Status LongInteger();

  Status Push(PickleValue value) {
    stack_.push_back(static_cast<std::uint32_t>(out_.values.size()));
    out_.values.push_back(std::move(value));
    return Status::Ok();
  }
  Status PushText(PickleKind kind, std::optional<std::string_view> text) {
    return text ? Push({kind, 0, *text, {}}) : Damaged();
  }
  Status PushInteger(std::optional<std::uint64_t> number) {
    return number ? Push({PickleKind::kInteger, static_cast<std::int64_t>(*number), {}, {}})
                  : Damaged();
  }
  // Values above the last mark, which no opcode but those of the mark may take.
  [[nodiscard]] std::size_t Available() const {
    return stack_.size() - (marks_.empty() ? 0 : marks_.back());
  }
  std::vector<std::uint32_t> Pop(std::size_t count) {
    std::vector<std::uint32_t> items(stack_.end() - static_cast<std::ptrdiff_t>(count),
                                     stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }
  PickleValue& Top() { return out_.values[stack_.back()]; }

  std::string_view pickle_;
  PickleReader reader_;
  PickleValues out_;
  std::vector<std::uint32_t> stack_;
  std::vector<std::size_t> marks_;  // heights of the stack
  std::unordered_map<std::uint64_t, std::uint32_t> memo_;
};

Status PickleMachine::Step(unsigned char opcode) {
  switch (opcode) {
    case 0x80:  // PROTO
      return reader_.Number(1) ? Status::Ok() : Damaged();
    case '(':
      marks_.push_back(stack_.size());
      return Status::Ok();
    case 'N':
      return Push({});
    case 0x88:  // NEWTRUE
    case 0x89:  // NEWFALSE
      return Push({PickleKind::kBool, opcode == 0x88, {}, {}});
    case 'K':
      return PushInteger(reader_.Number(1));
    case 'M':
      return PushInteger(reader_.Number(2));
    case 'J': {
      const auto bits = reader_.Number(4);
      if (!bits) return Damaged();
      return PushInteger(static_cast<std::uint64_t>(
          std::int64_t{static_cast<std::int32_t>(static_cast<std::uint32_t>(*bits))}));
    }
    case 0x8a:  // LONG1
      return LongInteger();
    case 'G':  // BINFLOAT, of which only that it is one matters
      return PushText(PickleKind::kReal, reader_.Bytes(8));
    case 'X':
      return PushText(PickleKind::kString, reader_.Text(4));
    case 0x8c:  // SHORT_BINUNICODE
      return PushText(PickleKind::kString, reader_.Text(1));
    case 'c':
      return Global();
    case ')':
    case ']':
      return Push({PickleKind::kTuple, 0, {}, {}});
    case '}':
      return Push({PickleKind::kDict, 0, {}, {}});
    case 0x85:  // TUPLE1, TUPLE2, TUPLE3
    case 0x86:
    case 0x87:
      return Sequence(opcode - 0x84u);
    case 't':
      return SequenceFromMark();
    case 'a':
      return Append(1, PickleKind::kTuple);
    case 'e':
      return AppendFromMark(PickleKind::kTuple);
    case 's':
      return Append(2, PickleKind::kDict);
    case 'u':
      return AppendFromMark(PickleKind::kDict);
    case 'q':
      return Memo(reader_.Number(1));
    case 'r':
      return Memo(reader_.Number(4));
    case 'h':
      return Recall(reader_.Number(1));
    case 'j':
      return Recall(reader_.Number(4));
    case 'R':
      return Call();
    case 'b':
      return Build();
    case 'Q':
      return Persistent();
    default:
      return Status::InvalidArgument(
          StrCat("its pickle has opcode ", static_cast<int>(opcode),
                 ", which weights do not need; save model.state_dict() by torch.save"));
  }
}

// Two lines, module and name, which lie side by side in the pickle.
Status PickleMachine::Global() {
  const auto module = reader_.Line();
  const auto name = reader_.Line();
  if (!module || !name) return Damaged();
  const auto begin = static_cast<std::size_t>(module->data() - pickle_.data());
  return Push(
      {PickleKind::kGlobal, 0, pickle_.substr(begin, module->size() + 1 + name->size()), {}});
}

Status PickleMachine::Memo(std::optional<std::uint64_t> slot) {
  if (!slot || Available() == 0) return Damaged();
  memo_[*slot] = stack_.back();
  return Status::Ok();
}

Status PickleMachine::Recall(std::optional<std::uint64_t> slot) {
  const auto found = slot ? memo_.find(*slot) : memo_.end();
  if (found == memo_.end()) return Damaged();
  stack_.push_back(found->second);
  return Status::Ok();
}

Status PickleMachine::Sequence(std::size_t count) {
  if (Available() < count) return Damaged();
  return Push({PickleKind::kTuple, 0, {}, Pop(count)});
}

Status PickleMachine::SequenceFromMark() {
  if (marks_.empty()) return Damaged();
  const std::size_t count = Available();
  marks_.pop_back();
  return Sequence(count);
}

Status PickleMachine::Append(std::size_t count, PickleKind kind) {
  if (Available() < count + 1) return Damaged();
  const std::vector<std::uint32_t> items = Pop(count);
  if (Top().kind != kind || (kind == PickleKind::kDict && count % 2 != 0)) return Damaged();
  Top().items.insert(Top().items.end(), items.begin(), items.end());
  return Status::Ok();
}

Status PickleMachine::AppendFromMark(PickleKind kind) {
  if (marks_.empty()) return Damaged();
  const std::size_t count = Available();
  marks_.pop_back();
  return Append(count, kind);
}

Status PickleMachine::Call() {
  if (Available() < 2) return Damaged();
  std::vector<std::uint32_t> items = Pop(2);
  const PickleValue& function = out_.values[items[0]];
  const PickleValue& arguments = out_.values[items[1]];
  if (function.kind != PickleKind::kGlobal || arguments.kind != PickleKind::kTuple) {
    return Damaged();
  }
  if (function.text == "collections\nOrderedDict" && arguments.items.empty()) {
    return Push({PickleKind::kDict, 0, {}, {}});
  }
  return Push({PickleKind::kCall, 0, {}, std::move(items)});
}

// Attributes of a dict, such as a state's _metadata: no part of its contents.
Status PickleMachine::Build() {
  if (Available() < 2) return Damaged();
  Pop(1);
  return Top().kind == PickleKind::kDict ? Status::Ok() : Damaged();
}

Status PickleMachine::Persistent() {
  if (Available() < 1) return Damaged();
  return Push({PickleKind::kPersistent, 0, {}, Pop(1)});
}

Status PickleMachine::LongInteger() {
  const auto bytes = reader_.Text(1);
  if (!bytes || bytes->size() > 8) return Damaged();
  const bool is_negative = !bytes->empty() && (bytes->back() & 0x80) != 0;
  std::uint64_t number = is_negative ? ~std::uint64_t{0} : 0;
  for (std::size_t i = bytes->size(); i-- > 0;) {
    number = number << 8 | static_cast<unsigned char>((*bytes)[i]);
  }
  return PushInteger(number);
}

}  // namespace

Result<PickleValues> RunPickle(std::string_view pickle) { return PickleMachine(pickle).Run(); }

}  // namespace ronde
