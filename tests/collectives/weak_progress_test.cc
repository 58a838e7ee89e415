// Some libraries move a large message only while the sender's thread is in them. A rank that waits
// in shared memory for others of its host has to see to that, or hosts wait for each other.
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "collectives/allgather/allgather.h"
#include "collectives/broadcast/broadcast.h"
#include "collectives/reducescatter/reducescatter.h"
#include "core/comm/forwarding_transport.h"
#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

/// Another transport, in which what StartSend starts leaves only after it has been asked for its
/// progress `nudges` times, or is waited for.
class ReluctantTransport final : public ForwardingTransport {
 public:
  ReluctantTransport(Transport& inner, int nudges) : ForwardingTransport(inner), nudges_(nudges) {}

  Result<std::unique_ptr<PendingTransfer>> StartSend(int peer, int tag,
                                                     std::span<const std::byte> data) override {
    if (nudges_ == 0) return inner().StartSend(peer, tag, data);
    return std::unique_ptr<PendingTransfer>(new Reluctant(inner(), peer, tag, data, nudges_));
  }

 private:
  class Reluctant final : public PendingTransfer {
   public:
    Reluctant(Transport& inner, int peer, int tag, std::span<const std::byte> data, int nudges)
        : inner_(inner), peer_(peer), tag_(tag), data_(data), nudges_(nudges) {}
    Result<bool> Progress() override {
      if (nudges_-- > 0) return false;
      RONDE_RETURN_IF_ERROR(Begin());
      return begun_->Progress();
    }
    Status Finish(Deadline deadline) override {
      RONDE_RETURN_IF_ERROR(Begin());
      return begun_->Finish(deadline);
    }

   private:
    Status Begin() {
      if (begun_ != nullptr) return Status::Ok();
      RONDE_ASSIGN_OR_RETURN(begun_, inner_.StartSend(peer_, tag_, data_));
      return Status::Ok();
    }

    Transport& inner_;
    int peer_;
    int tag_;
    std::span<const std::byte> data_;
    int nudges_;
    std::unique_ptr<PendingTransfer> begun_;
  };

  int nudges_;
};

constexpr std::int64_t kBlock = 200'000;

// Two hosts with two ranks each. Rank 0 sends reluctantly, and rank 3: so on each host one rank
// comes to wait for the other, which waits for what the first rank of the other host does not send.
template <typename Collective>
void OnReluctantRanks(const std::string& hierarchy, const Collective& collective) {
  RunRanksOnHosts({"a", "a", "b", "b"}, [&](Transport& inner) {
    const bool reluctant = inner.rank() == 0 || inner.rank() == 3;
    ReluctantTransport transport(inner, reluctant ? 20 : 0);
    Config config;
    ASSERT_TRUE(config.Set(Setting::kHierarchy, hierarchy, SettingOrigin::kProgram).ok());
    ASSERT_TRUE(config.Set(Setting::kTimeoutS, "5", SettingOrigin::kProgram).ok());
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok()) << context.status().message();
    const Status status = collective(*context.value());
    EXPECT_TRUE(status.ok()) << status.message();
    if (!status.ok()) transport.Abort(status);
  });
}

TEST(WeakProgress, DoesNotStopAnAllgather) {
  const std::vector<std::int64_t> blocks(4, kBlock);
  for (const char* hierarchy : {"rails", "leader"}) {
    OnReluctantRanks(hierarchy, [&](CollectiveContext& context) {
      const std::vector<std::byte> input(kBlock, std::byte(context.rank()));
      std::vector<std::byte> output(4 * kBlock);
      const Status status = Allgather(
          context, {.input = input.data(), .output = output.data(), .rank_bytes = blocks});
      EXPECT_EQ(output.back(), std::byte{3});
      return status;
    });
  }
}

TEST(WeakProgress, DoesNotStopABroadcast) {
  for (const char* hierarchy : {"rails", "leader"}) {
    OnReluctantRanks(hierarchy, [&](CollectiveContext& context) {
      std::vector<std::byte> data(20 * kBlock, std::byte(context.rank()));
      const Status status = Broadcast(context, {.data = data.data(), .size_bytes = data.size()});
      EXPECT_EQ(data.back(), std::byte{0});
      return status;
    });
  }
}

TEST(WeakProgress, DoesNotStopAReducescatter) {
  const std::vector<std::int64_t> counts(4, kBlock);
  for (const char* hierarchy : {"rails", "leader"}) {
    OnReluctantRanks(hierarchy, [&](CollectiveContext& context) {
      const std::vector<float> input(4 * kBlock, 1);
      std::vector<float> output(kBlock);
      const Status status = Reducescatter(
          context, {.input = input.data(), .output = output.data(), .rank_counts = counts});
      EXPECT_EQ(output.back(), 4);
      return status;
    });
  }
}

}  // namespace
}  // namespace ronde
