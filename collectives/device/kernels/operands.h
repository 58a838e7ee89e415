#pragma once

#include <cstdint>

#include "collectives/device/kernels/elements.h"
#include "collectives/device/kernels/peer_flags.h"
#include "collectives/device/kernels/vector.h"

namespace ronde::kernels {

/// The operands of a reduction, as a kernel's arguments.
template <typename Element>
struct Operands {
  using Value = typename Element::Value;

  const void* inputs[kMaxPeers] = {};
  void* outputs[kMaxPeers] = {};  ///< each gets the result, in this order
  int input_count = 0;
  int output_count = 0;
  bool alike = true;  ///< all are aligned alike, so that vectors can be used
  Factors<Value> factors;
};

/// Host: those of a PeerReduction or an InputReduction, without outputs.
template <typename Element, typename Call>
Operands<Element> InputsOf(const Call& call, int inputs) {
  using Value = typename Element::Value;
  Operands<Element> operands;
  operands.input_count = inputs;
  for (int k = 0; k < inputs; ++k) operands.inputs[k] = call.inputs[k];
  operands.factors = {static_cast<Value>(call.scaling.prescale),
                      static_cast<Value>(call.scaling.postscale), call.scaling.divisor};
  return operands;
}

/// Host: appends an output.
template <typename Element>
void AddOutput(void* output, Operands<Element>* operands) {
  operands->outputs[operands->output_count++] = output;
  for (int k = 0; k < operands->input_count; ++k) {
    operands->alike &= BytesToVector(operands->inputs[k]) == BytesToVector(output);
  }
}

}  // namespace ronde::kernels
