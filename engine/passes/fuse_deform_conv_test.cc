// Deformable convolution in the GatherND spelling of PyTorch exports becomes DeformConv; what only looks like
// it stays.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <functional>

#include "tests/support/pass_test.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

using Dimensions = std::vector<int64_t>;

// One deformable convolution, and what may be wrong with its spelling.
struct Deform {
  int64_t batch = 1, channels = 3, height = 6, width = 5, kernel_h = 3, kernel_w = 3, stride = 1, dilation = 1, pad = 1;
  int64_t border = 1;  // of zeros around the map that is gathered from
  bool mask = true;
  bool bias = true;
  bool swapped = false;  // the operands of commutative operators, and the order of the corners

  // Near misses.
  Dimensions pads = {};  // of the map, in place of the border
  float pad_value = 0;
  std::string pad_mode = "constant";
  int64_t low = 0, high = 1;                    // indices are clipped to low .. extent - high
  std::array<int, 4> weight_of = {0, 1, 2, 3};  // the corner whose weight each corner gets
  std::array<int, 4> gather_of = {0, 1, 2, 3};  // the corner whose pixels each corner gets
  bool columns_first = false;                   // index pairs are (x, y)
  int64_t far = 1;                              // steps to the far neighbour
  bool minus = false;                           // the last term is subtracted
  bool moved_fraction = false;                  // fractions are those of another position
  bool minus_offset = false;
  int64_t conv_stride = 0;  // 0: the kernel
  int64_t conv_pad = 0;     // above and to the left of the taps
  int corners = 4;
  int64_t group = 1;
  int64_t mask_axis = 2;  // the dimension of [N,1,taps,H,W] masks, weights at which channels are put in
  int64_t weight_axis = 2;
  bool turned_taps = false;  // the window's columns are laid down as rows
  int64_t crop = 0;          // rows that the output lacks
  std::function<void(std::vector<float>&)> spoil_grid = {};
  std::string also_output = {};  // "sum", "floor", "masked"

  int64_t taps() const { return kernel_h * kernel_w; }
  int64_t out_height() const { return (height + 2 * pad - dilation * (kernel_h - 1) - 1) / stride + 1 - crop; }
  int64_t out_width() const { return (width + 2 * pad - dilation * (kernel_w - 1) - 1) / stride + 1; }
};

class DeformModel {
 public:
  explicit DeformModel(const Deform& d, int64_t opset) : d_(d), b_(opset) {
    const Dimensions x = {d.batch, d.channels, d.height, d.width};
    b_.Input("x", x);
    b_.Input("offset", {d.batch, 2 * d.taps(), d.out_height(), d.out_width()});
    if (d.mask) b_.Input("mask", {d.batch, d.taps(), d.out_height(), d.out_width()});
    std::mt19937 random(testing::TestSeed(7));
    b_.RandomFloats("w", {2, d.channels / d.group, d.kernel_h, d.kernel_w}, random);
    b_.RandomFloats("bias", {2}, random);
  }

  std::string AsOperator() {
    std::vector<std::string> inputs = {"x", "w", "offset", d_.bias ? "bias" : "", d_.mask ? "mask" : ""};
    if (!d_.mask) inputs.pop_back();
    const Dimensions pads = {d_.pad, d_.pad, d_.pad, d_.pad};
    b_.Node("DeformConv", inputs, {"y"},
            OnnxAttributes()
                .Ints("kernel_shape", {d_.kernel_h, d_.kernel_w})
                .Ints("pads", pads)
                .Ints("strides", {d_.stride, d_.stride})
                .Ints("dilations", {d_.dilation, d_.dilation}));
    b_.Output("y");
    return b_.Build();
  }

