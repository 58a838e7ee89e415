#include "core/observation/timeline.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>

#include "core/observation/observer_list.h"
#include "tests/core/observation/trace_file.h"
#include "tests/support/temporary_folder.h"

namespace ronde {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kUs = 1000;

Request Allreduce(const std::string& name, std::int64_t count = 256) {
  Request request;
  request.name = name;
  request.shape = {count};
  return request;
}

// Everything that happens to operations which travel together, from 1 to 10 us.
void RunBatch(EngineObserver& observer, const std::vector<Request>& requests) {
  std::vector<const Request*> members;
  for (const Request& request : requests) {
    observer.OnSubmitted(request, 1 * kUs);
    members.push_back(&request);
  }
  observer.OnList({.number = 1, .cached = 1, .queue_depth = requests.size()}, 3 * kUs);
  for (const Request& request : requests) observer.OnAgreed(request, 1 * kUs, 3 * kUs);
  observer.OnBatchBegin(members, 2048, 4 * kUs);
  observer.OnPhase("PACK", 4 * kUs, 5 * kUs);
  observer.OnPhase("ring", 5 * kUs, 8 * kUs);
  observer.OnPhase("UNPACK", 8 * kUs, 9 * kUs);
  observer.OnBatchEnd(9 * kUs);
  for (const Request& request : requests) {
    observer.OnCompleted(request, Status::Ok(), 1 * kUs, 10 * kUs);
  }
}

class TimelineTest : public ::testing::Test {
 protected:
  // What `record` leaves in the file of a rank.
  template <typename Record>
  json Recorded(const Record& record, TimelineOwner owner = {0, "here", {}}, bool mark = false) {
    Timeline timeline(owner);
    EXPECT_EQ(timeline.Start(path_, mark), Status::Ok());
    record(timeline);
    EXPECT_EQ(timeline.Stop(), Status::Ok());
    return ReadTrace(path_);
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.File("t.json");
};

TEST_F(TimelineTest, EveryMemberOfABatchShowsItsWholeCourse) {
  const json trace = Recorded([](Timeline& timeline) {
    RunBatch(timeline, {Allreduce("w"), Allreduce("b")});
  });
  for (const char* name : {"w", "b"}) {
    EXPECT_THAT(LinesOn(trace, name),
                ElementsAre("B NEGOTIATE @1.0", "E @3.0", "X QUEUE @3.0+1.0", "B allreduce @4.0",
                            "X PACK @4.0+1.0", "X ring @5.0+3.0", "X UNPACK @8.0+1.0", "E @9.0"));
  }
  const json begin = EventsOn(trace, "w")[3];
  EXPECT_EQ(begin["args"]["bytes"], 1024);
  EXPECT_EQ(begin["args"]["tensors"], 2);
}

TEST_F(TimelineTest, TheRankIsAProcessWithItsHostsName) {
  const json trace = Recorded([](Timeline&) {}, {0, "node \"7\"", {5, 6, 7}});
  const json first = trace["traceEvents"][0];
  EXPECT_EQ(first["name"], "process_name");
  EXPECT_EQ(first["args"]["name"], "rank 0 (node \"7\")");
  EXPECT_EQ(trace["otherData"]["clock_offset_ns"], 5);
  EXPECT_EQ(trace["otherData"]["clock_error_ns"], 6);
  EXPECT_EQ(trace["otherData"]["origin_ns"], 7);
}

TEST_F(TimelineTest, TimesAreThoseOfRankZeroSinceTheOrigin) {
  const ClockOffset clock{.offset_ns = 500 * kUs, .error_ns = 1, .origin_ns = -499 * kUs};
  const json trace =
      Recorded([](Timeline& timeline) { timeline.OnSubmitted(Allreduce("w"), 1 * kUs + 7); },
               {0, "here", clock});
  EXPECT_EQ(EventsOn(trace, "w").at(0)["ts"], 0.007);
}

TEST_F(TimelineTest, CountsPayloadAndQueueDepth) {
  const json trace = Recorded([](Timeline& timeline) {
    RunBatch(timeline, {Allreduce("w"), Allreduce("b")});
  });
  std::vector<std::pair<std::string, int>> counters;
  for (const json& event : EventsOn(trace, "engine")) {
    if (event["ph"] != "C") continue;
    counters.emplace_back(event["name"], event["args"].begin()->get<int>());
  }
  EXPECT_THAT(counters, ElementsAre(std::pair("queue depth", 2), std::pair("payload", 2048),
                                    std::pair("queue depth", 0)));
}

TEST_F(TimelineTest, MarksCyclesOnlyWhereWanted) {
  for (const bool mark : {false, true}) {
    const json trace = Recorded([](Timeline& timeline) { RunBatch(timeline, {Allreduce("w")}); },
                                {0, "here", {}}, mark);
    int marks = 0;
    for (const json& event : EventsOn(trace, "engine")) marks += event["name"] == "CYCLE" ? 1 : 0;
    EXPECT_EQ(marks, mark ? 1 : 0);
  }
}

TEST_F(TimelineTest, AFailureIsMarkedWithItsTextWhateverItIs) {
  const std::string name = "a\"b\\c\n\x01\xff";
  const json trace = Recorded([&](Timeline& timeline) {
    timeline.OnSubmitted(Allreduce(name), 1 * kUs);
    timeline.OnCompleted(Allreduce(name), Status::Mismatch("no \"match\"\xfe"), 1 * kUs, 2 * kUs);
  });
  const std::vector<json> events = EventsOn(trace, "a\"b\\c\n\x01\xEF\xBF\xBD");
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[1]["name"], "FAILED");
  EXPECT_EQ(events[1]["args"]["error"], "no \"match\"\xEF\xBF\xBD");
  EXPECT_EQ(events[1]["args"]["code"], StatusCodeName(StatusCode::kMismatch));
  EXPECT_EQ(events[2]["ph"], "E");
}

TEST_F(TimelineTest, SeveralRecordingsAreSeveralFilesAndNothingIsKeptBetween) {
  Timeline timeline({0, "here", {}});
  for (const char* name : {"a", "b"}) {
    RunBatch(timeline, {Allreduce("unseen")});
    ASSERT_EQ(timeline.Start(folder_.File(name), false), Status::Ok());
    RunBatch(timeline, {Allreduce(name)});
    ASSERT_EQ(timeline.Stop(), Status::Ok());
    EXPECT_EQ(timeline.Stop(), Status::Ok());
  }
  for (const char* name : {"a", "b"}) {
    const json trace = ReadTrace(folder_.File(name));
    EXPECT_EQ(LinesOn(trace, name).size(), 8U);
    EXPECT_EQ(TrackNamed(trace, "unseen"), -1);
  }
}

TEST_F(TimelineTest, ASecondStartIsRefusedAndTheFirstGoesOn) {
  const json trace = Recorded([&](Timeline& timeline) {
    const Status second = timeline.Start(folder_.File("other.json"), false);
    EXPECT_EQ(second.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(second.message(), HasSubstr(path_));
    EXPECT_FALSE(std::filesystem::exists(folder_.File("other.json")));
    RunBatch(timeline, {Allreduce("w")});
  });
  EXPECT_EQ(LinesOn(trace, "w").size(), 8U);
}

TEST_F(TimelineTest, APathThatCannotBeWrittenIsRefusedByName) {
  Timeline timeline({0, "here", {}});
  for (const std::string& path : {folder_.File("missing/t.json"), folder_.path(), std::string()}) {
    const Status status = timeline.Start(path, false);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(path));
  }
  EXPECT_EQ(timeline.Start(path_, false), Status::Ok());
}

TEST_F(TimelineTest, OtherRanksWriteFilesOfTheirOwn) {
  Timeline timeline({3, "here", {}});
  ASSERT_EQ(timeline.Start(path_, false), Status::Ok());
  EXPECT_TRUE(std::filesystem::exists(folder_.File("t.rank3.json")));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

// While it lives, files end at `size_bytes`, as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t size_bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{size_bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*const handler_)(int);
  rlimit before_{};
};

TEST_F(TimelineTest, AFullDiskEndsTheRecordingAndLeavesWhatFitted) {
  Timeline timeline({0, "here", {}});
  {
    const FileSizeLimit limit(200'000);
    ASSERT_EQ(timeline.Start(path_, false), Status::Ok());
    for (int i = 0; i < 1000; ++i) RunBatch(timeline, {Allreduce("w"), Allreduce("b")});
    const Status status = timeline.Stop();
    EXPECT_EQ(status.code(), StatusCode::kUnavailable);
    EXPECT_THAT(status.message(), HasSubstr(path_));
  }
  EXPECT_GT(EventsOn(ReadTrace(path_), "w").size(), 100U);
  EXPECT_EQ(timeline.Start(path_, false), Status::Ok());
}

TEST_F(TimelineTest, AnyThreadMayStartAndStopWhileOthersReport) {
  Timeline timeline({0, "here", {}});
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (const char* name : {"a", "b"}) {
    threads.emplace_back([&, name] {
      while (!done.load()) RunBatch(timeline, {Allreduce(name)});
    });
  }
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(timeline.Start(path_, false), Status::Ok());
    ASSERT_EQ(timeline.Stop(), Status::Ok());
    ReadTrace(path_);
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
}

// Records without end; never returns.
[[noreturn]] void RecordForever(const std::string& path) {
  alarm(60);
  Timeline timeline({0, "here", {}});
  if (!timeline.Start(path, true).ok()) _exit(3);
  while (true) RunBatch(timeline, {Allreduce("weight"), Allreduce("bias")});
}

TEST_F(TimelineTest, TheFileIsWholeWhenTheProcessIsKilled) {
  for (const std::uintmax_t size_bytes : {200'000U, 1'000'000U, 4'000'000U}) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) RecordForever(path_);
    std::error_code absent;
    const Deadline deadline = Deadline::After(30);
    while (!deadline.Expired()) {
      const std::uintmax_t written = std::filesystem::file_size(path_, absent);
      if (!absent && written > size_bytes) break;
      std::this_thread::yield();
    }
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    const json trace = ReadTrace(path_);
    EXPECT_GT(EventsOn(trace, "weight").size(), 50U);
    std::filesystem::remove(path_);
  }
}

TEST(ObserverList, TellsEveryObserverInOrder) {
  struct Counting final : EngineObserver {
    int calls = 0;
    void OnSubmitted(const Request&, std::int64_t) override { ++calls; }
    void OnList(const ListInfo&, std::int64_t) override { ++calls; }
    void OnAgreed(const Request&, std::int64_t, std::int64_t) override { ++calls; }
    void OnBatchBegin(std::span<const Request* const>, std::size_t, std::int64_t) override {
      ++calls;
    }
    void OnPhase(std::string_view, std::int64_t, std::int64_t) override { ++calls; }
    void OnBatchEnd(std::int64_t) override { ++calls; }
    void OnCompleted(const Request&, const Status&, std::int64_t, std::int64_t) override {
      ++calls;
    }
    void OnStraggler(int, std::string_view, std::int64_t) override { ++calls; }
  };
  Counting first;
  Counting second;
  ObserverList list({&first, &second});
  RunBatch(list, {Allreduce("w")});
  list.OnStraggler(1, "w", 5);
  EXPECT_EQ(first.calls, 10);
  EXPECT_EQ(second.calls, 10);
}

}  // namespace
}  // namespace ronde
