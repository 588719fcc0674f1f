// Einsum: any number of factors, repeated labels (diagonals) and an ellipsis.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "engine/ops/any_element.h"
#include "engine/ops/indexing/indexing.h"

namespace decal {
namespace {

std::unexpected<Error> Mismatch(const Einsum& op, std::string what) {
  return Fail(ErrorCode::kShapeMismatch, "Einsum '" + op.equation + "': " + std::move(what));
}

// Labels are letters; the dimensions of the ellipsis, counted from the last, take the codes below kMaxRank.
constexpr size_t kLabels = 128;

using Term = Dims;  // the labels of one operand

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// "b...i" for an operand of rank 4: b, 1, 0, i.
std::optional<Term> ParseTerm(std::string_view text, size_t rank) {
  size_t letters = 0;
  for (char c : text) letters += IsLetter(c);
  const bool dots = text.find("...") != text.npos;
  if (letters > rank || (letters < rank && !dots)) return std::nullopt;
  Term term;
  for (size_t i = 0; i < text.size(); ++i) {
    if (IsLetter(text[i])) {
      term.push_back(text[i]);
    } else if (text.substr(i).starts_with("...") && term.rank() + (rank - letters) <= rank) {
      for (size_t d = rank - letters; d-- > 0;) term.push_back(static_cast<int64_t>(d));
      i += 2;
    } else {
      return std::nullopt;
    }
  }
  return term.rank() == rank ? std::optional(term) : std::nullopt;
}

struct Equation {
  std::vector<Term> operands;
  Term result, summed;
  std::array<int64_t, kLabels> extents{};  // 0 for a label that does not occur

