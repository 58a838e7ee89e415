#include "core/control/group_gate.h"

#include <gtest/gtest.h>

namespace ronde {
namespace {

using Groups = std::vector<std::pair<std::string, int>>;
using Strings = std::vector<std::string>;

Answer AnswerFor(const std::string& name, int set = kWorld) {
  Answer answer{std::make_shared<Response>()};
  answer.response->request.name = name;
  answer.response->request.process_set = set;
  return answer;
}

Answer Failure(const std::string& name) {
  Answer answer = AnswerFor(name);
  answer.response->error = Status::Mismatch("they differ");
  return answer;
}

Strings Names(const std::vector<Answer>& answers) {
  Strings names;
  for (const Answer& answer : answers) names.push_back(answer.response->request.name);
  return names;
}

TEST(GroupGate, LetsPassWhatIsInNoGroup) {
  GroupGate gate;
  std::vector<Answer> ready;
  gate.Pass(AnswerFor("a"), Groups(), ready);
  EXPECT_EQ(Names(ready), Strings{"a"});
}

TEST(GroupGate, HoldsMembersBackUntilAllHaveAnAnswerAndThenLetsThemPassTogether) {
  GroupGate gate;
  std::vector<Answer> ready;
  gate.Pass(AnswerFor("a"), Groups{{"g", 3}}, ready);
  gate.Pass(AnswerFor("x"), Groups(), ready);
  gate.Pass(AnswerFor("c"), Groups{{"g", 3}}, ready);
  gate.Pass(AnswerFor("p"), Groups{{"h", 2}}, ready);
  EXPECT_EQ(Names(ready), Strings{"x"});
  gate.Pass(AnswerFor("b"), Groups{{"g", 3}}, ready);
  EXPECT_EQ(Names(ready), (Strings{"x", "a", "c", "b"}));
  gate.Pass(AnswerFor("q"), Groups{{"h", 2}}, ready);
  EXPECT_EQ(Names(ready), (Strings{"x", "a", "c", "b", "p", "q"}));
}

TEST(GroupGate, KeepsSlotsOfWhatItHolds) {
  GroupGate gate;
  std::vector<Answer> ready;
  Answer cached = AnswerFor("a");
  cached.slot = 5;
  cached.cached = true;
  gate.Pass(std::move(cached), Groups{{"g", 2}}, ready);
  gate.Pass(AnswerFor("b"), Groups{{"g", 2}}, ready);
  ASSERT_EQ(ready.size(), 2u);
  EXPECT_EQ(ready[0].slot, 5);
  EXPECT_TRUE(ready[0].cached);
}

TEST(GroupGate, AFailureFailsTheHeldMembersAtOnceAndLaterOnesAsTheyCome) {
  GroupGate gate;
  std::vector<Answer> ready;
  Answer cached = AnswerFor("a");
  cached.slot = 5;
  cached.cached = true;
  gate.Pass(std::move(cached), Groups{{"g", 3}}, ready);
  gate.Pass(Failure("b"), Groups{{"g", 3}}, ready);
  gate.Pass(AnswerFor("c"), Groups{{"g", 3}}, ready);
  ASSERT_EQ(ready.size(), 3u);
  for (const Answer& answer : ready) {
    EXPECT_FALSE(answer.cached) << "a slot cannot say that it failed";
    EXPECT_EQ(answer.slot, -1);
    EXPECT_EQ(answer.response->error.code(), StatusCode::kMismatch);
  }
  EXPECT_EQ(Names(ready), (Strings{"b", "a", "c"}));
  EXPECT_EQ(ready[0].response->error.message(), "they differ");
  EXPECT_EQ(ready[1].response->error.message(), "tensor 'a': its group 'g' failed: they differ");
  EXPECT_EQ(ready[2].response->error.message(), "tensor 'c': its group 'g' failed: they differ");
}

TEST(GroupGate, AGroupsNameCanBeUsedAgain) {
  GroupGate gate;
  for (const bool fails : {false, true, true, false}) {
    std::vector<Answer> ready;
    gate.Pass(AnswerFor("a"), Groups{{"g", 2}}, ready);
    EXPECT_TRUE(ready.empty());
    gate.Pass(fails ? Failure("b") : AnswerFor("b"), Groups{{"g", 2}}, ready);
    ASSERT_EQ(ready.size(), 2u);
    for (const Answer& answer : ready) EXPECT_EQ(answer.response->error.ok(), !fails);
  }
}

TEST(GroupGate, ItsNameCanBeUsedAgainAfterRanksDisagreedOnItsSize) {
  GroupGate gate;
  std::vector<Answer> ready;
  gate.Pass(Failure("a"), Groups{{"g", 2}, {"g", 3}}, ready);
  gate.Pass(Failure("b"), Groups{{"g", 2}, {"g", 3}}, ready);
  ready.clear();
  gate.Pass(AnswerFor("a"), Groups{{"g", 2}}, ready);
  gate.Pass(AnswerFor("b"), Groups{{"g", 2}}, ready);
  ASSERT_EQ(ready.size(), 2u);
  for (const Answer& answer : ready) {
    EXPECT_TRUE(answer.response->error.ok()) << answer.response->error.message();
  }
}

TEST(GroupGate, ADisagreementFailsAllGroupsThatRanksNamed) {
  GroupGate gate;
  std::vector<Answer> ready;
  gate.Pass(AnswerFor("a"), Groups{{"g", 2}}, ready);
  gate.Pass(AnswerFor("p"), Groups{{"h", 2}}, ready);
  gate.Pass(Failure("b"), Groups{{"g", 2}, {"h", 2}}, ready);
  ASSERT_EQ(ready.size(), 3u);
  for (const Answer& answer : ready) EXPECT_FALSE(answer.response->error.ok());
}

TEST(GroupGate, GroupsOfDifferentProcessSetsHaveNothingToDoWithEachOther) {
  GroupGate gate;
  std::vector<Answer> ready;
  gate.Pass(AnswerFor("a", 1), Groups{{"g", 2}}, ready);
  gate.Pass(AnswerFor("a", 2), Groups{{"g", 2}}, ready);
  EXPECT_TRUE(ready.empty());
  gate.Pass(AnswerFor("b", 2), Groups{{"g", 2}}, ready);
  ASSERT_EQ(ready.size(), 2u);
  EXPECT_EQ(ready[0].response->request.process_set, 2);
}

TEST(GroupGate, TheEndOfAJoinFailsGroupsInWhichZerosStoodForSomebody) {
  GroupGate gate;
  std::vector<Answer> ready;
  Answer zeros = AnswerFor("b");
  zeros.stands_in = true;
  gate.Pass(AnswerFor("a"), Groups{{"g", 3}}, ready);
  gate.Pass(zeros, Groups{{"g", 3}}, ready);
  gate.Pass(AnswerFor("p"), Groups{{"h", 2}}, ready);
  gate.EndJoin(ready);
  EXPECT_EQ(Names(ready), (Strings{"a", "b"}));
  for (const Answer& answer : ready) {
    EXPECT_EQ(answer.response->error.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(answer.response->error.message().find("2 of its 3"), std::string::npos);
  }
  ready.clear();
  gate.Pass(AnswerFor("q"), Groups{{"h", 2}}, ready);
  EXPECT_EQ(Names(ready), (Strings{"p", "q"})) << "all ranks have asked for these";
  EXPECT_TRUE(gate.empty());
}

TEST(GroupGate, TellsWhatItHoldsBackAndWhatIsLacking) {
  GroupGate gate;
  std::vector<Answer> ready;
  EXPECT_EQ(gate.since_ns(), INT64_MAX);
  Answer late = AnswerFor("a");
  late.since_ns = 7;
  gate.Pass(late, Groups{{"g", 3}}, ready);
  Answer early = AnswerFor("b");
  early.since_ns = 5;
  gate.Pass(early, Groups{{"g", 3}}, ready);
  EXPECT_EQ(gate.since_ns(), 5);
  const std::vector<HeldMember> held = gate.held();
  ASSERT_EQ(held.size(), 2u);
  EXPECT_EQ(held[1].answer->response->request.name, "b");
  EXPECT_EQ(held[1].lack, "group 'g' has 2 of its 3 operations");
  gate.Pass(Failure("c"), Groups{{"g", 3}}, ready);
  EXPECT_EQ(gate.since_ns(), INT64_MAX);
  EXPECT_TRUE(gate.held().empty());
}

}  // namespace
}  // namespace ronde
