// The readable dump of a graph.
// SPDX-License-Identifier: MIT
#include <optional>
#include <string>
#include <vector>

#include "engine/ir/graph.h"

namespace decal {
namespace {

// Writes attributes as " perm=[0,2,1]". Left out is what is off, empty or absent.
class FieldText {
 public:
  void operator()(const char* name, bool value) {
    if (value) text_ += std::string(" ") + name;
  }
  void operator()(const char* name, int64_t value) { Add(name, std::to_string(value)); }
  void operator()(const char* name, float value) { Add(name, std::to_string(value)); }
  void operator()(const char* name, double value) { Add(name, std::to_string(value)); }
  void operator()(const char* name, DType value) { Add(name, Name(value)); }
  void operator()(const char* name, const std::optional<DType>& value) {
    if (value) Add(name, Name(*value));
  }
  void operator()(const char* name, const std::string& value) { Add(name, value); }
  void operator()(const char* name, const Dims& value) {
    if (!value.empty()) Add(name, value.ToString());
  }
  // Modes and the like: by number; 0 is the usual one.
  template <class E>
    requires std::is_enum_v<E>
  void operator()(const char* name, E value) {
    if (value != E{}) Add(name, std::to_string(static_cast<int>(value)));
  }
  void operator()(const char* name, const std::vector<Strided::Digit>& digits) {
    std::string all;
    for (const Strided::Digit& d : digits)
      all += (all.empty() ? "" : " ") + std::to_string(d.extent) + ":" + std::to_string(d.axis) + "*" +
             std::to_string(d.step);
    Add(name, all);
  }
  void operator()(const char*, const Epilogue& epilogue) {
    if (epilogue.empty()) return;
    text_ += " {";
    if (epilogue.residual == Epilogue::Residual::kBeforeActivation) text_ += " +residual";
    if (epilogue.activation) text_ += std::string(" ") + Name(epilogue.activation->kind);
    if (epilogue.prelu_slope) text_ += " PRelu";
    if (epilogue.residual == Epilogue::Residual::kAfterActivation) text_ += " +residual";
    text_ += " }";
  }

  std::string Take() { return std::move(text_); }

 private:
  void Add(const char* name, const std::string& value) { text_ += std::string(" ") + name + "=" + value; }

  std::string text_;
};

std::string AttributeText(const Op& op) {
  FieldText text;
  std::visit([&]<class T>(const T& o) { OpTraits<T>::Fields(o, text); }, op);
  return text.Take();
}

// A known value of few elements: "=[0,2]".
std::string ConstantText(const ConstantTensor& constant) {
  constexpr int64_t kShown = 8;
  if (constant.shape.elements() > kShown || constant.buffer.data() == nullptr) return "=const";
  std::string text = "=[";
  for (int64_t i = 0; i < constant.shape.elements(); ++i) {
    if (i > 0) text += ',';
    const TensorView view = constant.view();
    switch (constant.dtype) {
      case DType::kFloat32: text += std::to_string(view.as<float>()[i]); break;
      case DType::kInt64: text += std::to_string(view.as<int64_t>()[i]); break;
      case DType::kInt32: text += std::to_string(view.as<int32_t>()[i]); break;
      case DType::kBool: text += view.as<bool>()[i] ? "true" : "false"; break;
      default: return "=const";
    }
  }
  return text + "]";
}

}  // namespace

std::string Print(const Graph& graph) {
  auto value_text = [&](ValueId id) {
    if (id == kNoValue) return std::string("-");
    const Value& value = graph.values[id];
    std::string text = "%" + std::to_string(id) + ":" + value.type.ToString();
    if (value.constant) text += ConstantText(*value.constant);
    if (value.layout == Layout::kChannelsLast) text += "/nhwc";
    return text;
  };
  std::string text;
  for (const Node& node : graph.nodes) {
    for (size_t i = 0; i < node.outputs.size(); ++i) text += (i ? ", " : "") + value_text(node.outputs[i]);
    text += std::string(" = ") + OpName(node.op) + AttributeText(node.op) + "(";
    for (size_t i = 0; i < node.inputs.size(); ++i) text += (i ? ", " : "") + value_text(node.inputs[i]);
    text += ")  # " + node.name + "\n";
  }
  return text;
}

}  // namespace decal