  Shape ShapeOf(const Term& term) const {
    Shape shape;
    for (int64_t label : term) shape.push_back(extents[static_cast<size_t>(label)]);
    return shape;
  }
  // The strides of an operand along `labels`: those of a repeated label add up, a size of 1 broadcasts.
  Strides StridesAlong(const Term& labels, size_t operand, const Shape& shape, const Strides& strides) const {
    Strides along = Dims::Filled(labels.rank(), 0);
    for (size_t l = 0; l < labels.rank(); ++l)
      for (size_t d = 0; d < shape.rank(); ++d)
        if (operands[operand][d] == labels[l] && shape[d] != 1) along[l] += strides[d];
    return along;
  }
};

Result<Equation> Resolve(const Einsum& op, std::span<const Shape> shapes) {
  std::string text;
  for (char c : op.equation)
    if (c != ' ') text += c;
  const size_t arrow = text.find("->");
  std::string_view left = std::string_view(text).substr(0, arrow);
  Equation equation;
  std::array<size_t, kLabels> uses{};
  std::array<bool, kLabels> known{};
  size_t dots = 0;
  for (const Shape& shape : shapes) {
    const size_t comma = left.find(',');
    const bool last = &shape == &shapes.back();
    if (last != (comma == left.npos)) return Mismatch(op, "for " + std::to_string(shapes.size()) + " inputs");
    const std::optional<Term> term = ParseTerm(left.substr(0, comma), shape.rank());
    if (!term) return Mismatch(op, "an input of shape " + shape.ToString());
    for (size_t d = 0; d < shape.rank(); ++d) {
      const size_t label = static_cast<size_t>((*term)[d]);
      int64_t& extent = equation.extents[label];
      if (known[label] && extent != 1 && shape[d] != 1 && extent != shape[d])
        return Mismatch(op, "an input of shape " + shape.ToString());
      if (!known[label] || extent == 1) extent = shape[d];
      known[label] = true;
      ++uses[label];
      if (label < kMaxRank) dots = std::max(dots, label + 1);
    }
    equation.operands.push_back(*term);
    if (!last) left.remove_prefix(comma + 1);
  }
  if (arrow != text.npos) {
    const std::string_view right = std::string_view(text).substr(arrow + 2);
    size_t letters = 0;
    for (char c : right) letters += IsLetter(c);
    const size_t rank = letters + (right.find("...") != right.npos ? dots : 0);
    const std::optional<Term> term = rank <= kMaxRank ? ParseTerm(right, rank) : std::nullopt;
    if (!term) return Mismatch(op, "the part after -> is malformed");
    equation.result = *term;
  } else {  // the ellipsis, then every label that occurs once, in alphabetical order
    for (size_t label = dots; label-- > 0;) equation.result.push_back(static_cast<int64_t>(label));
    for (size_t label = kMaxRank; label < kLabels; ++label) {
      if (uses[label] != 1) continue;
      if (equation.result.rank() == kMaxRank) return Mismatch(op, "the result has too many dimensions");
      equation.result.push_back(static_cast<int64_t>(label));
    }
  }
  std::array<bool, kLabels> kept{};
  for (int64_t label : equation.result) {
    if (!known[static_cast<size_t>(label)] || kept[static_cast<size_t>(label)])
      return Mismatch(op, "the result names an unknown or repeated label");
    kept[static_cast<size_t>(label)] = true;
  }
  for (size_t label = 0; label < kLabels; ++label) {
    if (!known[label] || kept[label]) continue;
    if (equation.summed.rank() == kMaxRank) return Mismatch(op, "too many labels to sum over");
    equation.summed.push_back(static_cast<int64_t>(label));
  }
  // The number of terms that the loops visit: a bound that keeps the product of the sizes from overflowing.
  double products = 1;
  for (int64_t extent : equation.extents) products *= static_cast<double>(std::max<int64_t>(extent, 1));
  if (products > 0x1p62)
    return Fail(ErrorCode::kLimitExceeded, "Einsum '" + op.equation + "' needs too many multiplications");
  return equation;
}

}  // namespace

InferResult Infer(const Einsum& op, const InferContext& c) {
  if (c.inputs.empty()) return Mismatch(op, "no inputs");
  std::vector<Shape> shapes;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    if (!c.has(i) || c[i].dtype != c[0].dtype) return Mismatch(op, "an input is missing, or the inputs differ in type");
    shapes.push_back(c[i].shape);
  }
  if (c[0].dtype == DType::kBool) return Fail(ErrorCode::kUnsupportedOperator, "Einsum of bool");
  DECAL_TRY_ASSIGN(const Equation equation, Resolve(op, shapes));
  return std::vector<TensorType>{{c[0].dtype, equation.ShapeOf(equation.result)}};
}

Status Reference(const Einsum& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  std::vector<Shape> shapes;
  for (const TensorView& x : in) shapes.push_back(x.shape);
  DECAL_TRY_ASSIGN(const Equation equation, Resolve(op, shapes));
  std::vector<Strides> outer, inner;
  for (size_t o = 0; o < in.size(); ++o) {
    outer.push_back(equation.StridesAlong(equation.result, o, in[o].shape, in[o].strides));
    inner.push_back(equation.StridesAlong(equation.summed, o, in[o].shape, in[o].strides));
  }
  const auto offset = [](const Dims& index, const Strides& strides) {
    int64_t sum = 0;
    for (size_t d = 0; d < index.rank(); ++d) sum += index[d] * strides[d];
    return sum;
  };
  const Shape summed = equation.ShapeOf(equation.summed);
  WithSums(out[0].dtype, [&](auto zero, const auto& load, const auto& store) {
    for (StridedIndex<1> i(out[0].shape, {out[0].strides}); i.valid(); i.Next()) {
      auto sum = zero;
      for (StridedIndex<1> s(summed, {Dims::Filled(summed.rank(), 0)}); s.valid(); s.Next()) {
        auto product = zero + 1;
        for (size_t o = 0; o < in.size(); ++o)
          product *= load(in[o], offset(i.index(), outer[o]) + offset(s.index(), inner[o]));
        sum += product;
      }
      store(out[0], i.offset(0), sum);
    }
  });
  return {};
}

}  // namespace decal
