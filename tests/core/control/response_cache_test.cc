#include "core/control/response_cache.h"

#include <functional>

#include <gtest/gtest.h>

#include "core/control/process_sets.h"

namespace ronde {
namespace {

Request Named(const std::string& name, int set = kWorld) {
  Request request;
  request.name = name;
  request.shape = {4, 2};
  request.process_set = set;
  return request;
}

std::shared_ptr<Response> ResponseFor(const Request& request) {
  auto response = std::make_shared<Response>();
  response->request = request;
  return response;
}

void Put(ResponseCache& cache, int slot, const Request& request, std::uint64_t list = 1) {
  cache.Put(slot, ResponseFor(request), &request, list);
}

TEST(ResponseCache, FindsExactlyTheSameRequest) {
  ResponseCache cache;
  EXPECT_EQ(cache.Find(Named("w")), -1);
  EXPECT_FALSE(cache.Holds(0));
  Put(cache, 3, Named("w"));
  EXPECT_EQ(cache.Find(Named("w")), 3);
  EXPECT_EQ(cache.Find(Named("v")), -1);
  EXPECT_TRUE(cache.Holds(3));
  EXPECT_FALSE(cache.Holds(2));
  EXPECT_FALSE(cache.Holds(-1));
  EXPECT_FALSE(cache.Holds(4));
  EXPECT_EQ(cache.KeyOfSlot(3), "w");
}

TEST(ResponseCache, AnyChangeOfTheRequestIsAnotherRequest) {
  ResponseCache cache;
  Put(cache, 0, Named("w"));
  const std::vector<std::function<void(Request&)>> changes = {
      [](Request& r) { r.kind = OperationKind::kBroadcast; },
      [](Request& r) { r.dtype = DataType::kFloat64; },
      [](Request& r) { r.op = ReduceOp::kAverage; },
      [](Request& r) { r.shape = {8}; },
      [](Request& r) { r.group_counts = {8}; },
      [](Request& r) { r.splits = {4}; },
      [](Request& r) { r.into_output = true; },
      [](Request& r) { r.root = 1; },
      [](Request& r) { r.prescale = 0.5; },
      [](Request& r) { r.postscale = 0.5; },
      [](Request& r) { r.group = "g"; },
      [](Request& r) { r.group_size = 2; },
      [](Request& r) { r.process_set = 1; },
      [](Request& r) { r.input_place = {.block = 1, .offset = 0}; },
      [](Request& r) { r.output_place = {.block = 1, .offset = 0}; },
      [](Request& r) { r.objection = "too short"; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Request changed = Named("w");
    changes[i](changed);
    EXPECT_EQ(cache.Find(changed), -1) << "change " << i;
  }
  EXPECT_EQ(cache.Find(Named("w")), 0);
}

TEST(ResponseCache, NamesAreOfTheirProcessSet) {
  ResponseCache cache;
  Put(cache, 0, Named("w"));
  Put(cache, 1, Named("w", 1));
  Put(cache, 2, Named("w", 2));
  EXPECT_EQ(cache.Find(Named("w")), 0);
  EXPECT_EQ(cache.Find(Named("w", 1)), 1);
  EXPECT_EQ(cache.Find(Named("w", 2)), 2);
  EXPECT_EQ(cache.SlotOf(KeyOf(2, "w")), 2);
}

TEST(ResponseCache, WhereThisRankIsNotAMemberTheSlotIsKnownButNotFound) {
  ResponseCache cache;
  cache.Put(0, ResponseFor(Named("w", 1)), nullptr, 5);
  EXPECT_EQ(cache.Find(Named("w", 1)), -1);
  EXPECT_TRUE(cache.Holds(0));
  EXPECT_EQ(cache.SlotOf(KeyOf(1, "w")), 0);
  EXPECT_EQ(cache.changed_in(0), 5u);
}

TEST(ResponseCache, AnEvictedSlotMeansNothingUntilItIsUsedAgain) {
  ResponseCache cache;
  Put(cache, 0, Named("w"), 1);
  cache.MarkAnswered(0, 4);
  EXPECT_EQ(cache.changed_in(0), 4u);
  cache.Evict(0, 7);
  EXPECT_EQ(cache.Find(Named("w")), -1);
  EXPECT_EQ(cache.SlotOf("w"), -1);
  EXPECT_FALSE(cache.Holds(0));
  EXPECT_EQ(cache.changed_in(0), 7u);
  Put(cache, 0, Named("v"), 8);
  EXPECT_EQ(cache.Find(Named("v")), 0);
  EXPECT_EQ(cache.Find(Named("w")), -1);
}

TEST(ResponseCache, EvictingWhatIsNotThereDoesNothing) {
  ResponseCache cache;
  cache.Evict(9, 1);
  cache.Evict(-1, 1);
  Put(cache, 1, Named("w"));
  cache.Evict(0, 2);
  EXPECT_EQ(cache.Find(Named("w")), 1);
  EXPECT_EQ(cache.changed_in(1 << 20), 0u);
}

TEST(ResponseCache, ANewMeaningOfASlotReplacesTheOld) {
  ResponseCache cache;
  Put(cache, 0, Named("w"), 1);
  Put(cache, 0, Named("v"), 2);
  EXPECT_EQ(cache.Find(Named("v")), 0);
  EXPECT_EQ(cache.SlotOf("w"), -1);
  cache.Evict(0, 3);
  EXPECT_EQ(cache.SlotOf("v"), -1);
}

}  // namespace
}  // namespace ronde
