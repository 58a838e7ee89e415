#include "core/control/handle_pool.h"

#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace ronde {
namespace {

class CountingOwner final : public HandleOwner {
 public:
  void BeforeCompletion(void* /*item*/, const Status& /*status*/) override { ++told; }
  int told = 0;
};

TEST(HandlePool, MakesTwoHandlesOfOneOperation) {
  const HandlePool::Owned pool = HandlePool::Create();
  CountingOwner owner;
  const auto [kept, given] = pool->MakeTwo(owner, &owner);
  EXPECT_FALSE(given.Poll());
  kept.Complete(Status::Ok());
  EXPECT_TRUE(given.Wait().ok());
  EXPECT_EQ(owner.told, 1);
}

TEST(HandlePool, WhatComesBackIsAsNew) {
  const HandlePool::Owned pool = HandlePool::Create();
  CountingOwner owner;
  int called = 0;
  for (int i = 0; i < 1000; ++i) {
    auto [kept, given] = pool->MakeTwo(owner, &owner);
    EXPECT_FALSE(given.Poll());
    EXPECT_FALSE(given.issued());
    EXPECT_TRUE(given.result().performed);
    given.OnComplete([&](const Status&) { ++called; });
    kept.mutable_result().performed = false;
    kept.Complete(i % 2 == 0 ? Status::Mismatch("even") : Status::Ok());
    EXPECT_EQ(given.Wait().ok(), i % 2 == 1);
  }
  EXPECT_EQ(owner.told, 1000);
  EXPECT_EQ(called, 1000);
}

TEST(HandlePool, HandlesMayOutliveIt) {
  CountingOwner owner;
  std::vector<Handle> handles;
  HandlePool::Owned pool = HandlePool::Create();
  for (int i = 0; i < 200; ++i) handles.push_back(pool->MakeTwo(owner, &owner).second);
  handles.resize(150, Handle(nullptr));  // some are back before, some come later
  pool.reset();
  for (const Handle& handle : handles) handle.Complete(Status::Ok());
  handles.clear();
  EXPECT_EQ(owner.told, 150);
}

TEST(HandlePool, TakesHandlesBackFromAnyThread) {
  CountingOwner owner;
  HandlePool::Owned pool = HandlePool::Create();
  std::vector<std::thread> threads;
  for (int round = 0; round < 50; ++round) {
    std::vector<Handle> handles;
    for (int i = 0; i < 40; ++i) {
      auto [kept, given] = pool->MakeTwo(owner, &owner);
      kept.Complete(Status::Ok());
      handles.push_back(std::move(given));
    }
    threads.emplace_back([mine = std::move(handles)] {
      for (const Handle& handle : mine) EXPECT_TRUE(handle.Poll());
    });
  }
  pool.reset();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace ronde
