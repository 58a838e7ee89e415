// The allreduce conformance suite over real processes; run it under ronderun.
#include "tests/conformance/allreduce_conformance.h"
#include "tests/conformance/conformance_over_processes.h"

int main(int argc, char** argv) {
  return ronde::RunOverProcesses(argc, argv, [](ronde::CollectiveContext& context) {
    const int ranks = context.size();
    return CheckAllAlgorithms(context, {0, 1, ranks - 1, ranks, 17, 1000, 40009});
  });
}
