#include "frontends/info/explain.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>

#include "collectives/allgather/allgather.h"
#include "collectives/alltoall/alltoall.h"
#include "collectives/broadcast/broadcast.h"
#include "collectives/collective_context.h"
#include "collectives/reducescatter/reducescatter.h"
#include "collectives/selector.h"
#include "core/base/strcat.h"
#include "core/comm/transports/in_process.h"

namespace ronde {
namespace {

std::string_view OrderName(ReductionOrder order) {
  switch (order) {
    case ReductionOrder::kOffsetDependent:
      return "position";
    case ReductionOrder::kFixed:
      return "ranks";
    case ReductionOrder::kTree:
      return "tree";
  }
  return "";
}

constexpr std::array<std::string_view, 5> kCollectives = {"allreduce", "allgather", "broadcast",
                                                          "reducescatter", "alltoall"};

Result<AllreduceArguments> ArgumentsOf(const ExplainQuestion& question) {
  if (std::find(kCollectives.begin(), kCollectives.end(), question.collective) ==
      kCollectives.end()) {
    return Status::InvalidArgument(
        StrCat("--explain: no choice of algorithm is known for '", question.collective,
               "'; accepted: allreduce, allgather, broadcast, reducescatter, alltoall"));
  }
  const Result<std::int64_t> size = ParseBytes(question.size);
  if (!size.ok()) return Status::InvalidArgument("--explain: " + size.status().message());
  const std::optional<DataType> dtype = ParseDataType(question.dtype);
  if (!dtype) {
    return Status::InvalidArgument(
        StrCat("--dtype: '", question.dtype,
               "' is unknown; use float16, bfloat16, float32, float64, int32, int64 or uint8"));
  }
  const std::optional<ReduceOp> op = ParseReduceOp(question.op);
  if (!op) {
    return Status::InvalidArgument(StrCat(
        "--op: '", question.op, "' is unknown; use sum, average, min, max, product or adasum"));
  }
  if (!IsElementwise(*op) && question.collective == "reducescatter") {
    return Status::InvalidArgument(
        StrCat("--op ", question.op, ": needs whole tensors; use allreduce"));
  }
  AllreduceArguments arguments;
  arguments.count = size.value() / static_cast<std::int64_t>(SizeOf(*dtype));
  arguments.dtype = *dtype;
  arguments.op = *op;
  if (question.registered) {
    arguments.input_place = {.block = 1, .offset = 0};
    arguments.output_place = {.block = 2, .offset = 0};
  }
  return arguments;
}

// The ranks of a job in one process, each with its context, as far as a choice needs them.
class InventedJob {
 public:
  static Result<std::unique_ptr<InventedJob>> Create(int ranks, int hosts, const Config& config) {
    auto job = std::unique_ptr<InventedJob>(new InventedJob());
    InProcessOptions options;
    for (int rank = 0; rank < ranks; ++rank) {
      options.host_ids.push_back(StrCat("host ", rank * hosts / ranks));
    }
    job->transports_ = MakeInProcessWorld(ranks, std::move(options));
    job->contexts_.resize(job->transports_.size());
    std::vector<Status> outcomes(job->transports_.size());
    std::vector<std::thread> threads;
    for (std::size_t rank = 0; rank < outcomes.size(); ++rank) {
      threads.emplace_back([&, rank] {
        auto context = CollectiveContext::Create(*job->transports_[rank], config);
        outcomes[rank] = context.status();
        if (context.ok()) job->contexts_[rank] = std::move(context).value();
      });
    }
    for (std::thread& thread : threads) thread.join();
    RONDE_RETURN_IF_ERROR(outcomes.front());
    return job;
  }

  [[nodiscard]] CollectiveContext& context() { return *contexts_.front(); }

 private:
  InventedJob() = default;

