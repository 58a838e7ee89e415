#include "bench/collectives/direct_runner.h"

#include "core/comm/transport_table.h"

namespace ronde::bench {

Result<std::unique_ptr<DirectRunner>> DirectRunner::Create(const Config& config) {
  RONDE_ASSIGN_OR_RETURN(std::unique_ptr<Transport> transport, CreateLaunchedWorld(config));
  return CreateOn(std::move(transport), config);
}

Result<std::unique_ptr<DirectRunner>> DirectRunner::CreateOn(std::unique_ptr<Transport> transport,
                                                             const Config& config) {
  RONDE_ASSIGN_OR_RETURN(Selector selector, Selector::Create(config));
  auto runner =
      std::unique_ptr<DirectRunner>(new DirectRunner(std::move(transport), std::move(selector)));
  RONDE_ASSIGN_OR_RETURN(runner->context_, CollectiveContext::Create(*runner->transport_, config));
  return runner;
}

Status DirectRunner::Run(const AllreduceArguments& arguments) {
  RONDE_ASSIGN_OR_RETURN(const AllreduceAlgorithm* algorithm,
                         selector_.Choose(*context_, arguments));
  return algorithm->Run(*context_, arguments);
}

std::string DirectRunner::AlgorithmFor(const AllreduceArguments& arguments) {
  const auto algorithm = selector_.Choose(*context_, arguments);
  return algorithm.ok() ? std::string(algorithm.value()->name()) : "none";
}

Result<std::shared_ptr<std::byte>> DirectRunner::AllocateRegistered(std::size_t size_bytes) {
  return context_->registered().Allocate(context_->communicator().local().transport(), size_bytes,
                                         context_->NewDeadline());
}

Status DirectRunner::Max(std::vector<double>& values) { return Reduce(values, ReduceOp::kMax); }

Status DirectRunner::Sum(std::vector<double>& values) { return Reduce(values, ReduceOp::kSum); }

Status DirectRunner::Agree(const Status& mine) {
  std::vector<double> failures = {mine.ok() ? 0.0 : 1.0};
  RONDE_RETURN_IF_ERROR(Sum(failures));
  if (!mine.ok() || failures[0] == 0) return mine;
  return Status::InvalidArgument("another rank failed");
}

Status DirectRunner::Reduce(std::vector<double>& values, ReduceOp op) {
  AllreduceArguments arguments;
  arguments.input = values.data();
  arguments.output = values.data();
  arguments.count = static_cast<std::int64_t>(values.size());
  arguments.dtype = DataType::kFloat64;
  arguments.op = op;
  return Run(arguments);
}

}  // namespace ronde::bench