  std::string AsGathers() {
    const Dimensions pads =
        d_.pads.empty() ? Dimensions{0, 0, d_.border, d_.border, 0, 0, d_.border, d_.border} : d_.pads;
    const int64_t padded_h = d_.height + pads[2] + pads[6], padded_w = d_.width + pads[3] + pads[7];
    const std::string bordered = b_.Node("Pad", {"x", b_.Ints("pads", pads), b_.Floats("zero", {}, {d_.pad_value})},
                                         OnnxAttributes().String("mode", d_.pad_mode));
    map_ = Transposed(Reshaped(bordered, {d_.batch, 1, d_.channels, padded_h, padded_w}), {0, 1, 3, 4, 2});

    const std::string position = Position("offset");
    const std::string floor = b_.Node("Floor", {position}, {"floor"});
    std::string from = position;
    if (d_.moved_fraction) from = b_.Node("Add", {position, b_.Floats("moved", {}, {0.25f})});
    const std::string fraction = b_.Node("Sub", {from, d_.moved_fraction ? b_.Node("Floor", {from}) : floor});
    const std::string whole = b_.Node("Cast", {floor}, OnnxAttributes().Int("to", 7));
    std::array<std::string, 2> index[2], part[2];  // by axis, then near and far
    for (int64_t axis : {0, 1}) {
      const int64_t extent = axis == 0 ? padded_h : padded_w;
      const std::string near = Component(whole, axis);
      index[axis] = {Clipped(near, extent), Clipped(Binary("Add", near, Integer(d_.far)), extent)};
      const std::string f = Component(fraction, axis);
      part[axis] = {b_.Node("Sub", {b_.Floats(Fresh(), {}, {1}), f}), f};
    }
    std::string sum;
    for (int i = 0; i < d_.corners; ++i) {
      const int corner = d_.swapped ? 3 - i : i;
      const int weight = d_.weight_of[static_cast<size_t>(corner)], pixels = d_.gather_of[static_cast<size_t>(corner)];
      const std::string w = Binary("Mul", part[0][weight & 1], part[1][weight >> 1]);
      const std::string term =
          Binary("Mul", Gathered(index[0][pixels & 1], index[1][pixels >> 1]), WithChannels(w, d_.weight_axis));
      if (sum.empty()) sum = term;
      else if (d_.minus && i == 3) sum = b_.Node("Sub", {sum, term});
      else sum = Binary("Add", sum, term);
    }
    sum = b_.Node("Identity", {sum}, {"sum"});
    if (d_.mask) sum = Binary("Mul", sum, WithChannels("mask", d_.mask_axis));
    sum = b_.Node("Identity", {sum}, {"masked"});
    if (!d_.also_output.empty()) b_.Output(d_.also_output);

    const int64_t h = d_.out_height(), w = d_.out_width();
    const std::string boxes = Reshaped(sum, {d_.batch, d_.channels, d_.kernel_h, d_.kernel_w, h, w});
    const Dimensions order = d_.turned_taps ? Dimensions{0, 1, 4, 3, 5, 2} : Dimensions{0, 1, 4, 2, 5, 3};
    const std::string taps =
        Reshaped(Transposed(boxes, order), {d_.batch, d_.channels, h * d_.kernel_h, w * d_.kernel_w});
    const Dimensions strides =
        d_.conv_stride ? Dimensions{d_.conv_stride, d_.conv_stride} : Dimensions{d_.kernel_h, d_.kernel_w};
    const int64_t p = d_.conv_pad;
    b_.Node("Conv", d_.bias ? std::vector<std::string>{taps, "w", "bias"} : std::vector<std::string>{taps, "w"}, {"y"},
            OnnxAttributes().Ints("strides", strides).Ints("pads", {p, p, 0, 0}).Int("group", d_.group));
    b_.Output("y");
    return b_.Build();
  }

  std::vector<TestTensor> Inputs() const {
    const Shape out{d_.batch, d_.taps(), d_.out_height(), d_.out_width()};
    Shape offset = out;
    offset[1] *= 2;
    // Offsets of up to 3 reach beyond the border.
    std::vector<TestTensor> inputs = RandomInputs({Shape{d_.batch, d_.channels, d_.height, d_.width}, offset}, -3, 3);
    if (d_.mask) inputs.push_back(std::move(RandomInputs({out}, 0, 1)[0]));
    return inputs;
  }

