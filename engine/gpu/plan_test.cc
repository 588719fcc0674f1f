// Plans: what the builder makes of kernels, and what Verify refuses.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "decal/gpu.h"
#include "engine/gpu/cost.h"
#include "engine/gpu/plan_builder.h"

namespace decal::gpu {
namespace {

constexpr const char kBody[] = "@compute @workgroup_size(WG_X, WG_Y, WG_Z) fn main() {}\n";

Tensor Vector(const Region& region, int64_t elements, int64_t offset = 0) {
  return {.region = region, .offset = offset, .shape = {elements}, .strides = {1}};
}

Region OneWeight(PlanBuilder& builder, const void* owner, uint64_t bytes) {
  return builder.Weight(owner, 7, bytes, [bytes](std::byte* to) { std::memset(to, 5, bytes); });
}

// y = f(x), both in regions of their own that live at the same time.
GpuPlan SmallPlan(const GpuLimits& limits = {}) {
  PlanBuilder builder(limits, {});
  const Region x = builder.AddRegion(400, 0, 1), y = builder.AddRegion(400, 1, 2);
  static const int owner = 0;
  const Region w = OneWeight(builder, &owner, 100);
  builder.BeginStep(1, {"Test", "first", "plain"});
  EXPECT_TRUE(builder.Add(Kernel("test", kBody)
                              .Param("count", int64_t{100})
                              .Read("x", Vector(x, 100), true)
                              .Read("w", Vector(w, 25), false)
                              .Write("y", Vector(y, 100), true)
                              .Workgroup(64)
                              .Items(100)));
  builder.AddInput("x", Vector(x, 100));
  builder.AddOutput("y", Vector(y, 100));
  Result<GpuPlan> plan = builder.Finish();
  EXPECT_TRUE(plan) << plan.error().ToString();
  return *std::move(plan);
}

TEST(GpuPlan, PlacesOperandsAndWritesShaders) {
  const GpuPlan plan = SmallPlan();
  EXPECT_TRUE(Verify(plan, {}));
  ASSERT_EQ(plan.dispatches.size(), 1u);
  EXPECT_EQ(plan.dispatches[0].groups, (std::array<uint32_t, 3>{2, 1, 1}));
  ASSERT_EQ(plan.pipelines.size(), 1u);
  EXPECT_EQ(plan.pipelines[0].writable, (std::vector<bool>{true, false, true}));
  const std::string& code = plan.pipelines[0].code;
  EXPECT_NE(code.find("var<storage, read_write> b1: array<vec4<f32>>"), std::string::npos) << code;
  EXPECT_NE(code.find("var<storage, read> b2: array<f32>"), std::string::npos) << code;
  EXPECT_NE(code.find("fn y_set4("), std::string::npos) << code;
  EXPECT_EQ(code.find("fn x_set4("), std::string::npos) << "what is only read cannot be written";
  EXPECT_EQ(plan.max_storage_buffers(), 3u);
  EXPECT_EQ(plan.bytes(GpuBuffer::Use::kWeights), 256u);
  EXPECT_EQ(plan.bytes(GpuBuffer::Use::kActivations), 1024u);
  ASSERT_EQ(plan.uploads.size(), 1u);
  std::vector<std::byte> bytes(plan.uploads[0].range.bytes, std::byte{9});
  plan.uploads[0].fill(bytes.data());
  EXPECT_EQ(bytes[99], std::byte{5});
  EXPECT_EQ(bytes[100], std::byte{0}) << "what rounding adds is zero";
}

TEST(GpuPlan, OperandsInOneMemoryShareABinding) {
  PlanBuilder builder({}, {});
  const Region whole = builder.AddRegion(4000, 0, 2);
  builder.BeginStep(1, {"Test", "first", ""});
  // The two halves of each pixel of a map of 4 + 4 channels, which lie in the same bytes, and a third tensor apart.
  Tensor a{.region = whole, .offset = 0, .shape = {50, 4}, .strides = {8, 1}};
  Tensor b = a;
  b.offset = 4;
  const Region far = builder.AddRegion(4000, 0, 2);
  ASSERT_TRUE(
      builder.Add(Kernel("test", kBody).Read("a", a, true).Write("b", b, true).Read("c", Vector(far, 10), true)));
  const Result<GpuPlan> plan = builder.Finish();
  ASSERT_TRUE(plan);
  EXPECT_TRUE(Verify(*plan, {}));
  ASSERT_EQ(plan->dispatches[0].bindings.size(), 2u);
  EXPECT_EQ(plan->dispatches[0].bindings[0].bytes, 1600u);
}

TEST(GpuPlan, EqualKernelsShareAPipeline) {
  PlanBuilder builder({}, {});
  const Region x = builder.AddRegion(4000, 0, 3), y = builder.AddRegion(4000, 0, 3);
  for (int i = 0; i < 3; ++i) {
    builder.BeginStep(1 + i, {"Test", std::to_string(i), ""});
    ASSERT_TRUE(builder.Add(Kernel("test", kBody)
                                .Param("count", int64_t{i})
                                .Read("x", Vector(x, 10 + i), false)
                                .Write("y", Vector(y, 10 + i), false)));
  }
  const Result<GpuPlan> plan = builder.Finish();
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->pipelines.size(), 1u);
  EXPECT_EQ(plan->dispatches.size(), 3u);
  std::set<uint32_t> offsets;
  for (const GpuDispatch& dispatch : plan->dispatches) offsets.insert(dispatch.uniform_offset);
  EXPECT_EQ(offsets.size(), 3u);
}

TEST(GpuPlan, EqualWeightsAreUploadedOnce) {
  PlanBuilder builder({}, {});
  const int a = 0, b = 0;
  EXPECT_EQ(OneWeight(builder, &a, 100).id, OneWeight(builder, &a, 100).id);
  EXPECT_NE(OneWeight(builder, &a, 100).id, OneWeight(builder, &b, 100).id);
}

TEST(GpuPlan, CutsIntoBandsWhereBindingsAreSmall) {
  const GpuLimits small{.binding_bytes = 4096, .buffer_bytes = 64 << 10};
  PlanBuilder builder(small, {});
  const Region x = builder.AddRegion(32 << 10, 0, 1), y = builder.AddRegion(32 << 10, 1, 2);
  const Tensor from{.region = x, .shape = {64, 128}, .strides = {128, 1}};
  Tensor to = from;
  to.region = y;
  builder.BeginStep(1, {"Test", "first", ""});
  int64_t next = 0, bands = 0;
  const auto make = [&](int64_t begin, int64_t end) {
    if (begin == 0) next = bands = 0;
    EXPECT_EQ(begin, next);
    next = end;
    ++bands;
    // One row more on either side, as a window would read.
    return Kernel("test", kBody).Read("x", from, true, {0, begin - 1, end + 1}).Write("y", to, true, {0, begin, end});
  };
  ASSERT_TRUE(builder.AddInBands(64, make));
  EXPECT_EQ(next, 64);
  EXPECT_EQ(bands, 16) << "8 rows are 4,096 bytes, but not with their neighbours";
  const Result<GpuPlan> plan = builder.Finish();
  ASSERT_TRUE(plan);
  EXPECT_TRUE(Verify(*plan, small));
  EXPECT_EQ(plan->dispatches.size(), 16u);
  for (const GpuDispatch& dispatch : plan->dispatches)
    for (const GpuRange& range : dispatch.bindings) EXPECT_LE(range.bytes, 4096u);
}

TEST(GpuPlan, SaysWhatDoesNotFit) {
  const GpuLimits small{.binding_bytes = 4096, .buffer_bytes = 8192};
  PlanBuilder rows(small, {});
  const Region x = rows.AddRegion(8192, 0, 1);
  rows.BeginStep(1, {"Test", "first", ""});
  const Tensor wide{.region = x, .shape = {1, 2048}, .strides = {2048, 1}};
  const Status one_row =
      rows.AddInBands(1, [&](int64_t, int64_t) { return Kernel("test", kBody).Read("x", wide, true); });
  ASSERT_FALSE(one_row);
  EXPECT_EQ(one_row.error().code, ErrorCode::kLimitExceeded);
  EXPECT_NE(one_row.error().message.find("8192 bytes in one binding"), std::string::npos) << one_row.error().message;

  PlanBuilder tensor(small, {});
  tensor.AddRegion(8193, 0, 1);
  const Result<GpuPlan> plan = tensor.Finish();
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, ErrorCode::kLimitExceeded);
}

