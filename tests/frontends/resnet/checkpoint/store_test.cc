#include "frontends/resnet/checkpoint/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontends/resnet/checkpoint/checkpoint_files.h"

namespace ronde {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class Store : public ::testing::Test {
 protected:
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }
  std::string File(std::int64_t step, const std::string& name) const {
    return StrCat(folder_.path(), "/", CheckpointName(step), "/", name);
  }

  TemporaryFolder folder_;
  CheckpointStore store_{folder_.path(), 2};
};

TEST_F(Store, ListsFinishedCheckpointsNewestFirst) {
  for (const char* name : {"step-000000009", "step-000000123", ".step-000000200.tmp", "step-5",
                           "step-00000000x", "other", "step-1234567890123"}) {
    fs::create_directory(fs::path(folder_.path()) / name);
  }
  EXPECT_THAT(ListCheckpoints(folder_.path()), ElementsAre(1234567890123, 123, 9));
  EXPECT_THAT(ListCheckpoints(folder_.path() + "/none"), IsEmpty());
}

TEST_F(Store, AnUnfinishedCheckpointIsNotListed) {
  ASSERT_TRUE(store_.Begin(3).ok());
  EXPECT_THAT(ListCheckpoints(folder_.path()), IsEmpty());
  WriteCheckpoint(store_, 3);
  EXPECT_THAT(Names(), ElementsAre("step-000000003"));
  EXPECT_TRUE(ReadManifest(store_.FinishedPath(3)).ok());
}

TEST_F(Store, KeepsTheNewest) {
  for (const std::int64_t step : {1, 2, 3, 4}) WriteCheckpoint(store_, step);
  EXPECT_THAT(Names(), UnorderedElementsAre("step-000000004", "step-000000003"));
}

TEST_F(Store, RemovesWhatACrashLeft) {
  fs::create_directory(folder_.path() + "/.step-000000001.tmp");
  WriteText(folder_.path() + "/.step-000000001.tmp/worker-0000.safetensors", "half");
  ASSERT_TRUE(store_.Begin(2).ok());
  EXPECT_THAT(Names(), ElementsAre(".step-000000002.tmp"));
  store_.Discard(2);
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(Store, NothingIsDeletedUnlessTheNewOneIsComplete) {
  const CheckpointStore keeps_one(folder_.path(), 1);
  WriteCheckpoint(keeps_one, 1);
  ASSERT_TRUE(keeps_one.Begin(2).ok());
  const Status finished = keeps_one.Finish(FullManifest(2));  // without its files
  EXPECT_EQ(finished.code(), StatusCode::kUnavailable);
  EXPECT_THAT(finished.message(), HasSubstr("worker-0000.safetensors"));
  EXPECT_THAT(ListCheckpoints(folder_.path()), ElementsAre(1));
}

TEST_F(Store, ReplacesACheckpointOfTheSameStep) {
  WriteCheckpoint(store_, 1);
  WriteText(File(1, kManifestName), "damaged");
  WriteCheckpoint(store_, 1);
  EXPECT_TRUE(ReadManifest(store_.FinishedPath(1)).ok());
  EXPECT_THAT(Names(), ElementsAre("step-000000001"));
}

TEST_F(Store, ADamagedOneDoesNotCountAndGoes) {
  WriteCheckpoint(store_, 1);
  WriteCheckpoint(store_, 2);
  store_.MarkDamaged(store_.FinishedPath(2));
  WriteCheckpoint(store_, 3);
  EXPECT_THAT(ListCheckpoints(folder_.path()), ElementsAre(3, 1));
}

TEST_F(Store, LaterStepsStay) {
  CheckpointStore keeps_one(folder_.path(), 1);
  WriteCheckpoint(keeps_one, 9);
  WriteCheckpoint(keeps_one, 3);
  EXPECT_THAT(ListCheckpoints(folder_.path()), ElementsAre(9, 3));
}

TEST_F(Store, EveryDamageToAFileIsRecognisedAndNamed) {
  WriteCheckpoint(store_, 1);
  const Manifest manifest = ReadManifest(store_.FinishedPath(1)).value();
  for (const CheckpointFile& file : manifest.files) {
    const std::string path = File(1, file.name);
    const std::string whole = ReadText(path);
    const auto expect_damage = [&](const std::string& text, const std::string& what) {
      WriteText(path, text);
      const Status status = VerifyFile(store_.FinishedPath(1), file);
      EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
      EXPECT_THAT(status.message(), HasSubstr(path));
      EXPECT_THAT(status.message(), HasSubstr(what));
    };
    for (std::size_t size = 0; size < whole.size(); ++size) {
      expect_damage(whole.substr(0, size), "truncated");
      std::string flipped = whole;
      flipped[size] = static_cast<char>(flipped[size] ^ (1 << size % 8));
      expect_damage(flipped, "damaged");
    }
    expect_damage(whole + "x", "too long");
    fs::remove(path);
    EXPECT_THAT(VerifyFile(store_.FinishedPath(1), file).message(), HasSubstr("missing"));
    WriteText(path, whole);
    EXPECT_TRUE(VerifyFile(store_.FinishedPath(1), file).ok());
  }
}

TEST_F(Store, AFolderThatCannotBeWrittenIsAnInputError) {
  EXPECT_TRUE(CheckpointStore::MakeWritable(folder_.path() + "/new/deep").ok());
  WriteText(folder_.path() + "/file", "");
  for (const std::string& bad : {folder_.path() + "/file", std::string("/proc/none")}) {
    const Status status = CheckpointStore::MakeWritable(bad);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(status.message(), HasSubstr("--checkpoint-dir: " + bad));
  }
}

}  // namespace
}  // namespace ronde
