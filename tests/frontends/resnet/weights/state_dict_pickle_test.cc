#include "frontends/resnet/weights/state_dict_pickle.h"

#include <gmock/gmock.h>

#include "core/base/strcat.h"
#include "tests/support/state_dict_bytes.h"

namespace ronde {
namespace {

using testing::HasSubstr;

std::string Replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, what.size(), by);
}

std::string MessageFor(const std::string& pickle) {
  const auto state = ParseStateDictPickle(pickle);
  return state.ok() ? "" : state.status().message();
}

TEST(StateDictPickle, DescribesTheTensorsOfAState) {
  const auto state = ParseStateDictPickle(PickleOfOneTensor("fc.weight"));
  ASSERT_TRUE(state.ok()) << state.status().message();
  ASSERT_EQ(state.value().size(), 1U);
  const auto& [name, tensor] = state.value().front();
  EXPECT_EQ(name, "fc.weight");
  EXPECT_EQ(tensor.storage, "0");
  EXPECT_EQ(tensor.dtype, "F32");
  EXPECT_EQ(tensor.storage_count, 6U);
  EXPECT_EQ(tensor.offset, 0U);
  EXPECT_EQ(tensor.sizes, (Shape{2, 3}));
  EXPECT_EQ(tensor.strides, (Shape{3, 1}));
}

TEST(StateDictPickle, RefusesToCallWhatItDoesNotKnow) {
  EXPECT_THAT(MessageFor(Replaced(PickleOfOneTensor("w"), "ctorch._utils\n_rebuild_tensor_v2\n",
                                  "cos\nsystem\n")),
              testing::AllOf(HasSubstr("'w'"), HasSubstr("'os.system'")));
  EXPECT_THAT(MessageFor("\x80\x02"
                         "cos\nsystem\n)R."),
              HasSubstr("'os.system'"));
  EXPECT_THAT(MessageFor("\x80\x02"
                         "cmodels\nNet\n)\x81."),
              HasSubstr("state_dict()"));
}

TEST(StateDictPickle, RefusesViewsThatLeaveTheirStorage) {
  using namespace std::string_literals;
  const std::string good = PickleOfOneTensor("w");
  for (const auto& bad : {Replaced(good, "K\x02K\x03\x86", "K\x02K\x04\x86"),  // [2, 4]
                          Replaced(good, "K\x03K\x01\x86", "K\x04K\x01\x86"),  // strides (4, 1)
                          Replaced(good, "K\0K\x02"s, "K\x01K\x02"s),          // offset 1
                          Replaced(good, "K\x03K\x01\x86", "K\xffK\xff\x86")}) {
    EXPECT_THAT(MessageFor(bad), testing::AllOf(HasSubstr("'w'"), HasSubstr("6 elements")));
  }
  const std::string repeated =
      Replaced(Replaced(good, "K\x02K\x03\x86", "K\xffK\xff\x86"), "K\x03K\x01\x86", "K\0K\0\x86"s);
  EXPECT_THAT(MessageFor(repeated), HasSubstr("6 elements"));
}

TEST(StateDictPickle, AsksForTheModelsStateWhereItIsPartOfACheckpoint) {
  using namespace std::string_literals;
  EXPECT_THAT(MessageFor("\x80\x02}X\x05\0\0\0model}s."s),
              testing::AllOf(HasSubstr("'model' is a dict"), HasSubstr("model.state_dict()")));
  EXPECT_THAT(MessageFor("\x80\x02}X\x05\0\0\0epochK\x01s."s),
              HasSubstr("'epoch' is not a tensor"));
  EXPECT_THAT(MessageFor("\x80\x02]."), HasSubstr("no dict"));
}

TEST(StateDictPickle, RefusesDamage) {
  const std::string good = PickleOfOneTensor("w");
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_NE(MessageFor(good.substr(0, length)), "") << length;
  }
  for (const char* bad : {".", "t.", "R.", "h\x01.", "\x85.", "(s.", "}(NN(u.", "Q.", "b."}) {
    EXPECT_NE(MessageFor(bad), "") << bad;
  }
}

TEST(StateDictPickle, DeepAndCyclicValuesDoNoHarm) {
  EXPECT_NE(MessageFor(")" + std::string(150'000, '\x85') + "."), "");
  EXPECT_THAT(MessageFor(std::string(300'000, 'N') + "."), HasSubstr("more than"));
  EXPECT_NE(MessageFor("]q\x01h\x01"
                       "a."),
            "");
}

}  // namespace
}  // namespace ronde
