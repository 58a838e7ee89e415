#include "bench/engine/counting_transport.h"

#include <gtest/gtest.h>

#include "tests/support/run_ranks.h"

namespace ronde::bench {
namespace {

constexpr std::size_t kBytes = 24;

TEST(CountingTransport, CountsWhatLeavesAndPassesItOn) {
  RunRanksOwning(2, [](std::unique_ptr<Transport> transport) {
    CountingTransport counting(std::move(transport));
    const int peer = 1 - counting.rank();
    std::vector<std::byte> sent(kBytes, std::byte{7});
    std::vector<std::byte> received(kBytes);
    ASSERT_TRUE(counting.Post(peer, sent).ok());
    ASSERT_TRUE(counting.SendReceive(peer, sent, peer, received, 1, Deadline::After(30)).ok());
    EXPECT_EQ(received, sent);
    EXPECT_EQ(counting.counts().posts, 1u);
    EXPECT_EQ(counting.counts().post_bytes, kBytes);
    EXPECT_EQ(counting.counts().sends, 1u);
    ASSERT_TRUE(counting.has_board());
    counting.Publish(9);
    EXPECT_EQ(counting.Published(counting.rank()), 9u);
    EXPECT_EQ(counting.counts().words, 1u);
    const MessageCounts nothing = counting.counts() - counting.counts();
    EXPECT_EQ(nothing.posts + nothing.post_bytes + nothing.sends + nothing.words, 0u);
  });
}

}  // namespace
}  // namespace ronde::bench
