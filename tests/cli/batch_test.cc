// Parts of decal batch: shards, the journal's keys, messages to workers.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>

#include "cli/batch/journal.h"
#include "cli/batch/message.h"
#include "cli/batch/progress.h"
#include "cli/batch/shard.h"
#include "cli/cut_options.h"

namespace decal::cli {
namespace {

// Computed with the formula of docs/scaling.md in Python: other programs have to find the same parts.
TEST(Batch, HashesAsDocumented) {
  EXPECT_EQ(MixedHash(""), 0xefd01f60ba992926u);
  EXPECT_EQ(MixedHash("shoes/1.png"), 0x9544e57d5c5308a0u);
}

TEST(Batch, ShardsSplitEvenly) {
  std::map<uint64_t, int> counts;
  for (int i = 0; i < 8000; ++i) {
    const std::string name = "folder/" + std::to_string(i) + ".jpg.decal.png";
    int owners = 0;
    for (uint64_t shard = 0; shard < 8; ++shard) {
      const bool mine = Shard{shard, 8, {}}.Has(name);
      owners += mine;
      counts[shard] += mine;
    }
    ASSERT_EQ(owners, 1);
  }
  // 1000 each, and five standard deviations.
  for (const auto& [shard, count] : counts) EXPECT_NEAR(count, 1000, 150) << shard;
}

TEST(Batch, ParsesShards) {
  const auto shard = ParseShard("3/16");
  ASSERT_TRUE(shard);
  EXPECT_EQ(shard->ToText(), "3/16");
  for (const char* wrong :
       {"", "/", "3", "3/", "/3", "16/16", "-1/3", "0/0", "1/2/3", "1.0/2", " 1/2", "18446744073709551616/3"}) {
    EXPECT_FALSE(ParseShard(wrong)) << wrong;
  }
}

TEST(Batch, KnowsFailuresThatLast) {
  for (const char* code : {"corrupt-image", "unsupported", "invalid-argument"}) EXPECT_TRUE(IsLasting(code));
  for (const char* code : {"io", "not-found", "out-of-memory", "worker-lost", "limit-exceeded", "internal"})
    EXPECT_FALSE(IsLasting(code));
}

TEST(Batch, JournalRemembersTheLastLine) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "decal-journal-test";
  std::filesystem::remove_all(folder);
  const std::string name = "a\xff.png";  // no UTF-8
  {
    auto journal = Journal::Open(folder.string(), {}, "options", false);
    ASSERT_TRUE(journal) << journal.error().ToString();
    JournalLine line{.input = name,
                     .output = name,
                     .version = "5-6",
                     .hash = "abc",
                     .options = "options",
                     .code = "io",
                     .message = "x\ny"};
    ASSERT_TRUE(journal->Append(line.ToJson()));
    line.done = true;
    line.size = 77;
    ASSERT_TRUE(journal->Append(line.ToJson()));
  }
  std::ofstream(folder / "journal-0-of-1.jsonl", std::ios::app) << R"({"input":"b.png","output":"b.png","outcome":"do)";
  auto journal = Journal::Open(folder.string(), {}, "options", true);
  ASSERT_TRUE(journal) << journal.error().ToString();
  const KnownPicture& known = journal->Of(JournalText(name));
  EXPECT_TRUE(known.done);
  EXPECT_EQ(known.version, VersionKey("options", "5-6", 77));
  EXPECT_EQ(known.content, ContentKey("options", "abc", 77));
  EXPECT_FALSE(journal->Of("b.png").done);
  EXPECT_EQ(journal->Of("b.png").version, 0u);
  // A second process has to wait.
  const auto locked = Journal::Open(folder.string(), {}, "options", false, 0);
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().code, ErrorCode::kIo);
  // The next line does not continue the half one.
  ASSERT_TRUE(journal->Append(R"({"x":1})"));
  std::ifstream file(folder / "journal-0-of-1.jsonl");
  std::string text, last;
  while (std::getline(file, text)) last = text;
  EXPECT_EQ(last, R"({"x":1})");
}

