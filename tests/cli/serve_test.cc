// Parts of decal serve: addresses that are never fetched from, and the options of requests.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>
#include <string>

#include "cli/serve/fetch_url.h"
#include "cli/serve/admission.h"
#include "cli/serve/request_options.h"

namespace decal::cli {
namespace {

bool IsPrivate(const char* text) {
  sockaddr_storage storage{};
  auto* four = reinterpret_cast<sockaddr_in*>(&storage);
  auto* six = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
    storage.ss_family = AF_INET;
  } else {
    EXPECT_EQ(inet_pton(AF_INET6, text, &six->sin6_addr), 1) << text;
    storage.ss_family = AF_INET6;
  }
  return IsPrivateAddress(reinterpret_cast<const sockaddr&>(storage));
}

TEST(Serve, PrivateAddresses) {
  for (const char* text : {"127.0.0.1",
                           "127.255.0.9",
                           "10.1.2.3",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.1",
                           "169.254.169.254",
                           "100.64.0.1",
                           "0.0.0.0",
                           "0.1.2.3",
                           "224.0.0.1",
                           "239.255.255.255",
                           "255.255.255.255",
                           "240.0.0.1",
                           "198.18.0.1",
                           "198.19.255.255",
                           "192.0.2.1",
                           "::1",
                           "::",
                           "fe80::1",
                           "fc00::1",
                           "fdff::1",
                           "ff02::1",
                           "::ffff:127.0.0.1",
                           "::ffff:10.0.0.1",
                           "64:ff9b::7f00:1",
                           "64:ff9b::a9fe:a9fe",
                           "2002:7f00:1::",
                           "2002:c0a8:101::1",
                           "2001:db8::1",
                           "2001::1",
                           "::127.0.0.1",
                           "64:ff9b:1::1",
                           "100::1"}) {
    EXPECT_TRUE(IsPrivate(text)) << text;
  }
  for (const char* text : {"8.8.8.8", "172.15.255.255", "172.32.0.0", "192.167.255.255", "100.63.0.1", "100.128.0.1",
                           "126.255.255.255", "128.0.0.0", "223.255.255.255", "198.17.0.1", "2606:4700::1111",
                           "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"}) {
    EXPECT_FALSE(IsPrivate(text)) << text;
  }
}

TEST(Serve, Urls) {
  const auto url = ParseUrl("HTTPS://Example.ORG/a/b.jpg?x=1&y=2");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme + " " + url->host + " " + std::to_string(url->port) + " " + url->path,
            "https example.org 443 /a/b.jpg?x=1&y=2");
  EXPECT_EQ(ParseUrl("http://h:81")->port, 81);
  EXPECT_EQ(ParseUrl("http://h?q")->path, "/?q");
  for (const char* wrong : {"", "h", "ftp://h/", "file:///etc/passwd", "http://", "http:///x", "http://user@h/",
                            "http://h:x/", "http://h:0/", "http://h:70000/", "http://[::1]/", "http://h/a b",
                            "http://h/a\r\nX: y", "http://h/#f", "http://h\\x/", "http://h%00/", "gopher://h/"}) {
    EXPECT_FALSE(ParseUrl(wrong)) << wrong;
  }
  // Hosts that are not allowed, before any name is resolved.
  ServeOptions options;
  options.url_hosts = {"images.example.org", "localhost:9"};
  for (const char* refused : {"http://example.org/", "http://images.example.org.evil.test/",
                              "http://images.example.org:8080/", "http://localhost/"}) {
    const auto file = FetchUrl(refused, options, CancelFlag{false}, ServeClock::now() + std::chrono::seconds(5));
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, ErrorCode::kInvalidArgument) << refused;
    EXPECT_NE(file.error().message.find("not a host"), std::string::npos) << refused;
  }
  // Allowed, and still private.
  const auto local =
      FetchUrl("http://localhost:9/", options, CancelFlag{false}, ServeClock::now() + std::chrono::seconds(5));
  ASSERT_FALSE(local);
  EXPECT_NE(local.error().message.find("private"), std::string::npos) << local.error().message;
}

