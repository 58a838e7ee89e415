#include "core/comm/transports/doorbell.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include <gtest/gtest.h>

namespace ronde {
namespace {

std::unique_ptr<Doorbell> MakeDoorbell(int rank) {
  Result<std::unique_ptr<Doorbell>> made = Doorbell::Create(rank, 2);
  return made.ok() ? std::move(made).value() : nullptr;
}

// Two ends in one process, as two ranks would have them.
struct Pair {
  std::unique_ptr<Doorbell> first = MakeDoorbell(0);
  std::unique_ptr<Doorbell> second = MakeDoorbell(1);
  Pair() {
    EXPECT_EQ(first->Connect(1, second->token()), Status::Ok());
    EXPECT_EQ(second->Connect(0, first->token()), Status::Ok());
  }
};

TEST(Doorbell, RingIsTakenOnce) {
  Pair pair;
  EXPECT_FALSE(pair.first->TakeRing());
  pair.second->RingPeer(0);
  pair.second->RingPeer(0);
  EXPECT_TRUE(pair.first->TakeRing());
  EXPECT_FALSE(pair.first->TakeRing());
  EXPECT_FALSE(pair.second->TakeRing());
}

TEST(Doorbell, RingBeforeSleepIsNotLost) {
  Pair pair;
  pair.second->RingPeer(0);
  const std::int64_t start_ns = SteadyClock().NowNs();
  pair.first->Sleep(Deadline::After(10));
  EXPECT_LT(SteadyClock().NowNs() - start_ns, 5'000'000'000);
  EXPECT_TRUE(pair.first->TakeRing());
}

// As Pair, of ends that also watch a descriptor.
struct PairOnSockets {
  std::unique_ptr<Doorbell> first = MakeDoorbell(0);
  std::unique_ptr<Doorbell> second = MakeDoorbell(1);
  int pipe_ends[2] = {-1, -1};
  PairOnSockets() {
    EXPECT_EQ(pipe(pipe_ends), 0);
    EXPECT_EQ(first->OpenSocket(), Status::Ok());
    EXPECT_EQ(second->OpenSocket(), Status::Ok());
    EXPECT_EQ(first->Connect(1, second->token()), Status::Ok());
    EXPECT_EQ(second->Connect(0, first->token()), Status::Ok());
    first->SleepOn(pipe_ends[0], Deadline::After(0));  // connecting has woken it once
  }
  ~PairOnSockets() {
    close(pipe_ends[0]);
    close(pipe_ends[1]);
  }
  // How long a sleep of at most 10 s was.
  std::int64_t SleepNs() const {
    const std::int64_t start_ns = SteadyClock().NowNs();
    first->SleepOn(pipe_ends[0], Deadline::After(10));
    return SteadyClock().NowNs() - start_ns;
  }
};

TEST(Doorbell, RingWakesASleeperThatWatchesADescriptor) {
  PairOnSockets pair;
  std::thread ringer([&] {
    // Until it sleeps there is nobody to be sent a byte.
    while (pair.first->own().sleeping.load() == 0) std::this_thread::yield();
    pair.second->RingPeer(0);
  });
  EXPECT_LT(pair.SleepNs(), 5'000'000'000);
  ringer.join();
  EXPECT_TRUE(pair.first->TakeRing());
}

TEST(Doorbell, DescriptorWakesTheSleeperThatWatchesIt) {
  PairOnSockets pair;
  EXPECT_EQ(write(pair.pipe_ends[1], "x", 1), 1);
  EXPECT_LT(pair.SleepNs(), 5'000'000'000);
  EXPECT_FALSE(pair.first->TakeRing());
}

TEST(Doorbell, RingBeforeSleepOnADescriptorIsNotLost) {
  PairOnSockets pair;
  pair.second->RingPeer(0);
  EXPECT_LT(pair.SleepNs(), 5'000'000'000);
  EXPECT_TRUE(pair.first->TakeRing());
}

TEST(Doorbell, ManyRingsDoNotFillTheSocketForGood) {
  PairOnSockets pair;
  for (int round = 0; round < 1000; ++round) {
    pair.first->own().sleeping.store(2);  // as if it slept on its socket
    pair.second->RingPeer(0);
  }
  EXPECT_LT(pair.SleepNs(), 5'000'000'000);
  EXPECT_TRUE(pair.first->TakeRing());
  const std::int64_t start_ns = SteadyClock().NowNs();
  pair.first->SleepOn(pair.pipe_ends[0], Deadline::After(0.05));
  EXPECT_GT(SteadyClock().NowNs() - start_ns, 40'000'000) << "bytes of old rings were left";
}

TEST(Doorbell, LowestConnectedRankLeads) {
  Pair pair;
  EXPECT_EQ(pair.first->leader(), 0);
  EXPECT_EQ(pair.second->leader(), 0);
  pair.second->Disconnect();
  EXPECT_EQ(pair.second->leader(), 1);
}

// A process that maps the parent's page, and ends with or without leaving.
int RunPeer(const RegionToken& parent, bool leaves) {
  const pid_t child = fork();
  if (child != 0) return child;
  const std::unique_ptr<Doorbell> own = MakeDoorbell(1);
  if (!own || !own->Connect(0, parent).ok()) _exit(1);
  // The page of the parent carries the token home: nothing else is shared.
  DoorbellPage& page = own->page(0);
  page.posted.store(own->token().words[1]);
  own->RingPeer(0);
  // Wait until the parent has connected before ending.
  while (!own->TakeRing()) own->Sleep(Deadline::After(0.1));
  if (leaves) own->Leave();
  _exit(0);
}

TEST(Doorbell, TellsADeadPeerFromOneThatLeft) {
  for (const bool leaves : {true, false}) {
    const std::unique_ptr<Doorbell> own = MakeDoorbell(0);
    const int child = RunPeer(own->token(), leaves);
    ASSERT_GT(child, 0);
    while (!own->TakeRing()) own->Sleep(Deadline::After(0.1));
    RegionToken token;
    token.words[0] = static_cast<std::uint64_t>(child);
    token.words[1] = own->own().posted.load();
    // Inode and device of the child's page, which a transport sends along.
    const std::string path =
        "/proc/" + std::to_string(child) + "/fd/" + std::to_string(token.words[1]);
    struct stat identity = {};
    ASSERT_EQ(stat(path.c_str(), &identity), 0);
    token.words[2] = identity.st_ino;
    token.words[3] = identity.st_dev;
    ASSERT_EQ(own->Connect(1, token), Status::Ok());
    EXPECT_EQ(own->FindDeadPeer(), -1);
    own->RingPeer(1);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT_EQ(own->FindDeadPeer(), leaves ? -1 : 1);
  }
}

}  // namespace
}  // namespace ronde
