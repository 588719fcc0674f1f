// Parts of decal serve: addresses that are never fetched from, and the options of requests.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>
#include <memory>
#include <string>

#include "cli/interrupt.h"
#include "cli/serve/admission.h"
#include "cli/serve/answers.h"
#include "cli/serve/fetch_url.h"
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
                                     {{"mask", ""}},
                                     {{"keep-metadata", ""}},
                                     {{"background", ""}},
                                     {{"threshold", ""}},
                                     {{"size", ""}},
                                     {{"remove-islands", "1e9"}}}) {
    const auto read = ReadOptions(wrong, {});
    ASSERT_FALSE(read) << wrong.begin()->first;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(read.error().message.find(wrong.begin()->first == "format" ? "png" : ""), std::string::npos);
    if (wrong.begin()->second.empty())
      EXPECT_TRUE(read.error().message.starts_with(wrong.begin()->first + ": no value"));
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
  const auto empty = ReadRembgOptions({{"model", ""}, {"a", ""}, {"af", ""}, {"ab", ""}, {"ae", ""}, {"om", ""}},
                                      {{"bgc", ""}, {"extras", ""}}, {});
  ASSERT_TRUE(empty) << empty.error().ToString();
  EXPECT_FALSE(empty->cut.mask_only);
  EXPECT_FALSE(empty->cut.background);
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
  // By weight: more than there are takes all.
  Turnstile room(10);
  ASSERT_TRUE(room.Enter(never, 6));
  EXPECT_FALSE(room.Enter(now, 5));
  ASSERT_TRUE(room.Enter(never, 4));
  room.Leave(6);
  room.Leave(4);
  ASSERT_TRUE(room.Enter(never, 1000));
  EXPECT_FALSE(room.Enter(now, 1));
  room.Leave(1000);
  EXPECT_TRUE(room.Enter(now, 10));
  Places places(2);
  EXPECT_TRUE(places.Take());
  EXPECT_TRUE(places.Take());
  EXPECT_FALSE(places.Take());
  places.Give();
  EXPECT_TRUE(places.Take());
}

TEST(Serve, NoPartHasTheBoundaryInIt) {
  int draws = 0;
  const auto draw = [&] { return "b" + std::to_string(draws++); };
  EXPECT_EQ(ChooseBoundary({"nothing", "of it"}, draw), "b0");
  draws = 0;
  EXPECT_EQ(ChooseBoundary({"a b0 b2 c", "\r\n--b1\r\n"}, draw), "b3");
  httplib::Response one, other;
  AnswerParts(one, "{}", "image/png", "picture");
  AnswerParts(other, "{}", "image/png", "picture");
  const std::string type = one.get_header_value("Content-Type"), boundary = type.substr(type.find('=') + 1);
  EXPECT_NE(type, other.get_header_value("Content-Type"));
  EXPECT_EQ(boundary.size(), 38u);
  EXPECT_TRUE(one.body.starts_with("--" + boundary + "\r\n"));
  EXPECT_TRUE(one.body.ends_with("\r\n\r\npicture\r\n--" + boundary + "--\r\n"));
}

constexpr Extent kSmall{64, 64};

TEST(Serve, ResultsHaveTheLimitsOfPictures) {
  CutOptions options;
  options.max_memory = 10'000'000;
  constexpr size_t kBytes = 4 * 64 * 64;
  const auto code = [&](Extent result, Extent picture = kSmall, size_t bytes = kBytes) {
    const Status fits = CheckResult(result, picture, bytes, options);
    return fits ? "fits" : ErrorCodeName(fits.error().code);
  };
  EXPECT_STREQ(code({1500, 1600}), "fits");  // 9.6 MB
  EXPECT_STREQ(code({1600, 1600}), "limit-exceeded");
  EXPECT_STREQ(code({6000, 6000}), "limit-exceeded");
  EXPECT_STREQ(code({32768, 32768}), "limit-exceeded");
  // The picture counts, too; one that was decoded may still be cropped.
  EXPECT_STREQ(code({1400, 1400}, {1200, 1200}, 4 * 1200 * 1200), "limit-exceeded");
  EXPECT_STREQ(code({1200, 1200}, {1200, 1200}, 4 * 1200 * 1200), "fits");
  const Status fits = CheckResult({6000, 6000}, kSmall, kBytes, options);
  EXPECT_EQ(fits.error().message,
            "a result of 6000 x 6000 pixels takes 144.0 MB with its picture, over the limit of 10.0 MB (--max-memory)");
  options.max_pixels = 1'000'000;
  EXPECT_STREQ(code({1000, 1000}), "fits");
  EXPECT_STREQ(code({1000, 1001}), "limit-exceeded");
  EXPECT_EQ(CheckResult({1000, 1001}, kSmall, kBytes, options).error().message,
            "a result of 1000 x 1001 pixels is over the limit of 1000000 (--max-pixels)");
  options.format = PictureFormat::kWebp;
  EXPECT_STREQ(code({17000, 20}), "invalid-argument");
}

TEST(Serve, EncodingHeedsTheFlag) {
  ASSERT_TRUE(InitPictures("serve_test", 1));
  constexpr int kWidth = 1024, kHeight = 1024;  // several strips of a PNG
  for (const PictureFormat format : {PictureFormat::kPng, PictureFormat::kWebp, PictureFormat::kJpeg}) {
    Cutout cutout{.picture = {.rgba = std::make_unique<uint8_t[]>(size_t{4} * kWidth * kHeight),
                              .width = kWidth,
                              .height = kHeight}};
    cutout.result = cutout.picture.view();
    CutOptions options;
    options.format = format;
    if (format == PictureFormat::kJpeg) options.background = {255, 255, 255, 255};
    CancelFlag flag{false};
    const InterruptedBy by_flag(flag);
    ASSERT_TRUE(EncodeCutout(cutout, options, nullptr));
    flag = true;
    const auto file = EncodeCutout(cutout, options, nullptr);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, ErrorCode::kCancelled);
    if (format == PictureFormat::kPng) continue;  // asks by its runner
    const auto encoded = EncodePicture(cutout.result, {.format = format, .channels = PictureChannels::kRgb});
    ASSERT_FALSE(encoded);
    EXPECT_EQ(encoded.error().code, ErrorCode::kCancelled);
  }
}

}  // namespace
}  // namespace decal::cli
