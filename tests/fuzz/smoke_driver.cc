// Runs a fuzz target on damaged inputs for a short time, without a fuzzing engine:
//
//   fuzz_smoke_<name> [--seed N] [--seconds S]    inputs 0, 1, 2, ... of the seed
//   fuzz_smoke_<name> [--seed N] --input I        that input alone, in this process: for a debugger
//   fuzz_smoke_<name> --write-seeds FOLDER        the well-formed inputs as files, for libFuzzer
//
// The inputs run in a child process, so that the one at which it died can be named.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/mutator.h"

namespace ronde {
namespace {

constexpr unsigned kHangSeconds = 20;

struct Options {
  std::uint64_t seed = 1;
  double seconds = 2;
  long long input = -1;
  std::string seed_folder;
};

bool ReadOptions(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) return false;
    if (name == "--seed") {
      options->seed = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (name == "--seconds") {
      options->seconds = std::strtod(argv[i + 1], nullptr);
    } else if (name == "--input") {
      options->input = std::strtoll(argv[i + 1], nullptr, 10);
    } else if (name == "--write-seeds") {
      options->seed_folder = argv[i + 1];
    } else {
      return false;
    }
  }
  return true;
}

// In memory of exactly the input's size, so that the address sanitizer sees a read past its end.
void RunOne(const std::string& input) {
  const std::unique_ptr<std::uint8_t[]> bytes(new std::uint8_t[input.size()]);
  if (!input.empty()) std::memcpy(bytes.get(), input.data(), input.size());
  kFuzzTarget.run(bytes.get(), input.size());
}

// `*index` is the input at work, for the parent to read after a crash. Never returns.
[[noreturn]] void RunChild(const Options& options, const Mutator& mutator,
                           volatile std::uint64_t* index) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(options.seconds);
  for (std::uint64_t i = 0; i == 0 || Clock::now() < end; ++i) {
    *index = i;
    if (i % 256 == 0) alarm(kHangSeconds);
    RunOne(mutator.Make(options.seed, i));
  }
  std::exit(0);  // with destructors and the leak check
}

int RunInputs(const Options& options, const Mutator& mutator, const char* program) {
  void* shared = mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return std::perror("mmap"), 1;
  auto* index = static_cast<volatile std::uint64_t*>(shared);
  const auto seed = static_cast<unsigned long long>(options.seed);
  std::printf("seed %llu\n", seed);
  std::fflush(stdout);
  const pid_t child = fork();
  if (child < 0) return std::perror("fork"), 1;
  if (child == 0) RunChild(options, mutator, index);
  int status = 0;
  if (waitpid(child, &status, 0) != child) return std::perror("waitpid"), 1;
  const unsigned long long last = *index;
  if (status == 0) {
    std::printf("%llu inputs, no defect\n", last + 1);
    return 0;
  }
  std::printf("FAILED%s; replay with: %s --seed %llu --input %llu\n",
              WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? " (hangs)" : "", program, seed,
              last);
  return 1;
}

int WriteSeeds(const std::string& folder) {
  int number = 0;
  for (const std::string& seed : kFuzzTarget.seeds()) {
    const std::string path = folder + "/seed_" + std::to_string(number++);
    if (!(std::ofstream(path, std::ios::binary) << seed).flush()) {
      std::fprintf(stderr, "%s cannot be written\n", path.c_str());
      return 1;
    }
  }
  return 0;
}

int Main(int argc, char** argv) {
  Options options;
  if (!ReadOptions(argc, argv, &options)) {
    std::fprintf(stderr, "usage: %s [--seed N] [--seconds S | --input I] | --write-seeds FOLDER\n",
                 argv[0]);
    return 2;
  }
  if (!options.seed_folder.empty()) return WriteSeeds(options.seed_folder);
  const Mutator mutator(kFuzzTarget.seeds(), kFuzzTarget.words);
  if (options.input < 0) return RunInputs(options, mutator, argv[0]);
  RunOne(mutator.Make(options.seed, static_cast<std::uint64_t>(options.input)));
  return 0;
}

}  // namespace
}  // namespace ronde

int main(int argc, char** argv) { return ronde::Main(argc, argv); }