TEST(GpuPlan, PagesHoldWhatOneBufferCannot) {
  const GpuLimits small{.binding_bytes = 4096, .buffer_bytes = 8192};
  PlanBuilder builder(small, {});
  for (int i = 0; i < 6; ++i) builder.AddRegion(4096, 0, 1);
  builder.AddRegion(4096, 2, 3);  // takes the place of one of them
  const Result<GpuPlan> plan = builder.Finish();
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->buffers.size(), 3u);
  EXPECT_EQ(plan->bytes(GpuBuffer::Use::kActivations), 6u * 4096);
}

TEST(GpuPlan, VerifyFindsEveryViolation) {
  const GpuPlan good = SmallPlan();
  struct Break {
    const char* what;
    void (*apply)(GpuPlan&);
  };
  const Break breaks[] = {
      {"storage buffers", [](GpuPlan& p) { p.pipelines[0].writable.resize(9), p.dispatches[0].bindings.resize(9); }},
      {"invocations", [](GpuPlan& p) { p.pipelines[0].workgroup = {16, 16, 2}; }},
      {"workgroup memory", [](GpuPlan& p) { p.pipelines[0].workgroup_bytes = 16385; }},
      {"workgroups", [](GpuPlan& p) { p.dispatches[0].groups[1] = 65536; }},
      {"workgroups", [](GpuPlan& p) { p.dispatches[0].groups[2] = 0; }},
      {"outside its buffer", [](GpuPlan& p) { p.dispatches[0].bindings[0].bytes = 1 << 20; }},
      {"outside its buffer", [](GpuPlan& p) { p.dispatches[0].bindings[0].buffer = 9; }},
      {"out of alignment", [](GpuPlan& p) { p.dispatches[0].bindings[0].offset += 16; }},
      {"weights bound for writing", [](GpuPlan& p) { p.pipelines[0].writable[1] = true; }},
      {"both for reading and for writing", [](GpuPlan& p) { p.pipelines[0].writable[0] = false; }},
      {"over the same memory", [](GpuPlan& p) { p.dispatches[0].bindings[0] = p.dispatches[0].bindings[2]; }},
      {"uniforms", [](GpuPlan& p) { p.dispatches[0].uniform_offset = 4; }},
      {"uniforms", [](GpuPlan& p) { p.dispatches[0].uniform_bytes = 1 << 20; }},
      {"number of bindings", [](GpuPlan& p) { p.dispatches[0].bindings.pop_back(); }},
      {"does not exist", [](GpuPlan& p) { p.dispatches[0].pipeline = 3; }},
      {"outside the weights", [](GpuPlan& p) { p.uploads[0].range.buffer = 1; }},
      {"input or output", [](GpuPlan& p) { p.outputs[0].range.offset = 1 << 20; }},
  };
  for (const Break& broken : breaks) {
    GpuPlan plan = good;
    broken.apply(plan);
    const Status status = Verify(plan, {});
    ASSERT_FALSE(status) << broken.what;
    EXPECT_EQ(status.error().code, ErrorCode::kInternal);
    EXPECT_NE(status.error().message.find(broken.what), std::string::npos) << status.error().message;
  }
  GpuLimits small;
  small.binding_bytes = 256;
  EXPECT_FALSE(Verify(good, small));
  small = {};
  small.buffer_bytes = 256;
  EXPECT_FALSE(Verify(good, small));
}

