#include <gtest/gtest.h>

#include "tests/collectives/device/hierarchical/plan_shapes.h"

namespace ronde {
namespace {

// Two hosts of two devices: the second rank of the first host, two chunks, one slot for each.
constexpr std::string_view kRails =
    R"(host 0 local rank 1 of 2, 2 carriers, 256 bytes in 2 chunks, 2 slots of 256 bytes
#0 enter on compute
#1 chunk 0 reduce-local on compute -> tensor[64..128)
#2 chunk 0 copy-out tensor[64..128) -> pinned 0[0..64) after 1
#3 chunk 0 receive on wire from host 1 -> pinned 0[128..192)
#4 chunk 0 send on wire to host 1 pinned 0[0..64) after 2
#5 chunk 1 reduce-local on compute -> tensor[192..256)
#6 chunk 1 copy-out tensor[192..256) -> pinned 1[0..64) after 5
#7 chunk 1 receive on wire from host 1 -> pinned 1[128..192)
#8 chunk 1 send on wire to host 1 pinned 1[0..64) after 6
#9 chunk 0 add on host pinned 0[0..64) + pinned 0[128..192) -> pinned 0[0..64) complete after 2 3 4
#10 chunk 0 copy-in pinned 0[0..64) -> tensor[64..128) after 1 2 9
#11 chunk 0 gather-local on compute tensor[64..128) after 10
#12 chunk 1 add on host pinned 1[0..64) + pinned 1[128..192) -> pinned 1[0..64) complete after 6 7 8
#13 chunk 1 copy-in pinned 1[0..64) -> tensor[192..256) after 5 6 12
#14 chunk 1 gather-local on compute tensor[192..256) after 13
#15 leave on compute
)";

// One of three hosts, straight from device memory: it adds the middle piece and hands it out.
constexpr std::string_view kDirect =
    R"(host 1 local rank 0 of 1, 1 carrier, 192 bytes in 1 chunk, 1 slots of 256 bytes
#0 chunk 0 reduce-local on compute -> tensor[0..192)
#1 chunk 0 receive on wire from host 0 -> room 0[0..64)
#2 chunk 0 receive on wire from host 2 -> room 0[128..192)
#3 chunk 0 send on wire to host 2 tensor[128..192) after 0
#4 chunk 0 send on wire to host 0 tensor[0..64) after 0
#5 chunk 0 add on compute room 0[0..64) + tensor[64..128) + room 0[128..192) -> tensor[64..128) complete after 0 1 2
#6 chunk 0 receive on wire from host 0 -> tensor[0..64) after 0 4
#7 chunk 0 receive on wire from host 2 -> tensor[128..192) after 0 3
#8 chunk 0 send on wire to host 2 tensor[64..128) after 0 5
#9 chunk 0 send on wire to host 0 tensor[64..128) after 0 5
)";

TEST(PlanText, ShowsEveryStepOfRails) {
  EXPECT_EQ(ToString(MakeDevicePlan(EvenShape(2, 2, 64, 64), 0, 1)), kRails);
}

TEST(PlanText, ShowsWhatGoesStraightFromDeviceMemory) {
  DevicePlanShape shape = EvenShape(3, 1, 48, 1024);
  shape.net = NetForm::kDirect;
  shape.gpu_direct = true;
  EXPECT_EQ(ToString(MakeDevicePlan(shape, 1, 0)), kDirect);
}

TEST(PlanText, DescribesShapesForPeople) {
  DevicePlanShape shape = EvenShape(4, 8, 25'600'000, 256 << 10);
  EXPECT_EQ(Describe(shape), "rails of 8, net direct, staged in 8 slots of 511 KiB, 49 chunks");
  shape.gpu_direct = true;
  EXPECT_EQ(Describe(shape),
            "rails of 8, net direct, from device memory with 8 slots of 256 KiB, 49 chunks");
  shape.gpu_direct = false;
  shape.wire = WireFormat::kInt8;
  shape.ranks_per_host = {8, 4, 8, 8};
  EXPECT_EQ(Describe(shape),
            "leader, net direct as int8, staged in 8 slots of 386 KiB, 391 chunks");
  EXPECT_EQ(Describe(EvenShape(1, 8, 1000, 1024)), "one host of 8, 1 chunk");
}

}  // namespace
}  // namespace ronde
