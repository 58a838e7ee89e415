// The movement conformance suite over real processes; run it under ronderun.
#include "tests/conformance/conformance_over_processes.h"
#include "tests/conformance/movement_conformance.h"

int main(int argc, char** argv) {
  return ronde::RunOverProcesses(argc, argv, [](ronde::CollectiveContext& context) {
    const int ranks = context.size();
    return CheckAllMovement(context, ronde::FullExtent({0, 1, ranks - 1, 17, 1000, 40009}));
  });
}
