#include "frontends/resnet/checkpoint/prepare.h"

#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontends/resnet/checkpoint/checkpoint_files.h"
#include "tests/frontends/session/run_sessions.h"

namespace ronde {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Prepare : public ::testing::Test {
 protected:
  // On one and on two ranks, each of which must get the same.
  void Check(const CheckpointOptions& options,
             const std::function<void(const Result<CheckpointPlan>&)>& expect) {
    for (const int size : {1, 2}) {
      RunSessions(size, [&](Session& session) {
        const Result<CheckpointPlan> plan = PrepareCheckpoints(session, options, run_);
        expect(plan);
        EXPECT_TRUE(session.status().ok());
      });
    }
  }
  void ExpectRefused(const CheckpointOptions& options, const std::string& reason) {
    Check(options, [&](const Result<CheckpointPlan>& plan) {
      ASSERT_FALSE(plan.ok());
      EXPECT_EQ(plan.status().code(), StatusCode::kInvalidArgument);
      EXPECT_THAT(plan.status().message(), HasSubstr(reason));
      EXPECT_THAT(plan.status().message(), ::testing::Not(HasSubstr("\n")));
    });
  }
  void ExpectResumes(const CheckpointOptions& options, std::int64_t step, std::size_t damaged) {
    Check(options, [&](const Result<CheckpointPlan>& plan) {
      ASSERT_TRUE(plan.ok()) << plan.status().message();
      ASSERT_TRUE(plan.value().resume.has_value());
      EXPECT_EQ(plan.value().resume->manifest.step, step);
      EXPECT_THAT(plan.value().start, HasSubstr(StrCat("step ", step)));
      EXPECT_EQ(plan.value().warnings.size(), damaged);
      EXPECT_EQ(plan.value().damaged.size(), damaged);
    });
  }
  CheckpointOptions Auto() const { return {dir_, 0, 2, "auto"}; }
  std::string File(std::int64_t step, const std::string& name) const {
    return StrCat(dir_, "/", CheckpointName(step), "/", name);
  }

  TemporaryFolder folder_;
  std::string dir_ = folder_.path() + "/checkpoints";
  CheckpointStore store_{dir_, 3};
  RunShape run_{FullManifest(1).trajectory, /*workers=*/2, /*epochs=*/5};
};

TEST_F(Prepare, MakesTheFolder) {
  Check({dir_, 0, 2, "none"}, [&](const Result<CheckpointPlan>& plan) {
    ASSERT_TRUE(plan.ok()) << plan.status().message();
    EXPECT_FALSE(plan.value().resume.has_value());
    EXPECT_TRUE(fs::is_directory(dir_));
  });
}

TEST_F(Prepare, AFolderInUseNeedsResume) {
  WriteCheckpoint(store_, 7);
  ExpectRefused({dir_, 0, 2, "none"}, "--resume auto");
}

TEST_F(Prepare, AFolderOfAnotherRunIsRefused) {
  WriteCheckpoint(store_, 7);
  const CheckpointStore other(folder_.path() + "/other", 2);
  WriteCheckpoint(other, 3);
  ExpectRefused({dir_, 0, 2, other.folder()}, "another run");
}

TEST_F(Prepare, AutoStartsAfreshWhereThereIsNone) {
  Check(Auto(), [&](const Result<CheckpointPlan>& plan) {
    ASSERT_TRUE(plan.ok());
    EXPECT_FALSE(plan.value().resume.has_value());
    EXPECT_THAT(plan.value().start, AllOf(HasSubstr(dir_), HasSubstr("afresh")));
    EXPECT_THAT(plan.value().warnings, IsEmpty());
  });
}

TEST_F(Prepare, AutoTakesTheNewest) {
  WriteCheckpoint(store_, 7);
  WriteCheckpoint(store_, 12);
  ExpectResumes(Auto(), 12, 0);
}

TEST_F(Prepare, ADamagedOneIsSaidAndTheOneBeforeUsed) {
  for (const char* name :
       {"worker-0000.safetensors", "worker-0001.safetensors", kSharedFileName, kManifestName}) {
    for (const std::int64_t step : {3, 7, 12}) WriteCheckpoint(store_, step);
    const std::string path = File(12, name);
    const std::string whole = ReadText(path);
    std::string flipped = whole;
    flipped[flipped.size() / 2] ^= 0x10;
    WriteText(path, flipped);
    ExpectResumes(Auto(), 7, 1);
    WriteText(path, whole.substr(0, whole.size() - 1));
    ExpectResumes(Auto(), 7, 1);
    fs::remove(path);
    ExpectResumes(Auto(), 7, 1);
    fs::remove(File(7, name));
    ExpectResumes(Auto(), 3, 2);
    fs::remove_all(dir_);
  }
}

TEST_F(Prepare, TheWarningNamesTheFile) {
  WriteCheckpoint(store_, 7);
  fs::resize_file(File(7, "worker-0001.safetensors"), 5);
  Check(Auto(), [&](const Result<CheckpointPlan>& plan) {
    ASSERT_TRUE(plan.ok());
    EXPECT_FALSE(plan.value().resume.has_value());
    EXPECT_THAT(plan.value().warnings,
                ElementsAre(AllOf(HasSubstr("step-000000007/worker-0001.safetensors"),
                                  HasSubstr("truncated: 5 bytes"))));
    EXPECT_THAT(plan.value().start, HasSubstr("no usable checkpoint"));
  });
}

TEST_F(Prepare, APathIsACheckpointOrAFolderOfThem) {
  WriteCheckpoint(store_, 7);
  WriteCheckpoint(store_, 12);
  ExpectResumes({"", 0, 2, dir_}, 12, 0);
  ExpectResumes({dir_, 0, 2, dir_}, 12, 0);
  ExpectResumes({"", 0, 2, store_.FinishedPath(7)}, 7, 0);
  ExpectResumes({dir_, 0, 2, store_.FinishedPath(7) + "/"}, 7, 0);
  ExpectResumes({folder_.path() + "/new", 0, 2, store_.FinishedPath(7)}, 7, 0);
}

TEST_F(Prepare, APathThatIsDamagedOrMissingIsRefused) {
  WriteCheckpoint(store_, 7);
  fs::remove(File(7, "worker-0001.safetensors"));
  ExpectRefused({"", 0, 2, store_.FinishedPath(7)}, "worker-0001.safetensors: is missing");
  ExpectRefused({"", 0, 2, dir_}, "worker-0001.safetensors: is missing");
  ExpectRefused({"", 0, 2, folder_.path() + "/none"}, "there is no such folder");
  ExpectRefused({"", 0, 2, folder_.path()}, "manifest.json: is missing");
}

TEST_F(Prepare, OtherOptionsAreRefused) {
  WriteCheckpoint(store_, 7);
  run_.trajectory[0].second = "16";
  ExpectRefused(Auto(), "--batch-size 8");
}

TEST_F(Prepare, FewerEpochsThanWereBegunAreRefused) {
  WriteCheckpoint(store_, 7);
  run_.epochs = 2;
  ExpectResumes(Auto(), 7, 0);
  run_.epochs = 1;
  ExpectRefused(Auto(), "--epochs 2 or more");
}

}  // namespace
}  // namespace ronde
