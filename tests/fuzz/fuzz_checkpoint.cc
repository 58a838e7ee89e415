// The manifest of a checkpoint: as it comes, and with a checksum that fits, so that a mutation gets
// past it.
#include <array>

#include "frontends/resnet/checkpoint/manifest.h"
#include "tests/fuzz/fuzz_target.h"

namespace ronde {
namespace {

void CheckManifest(std::string_view text) {
  const Result<Manifest> manifest = ParseManifest(text);
  if (!manifest.ok()) {
    FUZZ_REQUIRE(manifest.status().code() == StatusCode::kInvalidArgument);
    FUZZ_REQUIRE(!manifest.status().message().empty());
    FUZZ_REQUIRE(manifest.status().message().find('\n') == std::string::npos);
    return;
  }
  const Manifest& read = manifest.value();
  const auto workers = static_cast<std::size_t>(read.workers);
  FUZZ_REQUIRE(read.workers >= 1 && read.step >= read.step_in_epoch);
  FUZZ_REQUIRE(read.files.size() == workers || read.files.size() == workers + 1);
  for (const CheckpointFile& file : read.files) {
    FUZZ_REQUIRE(file.name.find('/') == std::string::npos);
  }
  FUZZ_REQUIRE(!read.running || read.running->workers.size() == workers);
  // What was taken can be written, and says the same when it is read again.
  const std::string again = FormatManifest(read);
  FUZZ_REQUIRE(ParseManifest(again).ok());
  FUZZ_REQUIRE(FormatManifest(ParseManifest(again).value()) == again);
}

int FuzzCheckpoint(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckManifest(bytes);
  const std::size_t body = bytes.rfind(",\n\"crc32\"");
  CheckManifest(SignManifest(bytes.substr(0, body)));
  return 0;
}

Manifest MakeManifest(bool is_running) {
  Manifest manifest;
  manifest.ronde_version = "0.1.0";
  manifest.step = 9;
  manifest.step_in_epoch = is_running ? 9 : 0;
  manifest.workers = 2;
  manifest.previous_learning_rates = {0.125};
  manifest.trajectory = {{"--batch-size", "8"}, {"--seed", "1"}};
  for (int worker = 0; worker < manifest.workers; ++worker) {
    manifest.files.push_back({WorkerFileName(worker), 1234, 0x01234567});
  }
  EpochRecord record;
  record.validation_loss = 0.5;
  record.validation_per_class = {0.25, std::nullopt};
  if (is_running) {
    manifest.files.push_back({kSharedFileName, 99, 0xdeadbeef});
    manifest.running = RunningEpoch{record, {{0.5, 1, 2}, {0.25, 2, 2}}, {0.1}};
  } else {
    manifest.epochs_completed = 1;
    manifest.records = {record};
  }
  return manifest;
}

std::vector<std::string> CheckpointSeeds() {
  return {FormatManifest(MakeManifest(true)), FormatManifest(MakeManifest(false)),
          SignManifest("{\n\"format\": \"ronde-checkpoint\",\n\"version\": 2")};
}

constexpr std::array<std::string_view, 8> kWords = {
    "\"version\": ",        "null", "-1",           "1e999",
    "18446744073709551616", "[[[[", "worker-0000.", "\\u0000"};

}  // namespace

const FuzzTarget kFuzzTarget = {&FuzzCheckpoint, &CheckpointSeeds, kWords};

}  // namespace ronde
