#include "core/comm/communicator.h"

#include <gtest/gtest.h>

#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

struct Places {
  int local_rank, local_size, cross_rank, cross_size;
  friend bool operator==(const Places&, const Places&) = default;
};

// The places of all ranks of a layout, and what all ranks agree on.
std::vector<Places> PlacesOn(const std::vector<std::string>& hosts, int host_count, bool even) {
  std::vector<Places> places(hosts.size());
  RunRanksOnHosts(hosts, [&](Transport& transport) {
    Result<Communicator> made = Communicator::Create(transport);
    ASSERT_TRUE(made.ok()) << made.status().ToString();
    Communicator& world = made.value();
    EXPECT_EQ(world.host_count(), host_count);
    EXPECT_EQ(world.single_host(), host_count == 1);
    EXPECT_EQ(world.hosts_are_even(), even);
    EXPECT_EQ(world.size(), transport.size());
    EXPECT_TRUE(world.local().single_host());
    EXPECT_EQ(world.local().local().size(), world.local().size());
    EXPECT_EQ(world.local().cross().size(), 1);
    EXPECT_EQ(world.cross().cross().size(), world.cross().size());
    EXPECT_EQ(world.cross().local().size(), 1);
    places[world.rank()] = {world.local().rank(), world.local().size(), world.cross().rank(),
                            world.cross().size()};
  });
  return places;
}

TEST(Communicator, OneRankIsItsOwnLocalAndCrossGroup) {
  EXPECT_EQ(PlacesOn({"a"}, 1, true), (std::vector<Places>{{0, 1, 0, 1}}));
}

TEST(Communicator, OneHostHasLocalRanksOnly) {
  EXPECT_EQ(PlacesOn({"a", "a", "a"}, 1, true),
            (std::vector<Places>{{0, 3, 0, 1}, {1, 3, 0, 1}, {2, 3, 0, 1}}));
}

TEST(Communicator, OneRankPerHostHasCrossRanksOnly) {
  EXPECT_EQ(PlacesOn({"b", "a"}, 2, true), (std::vector<Places>{{0, 1, 0, 2}, {0, 1, 1, 2}}));
}

TEST(Communicator, EvenHostsFormAGridWhateverTheOrderOfRanks) {
  EXPECT_EQ(PlacesOn({"b", "a", "b", "a"}, 2, true),
            (std::vector<Places>{{0, 2, 0, 2}, {0, 2, 1, 2}, {1, 2, 0, 2}, {1, 2, 1, 2}}));
}

TEST(Communicator, UnevenHostsLeaveHigherLocalRanksWithSmallerCrossGroups) {
  EXPECT_EQ(PlacesOn({"a", "a", "b"}, 2, false),
            (std::vector<Places>{{0, 2, 0, 2}, {1, 2, 0, 1}, {0, 1, 1, 2}}));
}

TEST(Communicator, SurvivesAMove) {
  RunRanksOnHosts({"a", "a", "b", "b"}, [](Transport& transport) {
    Result<Communicator> made = Communicator::Create(transport);
    ASSERT_TRUE(made.ok());
    Communicator moved = std::move(made).value();
    Transport& local = moved.local().transport();
    const int peer = 1 - local.rank();
    const std::byte mine{static_cast<unsigned char>(transport.rank())};
    std::byte theirs{};
    ASSERT_EQ(local.SendReceive(peer, {&mine, 1}, peer, {&theirs, 1}, 0, Deadline::After(10)),
              Status::Ok());
    EXPECT_EQ(static_cast<int>(theirs), transport.rank() ^ 1);
  });
}

}  // namespace
}  // namespace ronde