TEST(Batch, JournalsOfOtherShardCountsCount) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "decal-journals-test";
  std::filesystem::remove_all(folder);
  const JournalLine line{
      .input = "a", .output = "a.png", .version = "5-6", .options = "options", .done = true, .size = 7};
  const JournalLine failed{
      .input = "a", .output = "a.png", .version = "5-6", .options = "options", .code = "io", .message = "x"};
  ASSERT_TRUE(Journal::Open(folder.string(), {3, 9, {}}, "options", false)->Append(line.ToJson()));
  // Without an order between files, what is done counts.
  ASSERT_TRUE(Journal::Open(folder.string(), {4, 8, {}}, "options", false)->Append(failed.ToJson()));
  auto journal = Journal::Open(folder.string(), {}, "options", false);
  ASSERT_TRUE(journal);
  EXPECT_EQ(journal->Of("a.png").version, VersionKey("options", "5-6", 7));
  // Other options: it is known, and matches nothing.
  auto other = Journal::Open(folder.string(), {0, 1, {}}, "more", false, 0);
  ASSERT_FALSE(other);
  auto elsewhere = Journal::Open(folder.string(), {MixedHash("a.png") % 2, 2, {}}, "more", false);
  ASSERT_TRUE(elsewhere);
  EXPECT_TRUE(elsewhere->Of("a.png").done);
  EXPECT_EQ(elsewhere->Of("a.png").version, 0u);
  // Of another shard nothing is kept.
  auto another = Journal::Open(folder.string(), {1 - MixedHash("a.png") % 2, 2, {}}, "options", false);
  ASSERT_TRUE(another);
  EXPECT_FALSE(another->Of("a.png").done);
}

TEST(Batch, MessagesComeInPieces) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  MessagePipe from(ends[0]), to(ends[1]);
  const WorkerReply sent{.kind = WorkerReply::kFailed,
                         .id = 7,
                         .code = "io",
                         .message = std::string(5000, 'm'),
                         .where = "",
                         .hash = "h",
                         .size = 1,
                         .coverage = 0.5,
                         .ms = 2.5,
                         .found_subject = false};
  ASSERT_TRUE(to.Send(Pack(sent) + Pack(WorkerReply{}).substr(0, 3)));
  std::optional<std::string> message;
  while (!(message = from.Take())) ASSERT_TRUE(from.Fill());
  const WorkerReply got = UnpackReply(*message);
  EXPECT_EQ(got.kind, sent.kind);
  EXPECT_EQ(got.id, 7u);
  EXPECT_EQ(got.message, sent.message);
  EXPECT_EQ(got.hash, "h");
  EXPECT_EQ(got.ms, 2.5);
  EXPECT_FALSE(got.found_subject);
  EXPECT_FALSE(from.Take());
  const WorkerJob job =
      UnpackJob(Pack(WorkerJob{.id = 3, .input = "in", .output = "out", .unchanged = 9, .size = 4}).substr(4));
  EXPECT_EQ(job.input + job.output, "inout");
  EXPECT_EQ(job.unchanged + job.size, 13u);
  close(ends[0]);
  close(ends[1]);
}

TEST(Batch, OptionsAsText) {
  CutOptions options;
  EXPECT_EQ(CutOptionsJson(options), "{}");
  options.quality = 50;  // png has none
  options.max_memory = 1 << 30;
  EXPECT_EQ(CutOptionsJson(options), "{}");
  options.format = PictureFormat::kWebp;
  options.background = {255, 0, 16, 128};
  options.decontaminate = false;
  options.threshold = 0.25f;
  options.refine = Refine::kBest;
  options.model.fields.texts.emplace_back("mean", "0,0,0");
  EXPECT_EQ(
      CutOptionsJson(options),
      R"({"background":"#ff001080","format":"webp","keep-colours":"true","mean":"0,0,0","quality":"50","refine":"best","threshold":"0.25"})");
}

TEST(Batch, TimesAsPeopleReadThem) {
  EXPECT_EQ(TimeText(-1), "0 s");
  EXPECT_EQ(TimeText(59.4), "59 s");
  EXPECT_EQ(TimeText(61), "1 min 1 s");
  EXPECT_EQ(TimeText(3 * 3600 + 120), "3 h 2 min");
  EXPECT_EQ(TimeText(50 * 3600), "2 days 2 h");
}

}  // namespace
}  // namespace decal::cli