 private:
  std::string Fresh() { return "constant" + std::to_string(constants_++); }
  std::string Integer(int64_t value) { return b_.Tensor<int64_t>(Fresh(), {}, 7, {value}); }
  std::string Reshaped(const std::string& v, const Dimensions& shape) {
    return b_.Node("Reshape", {v, b_.Ints(Fresh(), shape)});
  }
  std::string Transposed(const std::string& v, const Dimensions& perm) {
    return b_.Node("Transpose", {v}, OnnxAttributes().Ints("perm", perm));
  }
  std::string Binary(const std::string& op, const std::string& p, const std::string& q) {
    return b_.Node(op, d_.swapped ? std::vector{q, p} : std::vector{p, q});
  }
  // [N,1,taps,2,H,W]
  std::string Position(const std::string& offset) {
    std::vector<float> grid;
    for (int64_t tap = 0; tap < d_.taps(); ++tap)
      for (int64_t axis : {0, 1})
        for (int64_t y = 0; y < d_.out_height(); ++y)
          for (int64_t x = 0; x < d_.out_width(); ++x) {
            const int64_t pixel = axis == 0 ? y : x, place = axis == 0 ? tap / d_.kernel_w : tap % d_.kernel_w;
            grid.push_back(static_cast<float>(pixel * d_.stride + place * d_.dilation - d_.pad + d_.border));
          }
    if (d_.spoil_grid) d_.spoil_grid(grid);
    const std::string g = b_.Floats("grid", {1, 1, d_.taps(), 2, d_.out_height(), d_.out_width()}, grid);
    const std::string pairs = Reshaped(offset, {d_.batch, 1, d_.taps(), 2, d_.out_height(), d_.out_width()});
    return d_.minus_offset ? b_.Node("Sub", {g, pairs}) : Binary("Add", pairs, g);
  }
  // [N,1,taps,H,W]
  std::string Component(const std::string& v, int64_t axis) {
    return b_.Node("Gather", {v, Integer(axis)}, OnnxAttributes().Int("axis", 3));
  }
  std::string Clipped(const std::string& v, int64_t extent) {
    return Binary("Min", Binary("Max", v, Integer(d_.low)), Integer(extent - d_.high));
  }
  // [N,1,C,taps,H,W]
  std::string Gathered(const std::string& y, const std::string& x) {
    const int64_t h = d_.out_height(), w = d_.out_width(), all = d_.taps() * h * w;
    std::vector<std::string> pair = {Reshaped(y, {d_.batch, 1, all, 1}), Reshaped(x, {d_.batch, 1, all, 1})};
    if (d_.columns_first) std::swap(pair[0], pair[1]);
    const std::string indices = b_.Node("Concat", pair, OnnxAttributes().Int("axis", -1));
    const std::string pixels = b_.Node("GatherND", {map_, indices}, OnnxAttributes().Int("batch_dims", 2));
    return Reshaped(Transposed(pixels, {0, 1, 3, 2}), {d_.batch, 1, d_.channels, d_.taps(), h, w});
  }
  // [N,1,taps,H,W] or [N,taps,H,W] beside a size of 1 at `axis`: at 2 it stands for the channels.
  std::string WithChannels(const std::string& v, int64_t axis) {
    Dimensions shape = {d_.batch, 1, d_.taps(), d_.out_height(), d_.out_width()};
    shape.insert(shape.begin() + axis, 1);
    return Reshaped(v, shape);
  }

  const Deform d_;
  OnnxBuilder b_;
  std::string map_;  // [N,1,Hp,Wp,C]
  int constants_ = 0;
};

constexpr float kTolerance = 1e-4f;

Graph OptimiseGathers(const Deform& d) {
  DeformModel model(d, 18);
  return Optimise(model.AsGathers(), model.Inputs(), kTolerance);
}