// ---- choices ---------------------------------------------------------------------------------

size_t ChosenOf(PlanBuilder& builder) {
  builder.BeginStep(1, {"Test", "first", ""});
  const GpuCandidate candidates[] = {{"large", 30}, {"small", 10}, {"middle", 20}};
  return builder.Choose(candidates);
}

TEST(GpuChoice, TakesTheCheapestOrTheVariantAskedFor) {
  const auto chosen = [](uint32_t variant) {
    PlanBuilder builder({}, {.variant = variant});
    return ChosenOf(builder);
  };
  EXPECT_EQ(chosen(0), 1u);
  EXPECT_EQ(chosen(1), 0u);
  EXPECT_EQ(chosen(3), 2u);
  EXPECT_EQ(chosen(4), 1u) << "there is no fourth candidate";
}

TEST(GpuChoice, IsNotedOnlyIfAskedFor) {
  PlanBuilder silent({}, {}), telling({}, {.choices = true, .variant = 3});
  ChosenOf(silent);
  ChosenOf(telling);
  // Another dispatch of the same step: costs add up.
  const GpuCandidate again[] = {{"large", 3}, {"small", 1}, {"middle", 2}};
  telling.Choose(again);
  const Result<GpuPlan> without = silent.Finish(), with = telling.Finish();
  ASSERT_TRUE(without && with);
  EXPECT_TRUE(without->steps[0].choice.empty());
  std::vector<std::string> names;
  for (const GpuCandidate& candidate : with->steps[0].choice) names.push_back(candidate.name);
  EXPECT_EQ(names, (std::vector<std::string>{"middle", "small", "large"}));
  EXPECT_EQ(with->steps[0].choice[0].cost, 22);
  EXPECT_NE(ToJson(*with).find("\"choice\":[{\"name\":\"middle\",\"cost\":22}"), std::string::npos);
  EXPECT_NE(ChoicesText(*with).find("middle 0.00, small 0.00, large 0.00"), std::string::npos) << ChoicesText(*with);
  EXPECT_EQ(ChoicesText(*without).find("middle"), std::string::npos);
}

