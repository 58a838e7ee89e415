#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/base/status.h"
#include "frontends/resnet/data/dataset.h"

namespace ronde {

/// The two data sets differ in their files and in the labels that precede an image's 3,072 bytes:
/// one of 10 classes, or a coarse one of 20 and a fine one of 100. The fine label is used.
enum class CifarKind { kCifar10, kCifar100 };

/// 50,000 + 10,000 colour photos, 32x32, 10 or 100 classes, from the *binary version* of the data
/// set in `directory`: data_batch_1.bin ... data_batch_5.bin and test_batch.bin, or train.bin and
/// test.bin. Files may hold any number of records, so that excerpts can be used.
/// Normalisation: per channel, mean and deviation of the training images' pixels:
/// cifar10 (0.4914, 0.4822, 0.4465) and (0.2470, 0.2435, 0.2616),
/// cifar100 (0.5071, 0.4865, 0.4409) and (0.2673, 0.2564, 0.2762).
/// Errors: kInvalidArgument, one line with the file, what was expected, what was found and what to
/// do: file missing, empty, not a whole number of records, a label out of range.
/// Source: Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
[[nodiscard]] Result<std::unique_ptr<Dataset>> LoadCifar(CifarKind kind,
                                                         const std::string& directory, Split split,
                                                         std::int64_t limit);

}  // namespace ronde
