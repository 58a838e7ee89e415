// A program of its own: what it loads stays.
#include "frontends/torch/device/load_torch_cuda.h"

#include <string>

#include <ATen/detail/CUDAHooksInterface.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "core/device/device_list.h"
#include "frontends/torch/device/torch_device.h"
#include "frontends/torch/tensor_bridge.h"

namespace ronde {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

TEST(TorchDevice, OneThatIsNotThereIsOneClearLine) {
  const int missing = 4096;
  const Status status = OpenTorchDevice(missing);
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("cuda:4096"));
  EXPECT_EQ(status.message().find('\n'), std::string::npos);
}

TEST(LoadTorchCuda, GivesLibtorchItsCudaPartWhereTheWheelHasOne) {
  const Status loaded = LoadTorchCuda();
  if (!loaded.ok()) {
    EXPECT_THAT(loaded.message(), AnyOf(HasSubstr("no CUDA part"), HasSubstr("cannot be loaded")));
    GTEST_SKIP() << loaded.message();
  }
  EXPECT_TRUE(at::detail::getCUDAHooks().hasCUDART());
  EXPECT_TRUE(c10::impl::hasDeviceGuardImpl(at::kCUDA));
  EXPECT_EQ(torch::cuda::is_available(), !ListDevices().empty());
  EXPECT_TRUE(LoadTorchCuda().ok()) << "a second call does nothing";
}

}  // namespace
}  // namespace ronde