TEST(GpuCost, CountsWhatADeviceWastes) {
  const GpuLimits plain, wide{.least_subgroup = 64, .most_subgroup = 64}, roomy{.workgroup_bytes = 64 << 10};
  const DispatchShape shape{.groups = 1000, .invocations = 96};
  // Lanes of a subgroup beyond the workgroup's.
  EXPECT_GT(DispatchCost(wide, shape, 100), DispatchCost(plain, shape, 100));
  // Idle processors: few workgroups take as long as a few more.
  EXPECT_EQ(DispatchCost(plain, {.groups = 1}, 100), DispatchCost(plain, {.groups = 32}, 100));
  EXPECT_LT(DispatchCost(plain, {.groups = 100}, 100), DispatchCost(plain, {.groups = 200}, 100));
  // Workgroup memory that leaves a processor with few invocations, unless it has more of it.
  const DispatchShape large{.groups = 1000, .invocations = 64, .workgroup_bytes = 16 << 10};
  EXPECT_GT(DispatchCost(plain, large, 100), DispatchCost(roomy, large, 100));
  // Registers beyond what leaves a processor full.
  EXPECT_GT(DispatchCost(plain, {.groups = 1000, .registers = 200}, 100), DispatchCost(plain, {.groups = 1000}, 100));
}

TEST(GpuPlan, VerifyHoldsWorkgroupsAgainstTheDevice) {
  GpuPlan plan = SmallPlan();
  plan.pipelines[0].workgroup = {512, 1, 1};
  plan.pipelines[0].workgroup_bytes = 20000;
  EXPECT_FALSE(Verify(plan, {}));
  EXPECT_FALSE(Verify(plan, {.workgroup_invocations = 512}));
  EXPECT_TRUE(Verify(plan, {.workgroup_invocations = 512, .workgroup_bytes = 20000}));
}

TEST(GpuText, CountsStandWhereLinesAreUnrolled) {
  const std::string text =
      WithCounts("#unroll r ROWS\na$r\n#unroll c ROWS\nb$c\n#end c\n#end r\nlet ROWS\n", {{"ROWS", 2}});
  EXPECT_EQ(Unroll(text), "a0\nb0\nb1\na1\nb0\nb1\nlet ROWS\n");
}

TEST(GpuPlan, JsonAndTableSayTheSame) {
  const GpuPlan plan = SmallPlan();
  const std::string json = ToJson(plan), text = ToText(plan);
  EXPECT_NE(json.find("\"maxStorageBuffers\":3"), std::string::npos) << json;
  EXPECT_NE(json.find("\"inputs\":[{\"name\":\"x\",\"shape\":[100],\"range\":["), std::string::npos) << json;
  EXPECT_NE(json.find("\"writable\":[true,false,true]"), std::string::npos) << json;
  EXPECT_NE(text.find("1 dispatches of 1 pipelines, at most 3 storage buffers"), std::string::npos) << text;
}

}  // namespace
}  // namespace decal::gpu