TEST(Serve, RequestOptions) {
  const auto options = ReadOptions({{"format", "WEBP"},
                                    {"mask", "on"},
                                    {"threshold", "0.5"},
                                    {"crop", "10"},
                                    {"keep-colours", "true"},
                                    {"model", "m"}},
                                   {});
  ASSERT_TRUE(options) << options.error().ToString();
  EXPECT_EQ(options->cut.format, PictureFormat::kWebp);
  EXPECT_TRUE(options->cut.mask_only);
  EXPECT_FALSE(options->cut.decontaminate);
  EXPECT_EQ(options->cut.threshold, 0.5f);
  EXPECT_EQ(options->model, "m");
  for (const RequestFields& wrong : {RequestFields{{"format", "bmp"}},
                                     {{"mask", "maybe"}},
                                     {{"threshold", "2"}},
                                     {{"threshold", "nan"}},
                                     {{"crop", "-1"}},
                                     {{"quality", "0"}},
                                     {{"quality", "1.5"}},
                                     {{"background", "nocolour"}},
                                     {{"refine", "better"}},
                                     {{"profile", "x"}},
                                     {{"report", "x"}},
                                     {{"unknown", "1"}},
                                     {{"svg-size", "99999"}},
                                     {{"remove-islands", "1e9"}}}) {
    const auto read = ReadOptions(wrong, {});
    ASSERT_FALSE(read) << wrong.begin()->first;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(read.error().message.find(wrong.begin()->first == "format" ? "png" : ""), std::string::npos);
  }
}

TEST(Serve, RembgOptions) {
  const auto options =
      ReadRembgOptions({{"a", "true"}, {"af", "240"}, {"ab", "10"}, {"ae", "10"}, {"om", "false"}, {"ppm", "1"}},
                       {{"bgc", "1,2,3,255"}, {"extras", "{}"}}, {});
  ASSERT_TRUE(options) << options.error().ToString();
  EXPECT_EQ(options->cut.refine, Refine::kBest);
  EXPECT_EQ(options->cut.threshold, 0.5f);
  EXPECT_EQ(options->cut.background, (std::array<uint8_t, 4>{1, 2, 3, 255}));
  using Fields = RequestFields;
  for (const auto& [form, query] : {std::pair<Fields, Fields>{{{"a", "x"}}, {}},
                                    {{{"af", "256"}}, {}},
                                    {{{"ae", "-1"}}, {}},
                                    {{{"af", "5"}, {"ab", "9"}}, {}},
                                    {{}, {{"bgc", "1,2,3"}}},
                                    {{}, {{"bgc", "1,2,3,4,5"}}},
                                    {{}, {{"bgc", "1,2,3,256"}}},
                                    {{}, {{"extras", "[1]"}}},
                                    {{}, {{"extras", "{"}}},
                                    {{}, {{"a", "true"}}},
                                    {{{"bgc", "1,2,3,4"}}, {}}}) {
    EXPECT_FALSE(ReadRembgOptions(form, query, {}));
  }
}

TEST(Serve, TurnstileLetsThroughInOrderAndHeedsTheFlag) {
  Turnstile turnstile(1);
  CancelFlag never{false}, now{true};
  ASSERT_TRUE(turnstile.Enter(never));
  EXPECT_FALSE(turnstile.Enter(now));
  turnstile.Leave();
  EXPECT_TRUE(turnstile.Enter(never));
  turnstile.Leave();
  Places places(2);
  EXPECT_TRUE(places.Take());
  EXPECT_TRUE(places.Take());
  EXPECT_FALSE(places.Take());
  places.Give();
  EXPECT_TRUE(places.Take());
}

}  // namespace
}  // namespace decal::cli
