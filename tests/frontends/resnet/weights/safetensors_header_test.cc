#include "frontends/resnet/weights/safetensors_header.h"

#include <gmock/gmock.h>

#include "core/base/strcat.h"

namespace ronde {
namespace {

using testing::HasSubstr;

std::string Tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return StrCat("\"", name, "\":{\"dtype\":\"", dtype, "\",\"shape\":", shape,
                ",\"data_offsets\":", offsets, "}");
}

std::string Object(const std::string& member) { return StrCat("{", member, "}"); }

std::string Object(const std::string& first, const std::string& second) {
  return StrCat("{", first, ",", second, "}");
}

std::string MessageFor(const std::string& json, std::uint64_t data_bytes = 0) {
  const auto header = ParseSafetensorsHeader(json, data_bytes);
  return header.ok() ? "" : header.status().message();
}

TEST(SafetensorsHeader, ReadsWhatItHasWritten) {
  const SafetensorsHeader header = {{{"w", "F32", {2, 3}, 0, 24},
                                     {"empty", "F64", {0, 7}, 24, 24},
                                     {"count", "I64", {}, 24, 32},
                                     {"a \"quoted\"\nname", "BF16", {1}, 32, 34}},
                                    {{"format", "pt"}, {"step", "7"}}};
  const auto text = FormatSafetensorsHeader(header);
  ASSERT_TRUE(text.ok());
  const auto again = ParseSafetensorsHeader(text.value().substr(8), 34);
  ASSERT_TRUE(again.ok()) << again.status().message();
  EXPECT_EQ(again.value(), header);
}

TEST(SafetensorsHeader, IsPaddedSoThatValuesAreAligned) {
  for (const char* name : {"a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "abcdefgh"}) {
    const auto text = FormatSafetensorsHeader({{{name, "U8", {1}, 0, 1}}, {}});
    ASSERT_TRUE(text.ok());
    EXPECT_EQ(text.value().size() % 8, 0U);
    EXPECT_EQ(static_cast<unsigned char>(text.value()[0]), text.value().size() - 8);
  }
}

TEST(SafetensorsHeader, RefusesNamesThatTheFormatCannotHold) {
  EXPECT_FALSE(FormatSafetensorsHeader({{{"__metadata__", "U8", {}, 0, 1}}, {}}).ok());
  EXPECT_FALSE(FormatSafetensorsHeader({{{"a", "U8", {}, 0, 1}, {"a", "U8", {}, 1, 2}}, {}}).ok());
  EXPECT_FALSE(FormatSafetensorsHeader({{{"\xff", "U8", {}, 0, 1}}, {}}).ok());
}

TEST(SafetensorsHeader, SaysWhatIsWrongWithATensor) {
  EXPECT_THAT(MessageFor(Object(Tensor("w", "F8_E4M3", "[1]", "[0,1]")), 1),
              testing::AllOf(HasSubstr("'w'"), HasSubstr("'F8_E4M3'"), HasSubstr("accepted")));
  EXPECT_THAT(MessageFor(Object(Tensor("w", "F32", "[2]", "[0,4]")), 4),
              HasSubstr("expected 8 bytes"));
  EXPECT_THAT(MessageFor(Object(Tensor("w", "F32", "[1]", "[4,0]")), 4), HasSubstr("4 to 0"));
  for (const char* shape : {"[-1]", "[1.0]", "[[1]]", "\"1\"", "null"}) {
    EXPECT_THAT(MessageFor(Object(Tensor("w", "F32", shape, "[0,4]")), 4), HasSubstr("shape"));
  }
  EXPECT_THAT(MessageFor("{\"w\":[]}"), HasSubstr("'w'"));
  EXPECT_THAT(MessageFor("{\"a\\nb\":[]}"), HasSubstr("'a?b'"));
}

TEST(SafetensorsHeader, RefusesShapesWhoseProductOverflows) {
  for (const char* shape : {"[4294967296,4294967296]", "[9223372036854775808]",
                            "[0,9223372036854775807,9223372036854775807]"}) {
    EXPECT_THAT(MessageFor(Object(Tensor("w", "U8", shape, "[0,0]"))), HasSubstr("too large"));
  }
}

TEST(SafetensorsHeader, RefusesHolesOverlapsAndMissingValues) {
  const std::string first = Tensor("a", "U8", "[4]", "[0,4]");
  EXPECT_THAT(MessageFor(Object(first, Tensor("b", "U8", "[4]", "[2,6]")), 6),
              HasSubstr("'b' begins at byte 2; expected 4"));
  EXPECT_THAT(MessageFor(Object(first, Tensor("b", "U8", "[4]", "[5,9]")), 9),
              HasSubstr("'b' begins at byte 5; expected 4"));
  EXPECT_THAT(MessageFor(Object(first), 3), HasSubstr("cut off"));
  EXPECT_THAT(MessageFor(Object(first), 5), HasSubstr("expected 4"));
  EXPECT_THAT(MessageFor(Object(first, first), 4), HasSubstr("twice"));
}

TEST(SafetensorsHeader, RefusesWhatIsNoHeader) {
  for (const char* json : {"", "[]", "{", "{}{}", "\xff", "{\"__metadata__\":{\"a\":1}}"}) {
    EXPECT_NE(MessageFor(json), "") << json;
  }
  EXPECT_NE(MessageFor(StrCat("{\"a\":", std::string(100'000, '['))), "");
}

}  // namespace
}  // namespace ronde
