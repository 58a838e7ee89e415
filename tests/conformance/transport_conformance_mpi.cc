// The transport conformance suite over real MPI processes: promises by default, the abort with
// --abort; over the transport that --transport names, as if on --hosts hosts. Prints one line per
// failed promise and, on rank 0, a summary.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

#include "core/base/config.h"
#include "core/base/program.h"
#include "core/comm/transport_table.h"
#include "tests/conformance/pretended_hosts.h"
#include "tests/conformance/transport_conformance.h"

namespace ronde {
namespace {

int Report(std::string_view name, int rank, const Status& status) {
  if (status.ok()) return 0;
  std::fprintf(stderr, "FAILED %s, rank %d: %s\n", std::string(name).c_str(), rank,
               status.ToString().c_str());
  return 1;
}

int RunPromises(Transport& transport) {
  int failures = 0;
  for (const ConformanceCase& promise : TransportConformanceCases()) {
    const int failed = Report(promise.name, transport.rank(), promise.run(transport));
    if (failed != 0 && !transport.CheckLiveness().ok()) return 1;
    failures += failed;
  }
  return failures;
}

struct Options {
  bool abort = false;
  std::string transport = "mpi";
  int hosts = 1;
};

int Main(const Options& options) {
  Result<Config> config = Config::FromEnvironment();
  if (config.ok()) PretendHosts(options.hosts, &config.value());
  if (!config.ok()) return ReportBadInput("transport_conformance_mpi", config.status());
  const bool abort = options.abort;
  // Twice: a second world after the first has gone is allowed.
  for (int round = 0; round < 2; ++round) {
    auto world = CreateWorld(options.transport, config.value());
    if (!world.ok()) return ReportBadInput("transport_conformance_mpi", world.status());
    Transport& transport = *world.value();
    if (abort) {
      const Status status = CheckAbort(transport);
      if (status.ok()) std::printf("PASSED: rank %d heard of the abort\n", transport.rank());
      std::fflush(stdout);
      // The first rank that ends makes mpirun kill the others: let them print.
      std::this_thread::sleep_for(std::chrono::seconds(1));
      return 3 + Report("Abort", transport.rank(), status);
    }
    if (RunPromises(transport) != 0) {
      transport.Abort(Status::Internal("a promise was broken"));
      return 1;
    }
    if (transport.rank() == 0) {
      std::printf("PASSED: %zu promises on %d ranks\n", TransportConformanceCases().size(),
                  transport.size());
    }
  }
  return 0;
}

}  // namespace
}  // namespace ronde

int main(int argc, char** argv) {
  ronde::Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--abort") options.abort = true;
    if (flag == "--transport" && i + 1 < argc) options.transport = argv[++i];
    if (flag == "--hosts" && i + 1 < argc) options.hosts = std::atoi(argv[++i]);
  }
  return ronde::Main(options);
}
