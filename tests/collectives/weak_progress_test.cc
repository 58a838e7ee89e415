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
#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

/// Another transport, in which what StartSend starts leaves only after it has been asked for its
/// progress `nudges` times, or is waited for.
class ReluctantTransport final : public Transport {
 public:
  ReluctantTransport(Transport& inner, int nudges) : inner_(inner), nudges_(nudges) {}

  Result<std::unique_ptr<PendingTransfer>> StartSend(int peer, int tag,
                                                     std::span<const std::byte> data) override {
    if (nudges_ == 0) return inner_.StartSend(peer, tag, data);
    return std::unique_ptr<PendingTransfer>(new Reluctant(inner_, peer, tag, data, nudges_));
  }

  std::string_view name() const override { return inner_.name(); }
  int rank() const override { return inner_.rank(); }
  int size() const override { return inner_.size(); }
  const std::string& host_id(int rank) const override { return inner_.host_id(rank); }
  const std::string& host_name(int rank) const override { return inner_.host_name(rank); }
  Status Send(int peer, int tag, std::span<const std::byte> data, Deadline deadline) override {
    return inner_.Send(peer, tag, data, deadline);
  }
  Status Receive(int peer, int tag, std::span<std::byte> data, Deadline deadline) override {
    return inner_.Receive(peer, tag, data, deadline);
  }
  Status SendReceive(int destination, std::span<const std::byte> send, int source,
                     std::span<std::byte> receive, int tag, Deadline deadline) override {
    return inner_.SendReceive(destination, send, source, receive, tag, deadline);
  }
  Result<std::unique_ptr<PendingTransfer>> StartReceive(int peer, int tag,
                                                        std::span<std::byte> data) override {
    return inner_.StartReceive(peer, tag, data);
  }
  Status Post(int peer, std::vector<std::byte> payload) override {
    return inner_.Post(peer, std::move(payload));
  }
  Result<std::optional<ControlMessage>> Poll() override { return inner_.Poll(); }
  void Ring() override { inner_.Ring(); }
  Status WaitForRing(Deadline deadline) override { return inner_.WaitForRing(deadline); }
  Result<std::unique_ptr<Region>> AllocateRegion(std::size_t size_bytes) override {
    return inner_.AllocateRegion(size_bytes);
  }
  Result<std::unique_ptr<Region>> MapRegion(int peer, const RegionToken& token,
                                            std::size_t size_bytes) override {
    return inner_.MapRegion(peer, token, size_bytes);
  }
  void Abort(const Status& cause) override { inner_.Abort(cause); }
  void RequestAbort(const Status& cause) override { inner_.RequestAbort(cause); }
  Status CheckLiveness() override { return inner_.CheckLiveness(); }
  Result<std::unique_ptr<Transport>> Split(int color, int key, Deadline deadline) override {
    return inner_.Split(color, key, deadline);
  }
  std::uint64_t bytes_sent() const override { return inner_.bytes_sent(); }

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

  Transport& inner_;
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