// Fused, and equal to the operator besides.
void ExpectFused(const Deform& d) {
  const Graph graph = OptimiseGathers(d);
  EXPECT_EQ(Count(graph, "DeformConv"), 1u) << Print(graph);
  EXPECT_EQ(Count(graph, {"Conv", "GatherND", "Floor", "Mul", "Add", "Pad", "Concat", "Min", "Max"}), 0u)
      << Print(graph);
  DeformModel reference(d, 19);
  const auto expected = ImportAndInfer(reference.AsOperator());
  ASSERT_TRUE(expected) << expected.error().ToString();
  const std::vector<TestTensor> inputs = reference.Inputs();
  ExpectNear(RunByReference(graph, inputs), RunByReference(*expected, inputs), kTolerance);
}

void ExpectUnfused(const Deform& d) {
  const Graph graph = OptimiseGathers(d);
  EXPECT_EQ(Count(graph, "DeformConv"), 0u) << Print(graph);
  EXPECT_EQ(Count(graph, "GatherND"), 4u) << Print(graph);
}

TEST(FuseDeformConv, WithAndWithoutMaskAndBias) {
  for (const bool mask : {true, false})
    for (const bool bias : {true, false})
      for (const bool swapped : {true, false}) ExpectFused({.mask = mask, .bias = bias, .swapped = swapped});
}

TEST(FuseDeformConv, AnyWindow) {
  ExpectFused({.kernel_h = 1, .kernel_w = 1, .pad = 0});
  ExpectFused({.kernel_h = 2, .kernel_w = 3, .pad = 1});
  ExpectFused({.kernel_h = 5, .kernel_w = 1, .pad = 2, .border = 2});
  ExpectFused({.height = 8, .width = 9, .kernel_h = 7, .kernel_w = 7, .pad = 3, .border = 3});
  ExpectFused({.pad = 0});
}

TEST(FuseDeformConv, StridesDilationsAndPadding) {
  for (const int64_t stride : {1, 2})
    for (const int64_t dilation : {1, 2})
      for (const int64_t pad : {0, 1, 2})
        for (const bool short_of_edge : {false, true}) {
          // Steps of 2 over an even number of rows and columns leave the last of each, unless the padding is
          // behind it.
          const int64_t size = 9 - (short_of_edge ? 1 : 0);
          const Deform d{
              .height = size, .width = size, .stride = stride, .dilation = dilation, .pad = pad, .border = 2};
          if (stride == 2 && short_of_edge && pad == 0) ExpectUnfused(d);  // nothing but a missed chance
          else ExpectFused(d);
        }
}

TEST(FuseDeformConv, ABorderWiderThanThePadding) {
  for (const int64_t border : {1, 2, 4}) ExpectFused({.pad = 1, .border = border});
}

TEST(FuseDeformConv, SeveralPictures) { ExpectFused({.batch = 3}); }

TEST(FuseDeformConv, AsManyChannelsAsTaps) {
  ExpectFused({.channels = 4, .kernel_h = 2, .kernel_w = 2});
  ExpectFused({.channels = 1, .kernel_h = 1, .kernel_w = 1, .pad = 0});
}

TEST(FuseDeformConv, AFloorThatOthersReadIsStillMade) {
  for (const char* name : {"floor", "masked"}) {
    const Graph graph = OptimiseGathers({.also_output = name});
    EXPECT_EQ(Count(graph, "DeformConv"), 1u) << Print(graph);
  }
}

// ---- near misses: the result is the same, and the four gathers are there -----------------------

TEST(FuseDeformConv, ASumThatOthersReadStays) { ExpectUnfused({.also_output = "sum"}); }

TEST(FuseDeformConv, OtherClippingStays) {
  ExpectUnfused({.low = 1});
  ExpectUnfused({.high = 2});
}

