#include <benchmark/benchmark.h>

#include "collectives/reduce_kernels.h"
#include "core/base/program.h"

// Google Benchmark's own flags; --benchmark_filter=reduce/float32 is the one to know.
int main(int argc, char** argv) {
  benchmark::AddCustomContext("ronde", ronde::VersionString());
  benchmark::AddCustomContext("reduce kernels", std::string(ronde::ReduceInstructionSet()));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
