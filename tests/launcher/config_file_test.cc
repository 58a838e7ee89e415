#include "launcher/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "launcher/nearest_name.h"

namespace ronde {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using Values = std::vector<std::string>;

std::vector<ConfigFileEntry> Read(const std::string& text) {
  const Result<std::vector<ConfigFileEntry>> entries = ParseConfigFile(text, "run.yaml");
  EXPECT_TRUE(entries.ok()) << entries.status().message();
  return entries.ok() ? entries.value() : std::vector<ConfigFileEntry>{};
}

std::string Error(const std::string& text) {
  const std::string message = ParseConfigFile(text, "run.yaml").status().message();
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message;
}

TEST(ConfigFile, ReadsScalarsWithTheirLines) {
  EXPECT_THAT(Read("# a job\nnp: 4\n\ntimeout_s: 2.5  # short\nhosts: 'a:2,b:2'\nverbose: yes\n"),
              ElementsAre(ConfigFileEntry{"np", {"4"}, 2}, ConfigFileEntry{"timeout-s", {"2.5"}, 4},
                          ConfigFileEntry{"hosts", {"a:2,b:2"}, 5},
                          ConfigFileEntry{"verbose", {"yes"}, 6}));
}

TEST(ConfigFile, ReadsListsAndNamesWithValues) {
  const auto entries =
      Read("hosts: [a:2, b]\nenv:\n  A: 1\n  B: 'x, y'\n  C:\nother:\n  - p\n  - q r\n");
  EXPECT_THAT(entries, ElementsAre(ConfigFileEntry{"hosts", {"a:2", "b"}, 1},
                                   ConfigFileEntry{"env", {"A=1", "B=x, y", "C"}, 2},
                                   ConfigFileEntry{"other", {"p", "q r"}, 6}));
}

TEST(ConfigFile, ReadsJsonAsWell) {
  EXPECT_THAT(Read(R"({"np": 2, "env": ["A=1"]})"),
              ElementsAre(ConfigFileEntry{"np", {"2"}, 1}, ConfigFileEntry{"env", {"A=1"}, 1}));
}

TEST(ConfigFile, AnEmptyFileSaysNothing) {
  for (const char* text : {"", "# nothing\n", "---\n", "{}"}) EXPECT_THAT(Read(text), IsEmpty());
}

TEST(ConfigFile, AnEmptyValueMustBeMeant) {
  EXPECT_THAT(Read("tuning-file: ''"), ElementsAre(ConfigFileEntry{"tuning-file", {""}, 1}));
  EXPECT_EQ(Error("np: 2\ntuning-file:\n"),
            "config file run.yaml, line 2: 'tuning-file' has no value; write '' for none");
}

TEST(ConfigFile, NamesTheLineOfWhatItCannotRead) {
  EXPECT_THAT(Error("np: 2\nhosts: [a, b\n"), StartsWith("config file run.yaml, line 3: "));
  EXPECT_THAT(Error("np: 2\n\thosts: a\n"), StartsWith("config file run.yaml, line 2: "));
  EXPECT_THAT(Error("np = 2\n"), HasSubstr("line 1: this is no mapping; expected lines of the"));
  EXPECT_THAT(Error("- np\n"), HasSubstr("line 1: this is no mapping"));
  EXPECT_THAT(Error("np: 2\nhosts:\n  - [a]\n"), HasSubstr("line 3: 'hosts' is nested too deep"));
  EXPECT_THAT(Error("np: 2\nenv:\n  A: {b: c}\n"), HasSubstr("line 3: 'env' is nested too deep"));
  EXPECT_THAT(Error("np: 2\nhosts: a\nnp: 3\n"), HasSubstr("line 3: 'np' stands in line 1"));
  EXPECT_THAT(Error("np: 2\n---\nnp: 3\n"), HasSubstr("several documents"));
  EXPECT_THAT(Error(std::string("np: \xff\n")), StartsWith("config file run.yaml"));
}

TEST(ConfigFile, AFileThatCannotBeReadIsNamed) {
  EXPECT_THAT(ReadConfigFile("/nonexistent/run.yaml").status().message(),
              HasSubstr("'/nonexistent/run.yaml'"));
  EXPECT_FALSE(ReadConfigFile(testing::TempDir()).ok());
}

TEST(NearestName, FindsTheNameThatWasMeant) {
  const Values names = {"hosts", "hostfile", "timeout-s", "np"};
  EXPECT_EQ(NearestName("host", names), "hosts");
  EXPECT_EQ(NearestName("hsots", names), "hosts");
  EXPECT_EQ(NearestName("timeout", names), "timeout-s");
  EXPECT_EQ(NearestName("hosts-file", names), "hostfile");
  EXPECT_EQ(DidYouMean("nq", names), "; did you mean 'np'?");
}

TEST(NearestName, KeepsQuietWhereNoneIsNear) {
  const Values names = {"hosts", "timeout-s"};
  EXPECT_EQ(NearestName("bogus", names), "");
  EXPECT_EQ(NearestName("", {}), "");
  EXPECT_EQ(DidYouMean(std::string(1000, 'x'), names), "");
}

}  // namespace
}  // namespace ronde