  std::vector<std::unique_ptr<Transport>> transports_;
  std::vector<std::unique_ptr<CollectiveContext>> contexts_;
};

std::string CostsText(const CollectiveContext& context, const Config& config) {
  const Tuning* const tuning = context.tuning();
  if (tuning == nullptr) return "compiled in, adapted to ranks and cores";
  return StrCat(SpecOf(Setting::kTuningFile).flag, " ", config.GetText(Setting::kTuningFile),
                tuning->date.empty() ? "" : ", measured on ", tuning->date);
}

std::vector<Explanation::Candidate> CandidatesFor(const Selector& selector,
                                                  CollectiveContext& context,
                                                  const AllreduceArguments& arguments,
                                                  const Config& config) {
  const AllreduceArguments judged = selector.Judged(arguments);
  std::vector<Explanation::Candidate> candidates;
  for (const AllreduceAlgorithm* algorithm : AllreduceAlgorithms()) {
    Explanation::Candidate& candidate = candidates.emplace_back();
    candidate.name = algorithm->name();
    candidate.order = OrderName(algorithm->OrderIn(context));
    if (!algorithm->Reduces(arguments.op) && !IsElementwise(arguments.op)) {
      candidate.obstacle = StrCat("operator ", Name(arguments.op), " has an algorithm of its own");
    } else if (!algorithm->Reduces(arguments.op) || !algorithm->Supports(context, judged)) {
      candidate.obstacle = StrCat("needs ", algorithm->Needs());
    } else if (!selector.Admits(*algorithm, context)) {
      candidate.obstacle = StrCat("its order is not ", SpecOf(Setting::kReproducible).flag, " ",
                                  config.GetText(Setting::kReproducible));
    }
    if (!candidate.obstacle.empty()) continue;
    candidate.predicted_us = algorithm->Cost(context, judged);
    candidate.parts = algorithm->Parts(context, arguments);
  }
  return candidates;
}

// The form of a collective that has no table; `all` is its larger buffer, in even blocks.
std::string_view FormOf(CollectiveContext& context, const std::string& collective,
                        const AllreduceArguments& all) {
  const auto element_bytes = static_cast<std::int64_t>(SizeOf(all.dtype));
  std::vector<std::int64_t> blocks(static_cast<std::size_t>(context.size()),
                                   all.count / context.size());
  if (collective == "broadcast") {
    return BroadcastAlgorithm(context,
                              {.size_bytes = static_cast<std::size_t>(all.count * element_bytes),
                               .place = all.output_place});
  }
  if (collective == "reducescatter") {
    return ReducescatterAlgorithm(
        context,
        {.rank_counts = blocks, .dtype = all.dtype, .op = all.op, .input_place = all.input_place});
  }
  for (std::int64_t& block : blocks) block *= element_bytes;
  if (collective == "alltoall") {
    const std::vector<std::int64_t> pairs(blocks.size() * blocks.size(), blocks.front());
    return AlltoallAlgorithm(context, {.block_bytes = pairs, .input_place = all.input_place});
  }
  return AllgatherAlgorithm(context, {.rank_bytes = blocks, .output_place = all.output_place});
}

}  // namespace

Result<Explanation> Explain(const ExplainQuestion& question, const Config& config) {
  RONDE_ASSIGN_OR_RETURN(const AllreduceArguments arguments, ArgumentsOf(question));
  if (question.hosts > question.ranks) {
    return Status::InvalidArgument(StrCat("--hosts: ", question.hosts, " hosts cannot share ",
                                          question.ranks, " ranks; use at most ", question.ranks));
  }
  RONDE_ASSIGN_OR_RETURN(const auto job,
                         InventedJob::Create(question.ranks, question.hosts, config));
  CollectiveContext& context = job->context();
  RONDE_ASSIGN_OR_RETURN(const Selector selector, Selector::Create(config, context.tuning()));
  Explanation explanation;
  const bool reduces = question.collective.find("reduce") != std::string::npos;
  explanation.call =
      StrCat(question.collective, " of ", arguments.count, " ", Name(arguments.dtype), " (",
             static_cast<std::size_t>(arguments.count) * SizeOf(arguments.dtype), " bytes",
             reduces ? StrCat(", ", Name(arguments.op)) : "", ") in ",
             question.registered ? "registered" : "private", " memory among ", question.ranks,
             question.ranks == 1 ? " rank" : " ranks",
             question.hosts == 1 ? std::string(" of this host")
                                 : StrCat(" on ", question.hosts, " hosts like this one"));
  explanation.costs = CostsText(context, config);
  if (question.collective != "allreduce") {
    explanation.winner = FormOf(context, question.collective, arguments);
    explanation.because = "its size, the hosts of its ranks, and where its buffers lie";
    return explanation;
  }
  explanation.candidates = CandidatesFor(selector, context, arguments, config);
  const Result<Selector::Decision> decision = selector.Decide(context, arguments);
  if (decision.ok()) {
    explanation.winner = decision.value().algorithm->name();
    explanation.because = selector.Explain(decision.value());
  } else {
    explanation.because = decision.status().message();
  }
  return explanation;
}

std::string ExplanationText(const Explanation& explanation) {
  std::string text = StrCat(explanation.call, "\n\n");
  char line[512];
  if (!explanation.candidates.empty()) {
    std::snprintf(line, sizeof(line), "  %-20s %-9s %12s\n", "algorithm", "order by",
                  "predicted us");
    text += line;
  }
  for (const Explanation::Candidate& candidate : explanation.candidates) {
    const std::string name(candidate.name);
    const std::string order(candidate.order);
    if (!candidate.obstacle.empty()) {
      std::snprintf(line, sizeof(line), "  %-20s %-9s %12s  %s\n", name.c_str(), order.c_str(), "-",
                    candidate.obstacle.c_str());
    } else {
      std::snprintf(line, sizeof(line), "  %-20s %-9s %12.2f%s%s%s\n", name.c_str(), order.c_str(),
                    candidate.predicted_us, name == explanation.winner ? "  runs" : "",
                    candidate.parts.empty() ? "" : "  ", candidate.parts.c_str());
    }
    text += line;
  }
  if (!explanation.candidates.empty()) text += "\n";
  text += StrCat(explanation.winner.empty() ? "nothing runs" : explanation.winner, ": ",
                 explanation.because, "\ncosts: ", explanation.costs, "\n");
  return text;
}

std::string ExplanationJson(const Explanation& explanation) {
  nlohmann::ordered_json json;
  json["call"] = explanation.call;
  json["winner"] = explanation.winner;
  json["because"] = explanation.because;
  json["costs"] = explanation.costs;
  json["candidates"] = nlohmann::ordered_json::array();
  for (const Explanation::Candidate& candidate : explanation.candidates) {
    nlohmann::ordered_json item = {{"algorithm", candidate.name}, {"order", candidate.order}};
    item["can_run"] = candidate.obstacle.empty();
    if (candidate.obstacle.empty()) {
      item["predicted_us"] = candidate.predicted_us;
      if (!candidate.parts.empty()) item["parts"] = candidate.parts;
    } else {
      item["obstacle"] = candidate.obstacle;
    }
    json["candidates"].push_back(std::move(item));
  }
  return json.dump(2);
}

}  // namespace ronde
