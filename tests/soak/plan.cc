#include "tests/soak/plan.h"

#include <algorithm>
#include <numeric>

#include "core/base/strcat.h"
#include "tests/soak/reference.h"

namespace ronde::soak {
namespace {

constexpr int kMostSets = 5;
constexpr int kNames = 24;
constexpr std::size_t kAlign = 64;

Config Set(Config* config, Setting setting, const std::string& value) {
  static_cast<void>(config->Set(setting, value, SettingOrigin::kProgram).ok());
  return *config;
}

std::size_t Bytes(const Operation& operation) {
  // Input and output of the member that has most.
  std::int64_t elements = 0;
  for (int member = 0; member < static_cast<int>(operation.members.size()); ++member) {
    elements =
        std::max({elements, InputCount(operation, member, 0), OutputCount(operation, member, 0)});
  }
  const std::size_t bytes = static_cast<std::size_t>(elements) * SizeOf(operation.dtype);
  return (bytes + kAlign - 1) / kAlign * kAlign;
}

bool CanLieInRegisteredMemory(Form form) {
  return form == Form::kAllreduce || form == Form::kBroadcast || form == Form::kAllgatherInto ||
         form == Form::kReducescatter || form == Form::kModelAverage;
}

}  // namespace

Plan::Plan(std::uint64_t seed, int size, const Features& features)
    : random_(seed), size_(size), features_(features), steps_(0) {
  steps_ = static_cast<int>(random_.Range(20, 80));
}

void Plan::Configure(Config* config) {
  Set(config, Setting::kFusionThresholdBytes,
      random_.Pick<std::string>({"0", "4096", "1M", "64M"}));
  Set(config, Setting::kCycleTimeMs, random_.Pick<std::string>({"0", "0", "0", "1"}));
  Set(config, Setting::kResponseCacheCapacity,
      random_.Pick<std::string>({"0", "1", "4", "1024", "1024"}));
  Set(config, Setting::kLockAfter, random_.Pick<std::string>({"0", "1", "2", "5", "5"}));
}

std::vector<std::string> Plan::HostIds() {
  const auto layout = random_.Range(0, 3);
  if (layout <= 1) return {};
  std::vector<std::string> hosts;
  for (int rank = 0; rank < size_; ++rank) {
    // Two hosts of about equal size, or three that take turns.
    hosts.push_back(layout == 2 ? StrCat("host", 2 * rank / size_) : StrCat("host", rank % 3));
  }
  return hosts;
}

Step Plan::Next() {
  if (repetitions_left_ > 0) return RepeatedBatch();
  const auto dice = random_.Range(0, 99);
  if (features_.repeats && dice < 25) {
    schedule_.clear();
    const auto length = random_.Range(1, 8);
    for (int i = 0; i < length; ++i) {
      schedule_.push_back(RandomOperation(0, StrCat("r", random_.Range(0, 2), ".", i)));
    }
    // Once for all: where buffers lie is part of what is asked for.
    Register(&schedule_);
    repetitions_left_ = static_cast<int>(random_.Range(3, 60));
    deviations_percent_ = random_.Pick<int>({0, 3, 15});
    return RepeatedBatch();
  }
  if (features_.sets && dice < 40) return AddSet();
  if (features_.sets && dice < 48 && !sets_.empty()) return RemoveSet();
  if (features_.joins && dice < 58) return JoinStep();
  return RandomBatch();
}

std::vector<int> Plan::World() const {
  std::vector<int> ranks(static_cast<std::size_t>(size_));
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}

std::vector<int> Plan::RandomMembers() {
  std::vector<int> ranks = World();
  random_.Shuffle(ranks);
  ranks.resize(static_cast<std::size_t>(random_.Range(1, size_)));
  std::sort(ranks.begin(), ranks.end());
  return ranks;
}

Step Plan::AddSet() {
  Step step;
  step.members = RandomMembers();
  if (features_.mismatches && size_ > 1 && random_.Chance(15)) {
    step.kind = Step::Kind::kAddWrongSet;
    step.deviant = static_cast<int>(random_.Range(0, size_ - 1));
    return step;
  }
  if (sets_.size() >= kMostSets) return RemoveSet();
  step.kind = Step::Kind::kAddSet;
  step.set = next_set_++;
  sets_[step.set] = step.members;
  return step;
}

Step Plan::RemoveSet() {
  const auto victim =
      std::next(sets_.begin(), random_.Range(0, static_cast<std::int64_t>(sets_.size()) - 1));
  Step step;
  step.kind = Step::Kind::kRemoveSet;
  step.set = victim->first;
  sets_.erase(victim);
  return step;
}

void Plan::ChooseShape(Operation* operation) {
  static const std::vector<std::int64_t> kColumns = {1, 1, 2, 3, 17};
  const auto members = static_cast<std::int64_t>(operation->members.size());
  operation->columns = random_.Pick(kColumns);
  const auto rows = [this] {
    const auto dice = random_.Range(0, 99);
    if (dice < 5) return std::int64_t{0};
    if (dice < 80) return random_.Range(1, 64);
    if (dice < 98) return random_.Range(65, 3000);
    return random_.Range(3001, 30000);
  };
  const bool groups = operation->form == Form::kGroup || operation->form == Form::kGatherGroup ||
                      operation->form == Form::kScatterGroup;
  operation->rows.assign(static_cast<std::size_t>(groups ? random_.Range(1, 6) : 1), 0);
  for (std::int64_t& count : operation->rows) count = rows();
  if (operation->form == Form::kAllgather || operation->form == Form::kGatherGroup) {
    for (std::size_t i = 0; i < operation->rows.size(); ++i) {
      auto& dealt = operation->dealt.emplace_back();
      for (int member = 0; member < members; ++member) dealt.push_back(random_.Range(0, 40));
    }
  } else if (operation->form == Form::kAllgatherInto) {
    operation->dealt.emplace_back(static_cast<std::size_t>(members), random_.Range(0, 200));
  } else if (operation->form == Form::kAlltoall) {
    for (int from = 0; from < members; ++from) {
      auto& dealt = operation->dealt.emplace_back();
      for (int to = 0; to < members; ++to) dealt.push_back(random_.Range(0, 30));
    }
  }
}

Operation Plan::RandomOperation(int set, const std::string& name) {
  static const std::vector<Form> kForms = {
      Form::kAllreduce, Form::kAllreduce,     Form::kAllreduce,     Form::kAllreduce,
      Form::kGroup,     Form::kBroadcast,     Form::kAllgather,     Form::kBarrier,
      Form::kAlltoall,  Form::kAllgatherInto, Form::kReducescatter, Form::kModelAverage};
  static const std::vector<DataType> kTypes = {
      DataType::kFloat32,  DataType::kFloat32, DataType::kFloat64, DataType::kFloat16,
      DataType::kBFloat16, DataType::kInt32,   DataType::kInt64,   DataType::kUInt8};
  static const std::vector<ReduceOp> kOps = {ReduceOp::kSum, ReduceOp::kSum, ReduceOp::kAverage,
                                             ReduceOp::kMin, ReduceOp::kMax, ReduceOp::kProduct};
  static const std::vector<double> kScales = {1, 1, 1, 2, 0.5};
  Operation operation;
  operation.form = random_.Pick(kForms);
  if (features_.gathers && random_.Chance(10)) {
    operation.form = random_.Chance(50) ? Form::kGatherGroup : Form::kScatterGroup;
  }
  operation.name = name;
  operation.set = set;
  operation.members = set == 0 ? World() : sets_.at(set);
  operation.values = random_.Next();
  operation.dtype = random_.Pick(kTypes);
  operation.root =
      static_cast<int>(random_.Range(0, static_cast<std::int64_t>(operation.members.size()) - 1));
  const bool reduces = operation.form == Form::kAllreduce || operation.form == Form::kGroup ||
                       operation.form == Form::kReducescatter ||
                       operation.form == Form::kScatterGroup;
  if (reduces) operation.op = random_.Pick(kOps);
  if (reduces && IsFloatingPoint(operation.dtype) && random_.Chance(30)) {
    operation.prescale = random_.Pick(kScales);
    operation.postscale = random_.Pick(kScales);
    if (operation.op == ReduceOp::kProduct) operation.prescale = 1;
  }
  if (operation.form == Form::kModelAverage) {
    operation.op = ReduceOp::kAverage;
    if (!IsFloatingPoint(operation.dtype)) operation.dtype = DataType::kBFloat16;
    operation.step = random_.Range(1, 3) * random_.Pick<std::int64_t>({1, kAveragePeriod});
  }
  operation.in_place = random_.Chance(50);
  ChooseShape(&operation);
  if (features_.mismatches && random_.Chance(8)) Deviate(&operation);
  return operation;
}

void Plan::Deviate(Operation* operation) {
  if (operation->members.size() < 2) return;
  std::vector<Deviation> choices;
  switch (operation->form) {
    case Form::kAllreduce:
      choices = {Deviation::kKind, Deviation::kType, Deviation::kShape, Deviation::kOperator};
      if (IsFloatingPoint(operation->dtype)) {
        choices.insert(choices.end(), {Deviation::kPrescale, Deviation::kPostscale});
      }
      break;
    case Form::kGroup:
      choices = {Deviation::kType, Deviation::kGroup, Deviation::kOperator};
      break;
    case Form::kBroadcast:
      choices = {Deviation::kKind, Deviation::kType, Deviation::kShape, Deviation::kRoot};
      break;
    case Form::kReducescatter:
      choices = {Deviation::kType, Deviation::kShape, Deviation::kOperator};
      break;
    case Form::kAllgather:
      choices = {Deviation::kType, Deviation::kShape, Deviation::kDestination};
      break;
    case Form::kAlltoall:
      choices = {Deviation::kType, Deviation::kShape, Deviation::kSplits};
      break;
    case Form::kModelAverage:
      if (operation->step % kAveragePeriod == 0) choices = {Deviation::kWindow, Deviation::kType};
      break;
    default:
      break;
  }
  if (choices.empty()) return;
  operation->deviation = random_.Pick(choices);
  operation->deviant =
      static_cast<int>(random_.Range(0, static_cast<std::int64_t>(operation->members.size()) - 1));
}

void Plan::Register(std::vector<Operation>* operations) {
  std::size_t place = 0;
  for (Operation& operation : *operations) {
    operation.registered = false;
    if (!features_.registered || !CanLieInRegisteredMemory(operation.form)) continue;
    if (operation.deviation != Deviation::kNone || random_.Chance(50)) continue;
    const std::size_t bytes = 2 * Bytes(operation);
    if (place + bytes > kRegisteredBytes) continue;
    operation.registered = true;
    operation.place = place;
    place += bytes;
  }
}

Step Plan::RandomBatch() {
  Step step;
  const auto count = random_.Range(1, 12);
  std::vector<int> keys = {0};
  for (const auto& [key, members] : sets_) keys.push_back(key);
  for (int i = 0; i < count; ++i) {
    // Names are per set; a batch has each at most once in a set.
    const int set = random_.Chance(40) ? 0 : random_.Pick(keys);
    const std::string name = StrCat("t", random_.Range(0, kNames - 1));
    const bool known =
        std::any_of(step.operations.begin(), step.operations.end(),
                    [&](const Operation& other) { return other.set == set && other.name == name; });
    if (!known) step.operations.push_back(RandomOperation(set, name));
  }
  if (features_.chains) {
    for (std::size_t i = 0; i + 1 < step.operations.size(); ++i) {
      Operation& first = step.operations[i];
      Operation& second = step.operations[i + 1];
      if (first.chained || first.set != second.set || !random_.Chance(20)) continue;
      first.then = static_cast<int>(i) + 1;
      second.chained = true;
    }
  }
  Register(&step.operations);
  step.shuffled_by = random_.Chance(80) ? kEveryone : kNobody;
  return step;
}

Step Plan::RepeatedBatch() {
  --repetitions_left_;
  Step step;
  step.operations = schedule_;
  for (Operation& operation : step.operations) {
    operation.values = random_.Next();
    // Once in a schedule is enough: repeated, it would never lock.
    operation.deviation = Deviation::kNone;
  }
  if (random_.Chance(deviations_percent_)) {
    const auto victim = static_cast<std::size_t>(
        random_.Range(0, static_cast<std::int64_t>(step.operations.size()) - 1));
    Operation& odd = step.operations[victim];
    switch (random_.Range(0, 4)) {
      case 0:  // one rank has its own order
        step.shuffled_by = static_cast<int>(random_.Range(0, size_ - 1));
        break;
      case 1:  // something else under the same name, from here on or only now
        odd = RandomOperation(0, odd.name);
        if (random_.Chance(50)) {
          schedule_[victim] = odd;
        }
        break;
      case 2:  // something more
        step.operations.push_back(RandomOperation(0, "extra"));
        break;
      case 3:  // something less
        if (step.operations.size() > 1) {
          step.operations.erase(step.operations.begin() + static_cast<std::ptrdiff_t>(victim));
        }
        break;
      default:
        if (features_.mismatches) Deviate(&odd);
        odd.registered = odd.registered && odd.deviation == Deviation::kNone;
    }
  } else if (random_.Chance(10)) {
    step.late_rank = static_cast<int>(random_.Range(0, size_ - 1));
  }
  return step;
}

// While some have joined, what has a meaning with zeros in their place.
Operation Plan::JoinableOperation(const std::string& name) {
  Operation operation;
  do {
    operation = RandomOperation(0, name);
  } while (operation.form != Form::kAllreduce && operation.form != Form::kAllgather &&
           operation.form != Form::kReducescatter && operation.form != Form::kBroadcast &&
           operation.form != Form::kBarrier);
  operation.deviation = Deviation::kNone;
  if (operation.op != ReduceOp::kSum && operation.op != ReduceOp::kAverage) {
    operation.op = ReduceOp::kSum;
  }
  return operation;
}

Step Plan::JoinStep() {
  Step step;
  step.kind = Step::Kind::kJoin;
  const auto count = random_.Range(1, 8);
  for (int i = 0; i < count; ++i) step.operations.push_back(JoinableOperation(StrCat("j", i)));
  std::int64_t most = 0;
  for (int rank = 0; rank < size_; ++rank) {
    step.submits.push_back(static_cast<std::size_t>(random_.Range(0, count)));
    most = std::max(most, static_cast<std::int64_t>(step.submits.back()));
  }
  step.operations.resize(static_cast<std::size_t>(most));
  for (std::size_t i = 0; i < step.operations.size(); ++i) {
    Operation& operation = step.operations[i];
    for (int rank = 0; rank < size_; ++rank) {
      operation.joined.push_back(step.submits[static_cast<std::size_t>(rank)] <= i);
    }
    while (operation.joined[static_cast<std::size_t>(operation.root)]) {
      operation.root = (operation.root + 1) % size_;
    }
  }
  Register(&step.operations);
  return step;
}

}  // namespace ronde::soak
