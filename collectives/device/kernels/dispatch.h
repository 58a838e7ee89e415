#pragma once

#include <cstdint>

#include "collectives/device/kernels/elements.h"
#include "core/base/types.h"

namespace ronde::kernels {

// Which kernels are there. Gradients are summed in three types: for these, kernels are made for
// each usual number of inputs, so that all loads of an element are under way at once. Everything
// else takes one that asks for each of kMaxPeers inputs whether it is there: making all
// combinations would quadruple the time to compile and the binary.

template <typename Element, typename Op, typename Launch>
auto DispatchInputs(int inputs, const Launch& launch) {
  switch (inputs) {
    case 1:
      return launch.template operator()<Element, Op, 1>();
    case 2:
      return launch.template operator()<Element, Op, 2>();
    case 4:
      return launch.template operator()<Element, Op, 4>();
    case 8:
      return launch.template operator()<Element, Op, 8>();
    default:
      return launch.template operator()<Element, Op, 0>();
  }
}

template <typename Element, bool kOften, typename Launch>
auto DispatchOp(ReduceOp op, int inputs, const Launch& launch) {
  switch (op) {
    case ReduceOp::kMin:
      return launch.template operator()<Element, Min, 0>();
    case ReduceOp::kMax:
      return launch.template operator()<Element, Max, 0>();
    case ReduceOp::kProduct:
      return launch.template operator()<Element, Product, 0>();
    default:  // kAverage is a sum
      if constexpr (kOften) return DispatchInputs<Element, Sum>(inputs, launch);
      return launch.template operator()<Element, Sum, 0>();
  }
}

/// Calls launch.operator()<Element, Op, kInputs>() for the kernel that these are reduced by.
/// `Convert` has the conversions of 16-bit types.
template <typename Convert, typename Launch>
auto Dispatch(DataType dtype, ReduceOp op, int inputs, const Launch& launch) {
  switch (dtype) {
    case DataType::kFloat16:
      return DispatchOp<Half<Convert>, true>(op, inputs, launch);
    case DataType::kBFloat16:
      return DispatchOp<BFloat<Convert>, true>(op, inputs, launch);
    case DataType::kFloat32:
      return DispatchOp<Native<float>, true>(op, inputs, launch);
    case DataType::kFloat64:
      return DispatchOp<Native<double>, false>(op, inputs, launch);
    case DataType::kInt32:
      return DispatchOp<Native<std::int32_t>, false>(op, inputs, launch);
    case DataType::kInt64:
      return DispatchOp<Native<std::int64_t>, false>(op, inputs, launch);
    default:
      return DispatchOp<Native<std::uint8_t>, false>(op, inputs, launch);
  }
}

}  // namespace ronde::kernels
