#include "core/observation/metrics_server.h"

#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "core/observation/metrics_http.h"
#include "tests/core/observation/http_client.h"

namespace ronde {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Text() { return "ronde_x 1\n"; }

std::string Answer(const std::string& request) {
  return AnswerHttp(request, Text).value_or("incomplete");
}

TEST(MetricsHttp, AnswersARequestForTheMetrics) {
  EXPECT_EQ(Answer("GET /metrics HTTP/1.1\r\nHost: localhost:9464\r\n\r\n"),
            "HTTP/1.1 200 OK\r\n"
            "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
            "Content-Length: 10\r\n"
            "Connection: close\r\n\r\n"
            "ronde_x 1\n");
  EXPECT_THAT(Answer("GET /metrics?name=x HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Answer("GET /metrics HTTP/1.1\n\n"), StartsWith("HTTP/1.1 200 "));
}

TEST(MetricsHttp, WaitsForTheWholeRequest) {
  const std::string request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
  for (std::size_t size = 0; size < request.size(); ++size) {
    EXPECT_EQ(Answer(request.substr(0, size)), "incomplete") << size;
  }
}

TEST(MetricsHttp, RefusesOtherPathsAndMethods) {
  EXPECT_THAT(Answer("GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Answer("GET /metrics/x HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  for (const std::string method : {"POST", "HEAD", "PUT", "DELETE", "OPTIONS"}) {
    const std::string answer = Answer(method + " /metrics HTTP/1.1\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(answer, HasSubstr("\r\nAllow: GET\r\n"));
  }
}

TEST(MetricsHttp, RefusesWhatIsNoRequest) {
  for (const std::string line :
       {"", "GET", "GET /metrics", "GET /metrics SPDY/3", " /metrics HTTP/1.1", "get /m HTTP/1.1",
        "GET metrics HTTP/1.1", "GET /a b HTTP/1.1", "PRI * HTTP/2.0", "\x16\x03\x01\x02"}) {
    EXPECT_THAT(Answer(line + "\r\n"), StartsWith("HTTP/1.1 400 ")) << line;
  }
}

TEST(MetricsHttp, RefusesRequestsWithoutEnd) {
  EXPECT_EQ(Answer(std::string(kLargestHttpRequestBytes - 1, 'x')), "incomplete");
  EXPECT_THAT(Answer(std::string(kLargestHttpRequestBytes, 'x')), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Answer("GET /metrics HTTP/1.1\r\n" + std::string(kLargestHttpRequestBytes, 'x')),
              StartsWith("HTTP/1.1 431 "));
}

class MetricsServerTest : public ::testing::Test {
 protected:
  MetricsServerTest() {
    auto server = MetricsServer::Start(0, [this] { return text_; });
    EXPECT_TRUE(server.ok()) << server.status().message();
    server_ = std::move(server).value();
  }
  [[nodiscard]] int port() const { return server_->port(); }
  void ExpectItWorks() const { EXPECT_THAT(HttpGet(port()), EndsWith("\r\n\r\n" + text_)); }

  std::string text_ = "ronde_x 1\n";
  std::unique_ptr<MetricsServer> server_;
};

TEST_F(MetricsServerTest, AnswersAgainAndAgain) {
  for (int i = 0; i < 100; ++i) ExpectItWorks();
}

TEST_F(MetricsServerTest, SendsTextsThatNoSocketHoldsAtOnce) {
  server_.reset();
  text_ = std::string(20'000'000, 'x');
  server_ = MetricsServer::Start(0, [this] { return text_; }).value();
  EXPECT_EQ(HttpGet(port()).size() - text_.size(), HttpGet(port()).find("\r\n\r\n") + 4);
}

TEST_F(MetricsServerTest, ReadsRequestsThatComeInPieces) {
  const LoopbackClient client(port());
  for (const char c : std::string("GET /metrics HTTP/1.1\r\n\r\n")) client.Send({&c, 1});
  EXPECT_THAT(client.ReadAll(), EndsWith(text_));
}

TEST_F(MetricsServerTest, DeliversTheAnswerToAClientThatGoesOnSending) {
  for (int i = 0; i < 20; ++i) {
    const LoopbackClient client(port());
    client.Send("POST /metrics HTTP/1.1\r\n\r\n" + std::string(4'000'000, 'x'));
    EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 405 "));
  }
}

TEST_F(MetricsServerTest, SurvivesGarbage) {
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    const LoopbackClient client(port());
    std::string garbage(random() % 20'000, '\0');
    for (char& c : garbage) c = static_cast<char>(random());
    client.Send(garbage);  // and most of them leave without reading
    if (i % 10 == 0) client.Send("\n\n");
  }
  ExpectItWorks();
}

TEST_F(MetricsServerTest, IsNotHeldUpByClientsThatSayNothing) {
  std::vector<std::unique_ptr<LoopbackClient>> silent;
  for (int i = 0; i < 100; ++i) {
    silent.push_back(std::make_unique<LoopbackClient>(port()));
    silent.back()->Send("GET /metr");
  }
  const auto start = std::chrono::steady_clock::now();
  ExpectItWorks();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
}

TEST_F(MetricsServerTest, EndsWithASilentClientAtItsDeadline) {
  server_ = MetricsServer::Start(0, Text, /*connection_s=*/0.05).value();
  const LoopbackClient silent(port());
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(silent.ReadAll(), "");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));  // of its own 30
}

TEST_F(MetricsServerTest, StopsInTheMiddleOfAConversation) {
  const LoopbackClient client(port());
  client.Send("GET /metr");
  server_.reset();
  EXPECT_EQ(client.ReadAll(), "");
}

TEST_F(MetricsServerTest, RefusesAPortThatIsTakenByName) {
  const auto second = MetricsServer::Start(port(), Text);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(second.status().message(), HasSubstr(StrCat("127.0.0.1:", port())));
  EXPECT_THAT(second.status().message(), HasSubstr("Address already in use"));
  EXPECT_THAT(second.status().message(), HasSubstr("--metrics-port"));
  ExpectItWorks();
}

TEST_F(MetricsServerTest, GivesItsPortFreeAtOnce) {
  const int port = this->port();
  ExpectItWorks();
  server_.reset();
  const auto again = MetricsServer::Start(port, Text);
  EXPECT_TRUE(again.ok()) << again.status().message();
}

TEST(MetricsServer, RefusesPortsThatDoNotExist) {
  const auto server = MetricsServer::Start(65536, Text);
  ASSERT_FALSE(server.ok());
  EXPECT_THAT(server.status().message(), HasSubstr("port 65536"));
}

}  // namespace
}  // namespace ronde