TEST(FuseDeformConv, ExchangedCornersStay) {
  ExpectUnfused({.weight_of = {0, 2, 1, 3}});
  ExpectUnfused({.weight_of = {3, 1, 2, 0}});
  ExpectUnfused({.gather_of = {0, 2, 1, 3}});
}

TEST(FuseDeformConv, ACornerTwiceStays) {
  const Deform d{.weight_of = {0, 1, 2, 2}, .gather_of = {0, 1, 2, 2}};
  EXPECT_EQ(Count(OptimiseGathers(d), "DeformConv"), 0u);
}

TEST(FuseDeformConv, AMissingCornerStays) {
  const Deform d{.corners = 3};
  EXPECT_EQ(Count(OptimiseGathers(d), "DeformConv"), 0u);
}

TEST(FuseDeformConv, ADifferenceInPlaceOfTheSumStays) { ExpectUnfused({.minus = true}); }

TEST(FuseDeformConv, ColumnsBeforeRowsStay) { ExpectUnfused({.height = 5, .width = 5, .columns_first = true}); }

TEST(FuseDeformConv, AFurtherNeighbourStays) { ExpectUnfused({.far = 2}); }

TEST(FuseDeformConv, FractionsOfAnotherPositionStay) { ExpectUnfused({.moved_fraction = true}); }

TEST(FuseDeformConv, ASubtractedOffsetStays) { ExpectUnfused({.minus_offset = true}); }

TEST(FuseDeformConv, ABorderThatIsNotZeroStays) {
  ExpectUnfused({.pad_value = 0.5f});
  ExpectUnfused({.pad_mode = "edge"});
  ExpectUnfused({.pad_mode = "reflect"});
}

TEST(FuseDeformConv, ASideWithoutABorderStays) {
  for (const Dimensions& pads : {Dimensions{0, 0, 0, 1, 0, 0, 1, 1},
                                 {0, 0, 1, 0, 0, 0, 1, 1},
                                 {0, 0, 1, 1, 0, 0, 0, 1},
                                 {0, 0, 1, 1, 0, 0, 1, 0}})
    ExpectUnfused({.pads = pads});
}

TEST(FuseDeformConv, AnotherGridStays) {
  const Deform plain;
  const size_t cells = static_cast<size_t>(plain.taps() * 2 * plain.out_height() * plain.out_width());
  for (const size_t cell : {size_t{0}, size_t{1}, cells / 2, cells - 1})
    ExpectUnfused({.spoil_grid = [cell](std::vector<float>& grid) { grid[cell] += 1; }});
  // Half a pixel to the side, and twice as wide.
  ExpectUnfused({.spoil_grid = [](std::vector<float>& grid) {
    for (float& g : grid) g += 0.5f;
  }});
  ExpectUnfused({.spoil_grid = [](std::vector<float>& grid) {
    for (float& g : grid) g *= 1.5f;
  }});
  // Beyond the border: the padding would be negative.
  ExpectUnfused({.spoil_grid = [](std::vector<float>& grid) {
    for (float& g : grid) g += 2;
  }});
}

TEST(FuseDeformConv, OtherConvolutionsOfTheTapsStay) {
  ExpectUnfused({.conv_stride = 1});
  ExpectUnfused({.conv_pad = 1});  // the output is as large, and each window looks beyond its taps
  ExpectUnfused({.channels = 4, .group = 2});
  ExpectUnfused({.turned_taps = true});
}

TEST(FuseDeformConv, AWindowThatStopsEarlyStays) { ExpectUnfused({.pad = 0, .crop = 2}); }

// With as many channels as taps, a factor for each tap could be one for each channel.
TEST(FuseDeformConv, FactorsOfTheChannelsStay) {
  ExpectUnfused({.channels = 4, .kernel_h = 2, .kernel_w = 2, .mask_axis = 3});
  ExpectUnfused({.channels = 4, .kernel_h = 2, .kernel_w = 2, .weight_axis = 3});
}

}  // namespace
}  // namespace decal
