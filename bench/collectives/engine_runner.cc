#include "bench/collectives/engine_runner.h"

namespace ronde::bench {

Status EngineRunner::Begin() {
  RONDE_ASSIGN_OR_RETURN(session_, Session::Create(config_));
  return Status::Ok();
}

Status EngineRunner::Run(const AllreduceArguments& arguments) {
  // The engine only reads the input: the view has no const form because it also describes outputs.
  const TensorView input(const_cast<void*>(arguments.input), arguments.dtype, {arguments.count});
  const TensorView output(arguments.output, arguments.dtype, {arguments.count});
  return session_
      ->AllreduceAsync("benchmark", input, output,
                       {arguments.op, arguments.prescale, arguments.postscale})
      .Wait();
}

}  // namespace ronde::bench
