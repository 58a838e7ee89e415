#pragma once

namespace ronde {

/// Has malloc keep what is freed instead of returning it to the system. A training step frees as
/// much as it allocates; where a large tensor happens to lie at the heap's end, each step would
/// give its pages back and fault them in again, which took up to a sixth of a step of ResNet-20. To
/// be called first in a program: it holds for memory that is freed later.
void KeepFreedMemory();

}  // namespace ronde
