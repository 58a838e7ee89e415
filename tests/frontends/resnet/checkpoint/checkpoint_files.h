#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "frontends/resnet/checkpoint/store.h"
#include "frontends/resnet/checkpoint/verify.h"
#include "tests/support/temporary_folder.h"

namespace ronde {

inline std::string ReadText(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

inline void WriteText(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

/// The record of an epoch that was evaluated, every member different from its default.
inline EpochRecord FullRecord(int epoch) {
  EpochRecord record;
  record.epoch = epoch;
  record.algorithm = "slowmo";
  record.phase = "local";
  record.workers = 2;
  record.precision = "bf16";
  record.local_steps = 3;
  record.learning_rate = 0.1 / 3;
  record.steps = 8;
  record.train_loss = 2.0 / 3;
  record.train_top1 = 1.0 / 7;
  record.validation_loss = 5e-324;
  record.validation_top1 = 0.5;
  record.validation_top5 = 1.0 / 9;
  record.validation_per_class = {1.0 / 3, std::nullopt, 0.0};
  record.images_per_second = 1e300 / 3;
  record.seconds = 1.25;
  record.parts = {0.1, 0.2, 0.3, 0.4, 0.5};
  record.seconds_communication_total = 0.7;
  record.seconds_evaluation = 0.01;
  record.bytes_communicated = (std::uint64_t{1} << 63) + 1;
  record.bytes_on_wire = 77;
  record.bytes_evaluation = 99;
  record.synchronizations = 4;
  record.worker_divergence = 1e-3 / 3;
  return record;
}

/// Of two workers, in the middle of the second epoch; the files are listed but not made.
inline Manifest FullManifest(std::int64_t step) {
  Manifest manifest;
  manifest.ronde_version = "1.2.3";
  manifest.step = step;
  manifest.epochs_completed = 1;
  manifest.step_in_epoch = 1;
  manifest.workers = 2;
  manifest.ranks = 2;
  manifest.previous_learning_rates = {0.1 / 3, 0.2};
  manifest.trajectory = {{"--batch-size", "8"}, {"training images", "130"}};
  manifest.records = {FullRecord(1)};
  manifest.running =
      RunningEpoch{FullRecord(2), {{1.0 / 3, 2, 8}, {0.1, 3, 8}}, {1.0 / 11, 2.0 / 13}};
  for (const char* name : {"worker-0000.safetensors", "worker-0001.safetensors", kSharedFileName}) {
    manifest.files.push_back({name, 100, 0xdeadbeef});
  }
  return manifest;
}

/// Writes a whole checkpoint of FullManifest's kind through the store.
inline void WriteCheckpoint(const CheckpointStore& store, std::int64_t step) {
  ASSERT_TRUE(store.Begin(step).ok());
  Manifest manifest = FullManifest(step);
  for (CheckpointFile& file : manifest.files) {
    const std::string folder = store.UnfinishedPath(step);
    WriteText(folder + "/" + file.name, StrCat("the values of ", file.name, " at ", step));
    file = Checksum(folder, file.name).value();
  }
  const Status finished = store.Finish(manifest);
  ASSERT_TRUE(finished.ok()) << finished.message();
}

}  // namespace ronde
