// Writes small ONNX files for tests, through protozero: an implementation of the wire format that is not ours.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>
#include <protozero/pbf_writer.hpp>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace decal::testing {

// Attributes of one node.
class OnnxAttributes {
 public:
  OnnxAttributes& Int(const std::string& name, int64_t value) {
    return Add(name, 2, [&](protozero::pbf_writer& w) { w.add_int64(3, value); });
  }
  OnnxAttributes& Float(const std::string& name, float value) {
    return Add(name, 1, [&](protozero::pbf_writer& w) { w.add_float(2, value); });
  }
  OnnxAttributes& String(const std::string& name, const std::string& value) {
    return Add(name, 3, [&](protozero::pbf_writer& w) { w.add_string(4, value); });
  }
  OnnxAttributes& Ints(const std::string& name, const std::vector<int64_t>& values) {
    return Add(name, 7, [&](protozero::pbf_writer& w) { w.add_packed_int64(8, values.begin(), values.end()); });
  }
  const std::vector<std::string>& encoded() const { return encoded_; }

 private:
  template <class Fn>
  OnnxAttributes& Add(const std::string& name, int32_t type, const Fn& fn) {
    std::string bytes;
    protozero::pbf_writer writer(bytes);
    writer.add_string(1, name);
    fn(writer);
    writer.add_int32(20, type);
    encoded_.push_back(bytes);
    return *this;
  }
  std::vector<std::string> encoded_;
};

class OnnxBuilder {
 public:
  explicit OnnxBuilder(int64_t opset = 17) : opset_(opset) {}

  // -1 makes a dynamic dimension. Type 1 is float32.
  void Input(const std::string& name, const std::vector<int64_t>& shape, int32_t type = 1) {
    AddInfo(11, name, shape, type);
  }
  void Output(const std::string& name, const std::vector<int64_t>& shape = {}, int32_t type = 1) {
    AddInfo(12, name, shape, type);
  }

  std::string Node(const std::string& op, const std::vector<std::string>& inputs,
                   const std::vector<std::string>& outputs, const OnnxAttributes& attributes = {}) {
    std::string bytes;
    protozero::pbf_writer writer(bytes);
    for (const std::string& name : inputs) writer.add_string(1, name);
    for (const std::string& name : outputs) writer.add_string(2, name);
    writer.add_string(3, op + "_" + std::to_string(nodes_++));
    writer.add_string(4, op);
    for (const std::string& attribute : attributes.encoded()) writer.add_message(5, attribute);
    protozero::pbf_writer(graph_).add_message(1, bytes);
    return outputs.empty() ? std::string() : outputs[0];
  }
  // With one output of a fresh name, which is returned.
  std::string Node(const std::string& op, const std::vector<std::string>& inputs,
                   const OnnxAttributes& attributes = {}) {
    return Node(op, inputs, {"t" + std::to_string(nodes_)}, attributes);
  }

  std::string Floats(const std::string& name, const std::vector<int64_t>& shape, const std::vector<float>& values) {
    return AddTensor(name, shape, 1, std::as_bytes(std::span(values)));
  }
  std::string Ints(const std::string& name, const std::vector<int64_t>& values) {
    return AddTensor(name, {static_cast<int64_t>(values.size())}, 7, std::as_bytes(std::span(values)));
  }
  // Elements of any type of ONNX, as they lie in memory: 2 is uint8, 3 is int8, 10 is float16.
  template <class T>
  std::string Tensor(const std::string& name, const std::vector<int64_t>& shape, int32_t type,
                     const std::vector<T>& values) {
    return AddTensor(name, shape, type, std::as_bytes(std::span(values)));
  }
  // A tensor whose bytes lie in another file.
  std::string External(const std::string& name, const std::vector<int64_t>& shape, int32_t type,
                       const std::vector<std::pair<std::string, std::string>>& entries) {
    std::string tensor;
    protozero::pbf_writer writer(tensor);
    writer.add_packed_int64(1, shape.begin(), shape.end());
    writer.add_int32(2, type);
    writer.add_string(8, name);
    for (const auto& [key, value] : entries) {
      std::string entry;
      protozero::pbf_writer entry_writer(entry);
      entry_writer.add_string(1, key);
      entry_writer.add_string(2, value);
      writer.add_message(13, entry);
    }
    writer.add_int32(14, 1);
    protozero::pbf_writer(graph_).add_message(5, tensor);
    return name;
  }
  std::string Strings(const std::string& name, const std::vector<int64_t>& shape,
                      const std::vector<std::string>& values) {
    std::string bytes;
    protozero::pbf_writer writer(bytes);
    writer.add_packed_int64(1, shape.begin(), shape.end());
    writer.add_int32(2, 8);
    for (const std::string& value : values) writer.add_bytes(6, value);
    writer.add_string(8, name);
    protozero::pbf_writer(graph_).add_message(5, bytes);
    return name;
  }
  std::string RandomFloats(const std::string& name, const std::vector<int64_t>& shape, std::mt19937& random,
                           float low = -1, float high = 1) {
    size_t count = 1;
    for (int64_t extent : shape) count *= static_cast<size_t>(extent);
    std::uniform_real_distribution<float> uniform(low, high);
    std::vector<float> values(count);
    for (float& v : values) v = uniform(random);
    return Floats(name, shape, values);
  }

  std::string Build() const {
    std::string model;
    protozero::pbf_writer writer(model);
    writer.add_int64(1, 8);
    writer.add_message(7, graph_);
    std::string opset;
    protozero::pbf_writer(opset).add_int64(2, opset_);
    writer.add_message(8, opset);
    return model;
  }

 private:
  void AddInfo(uint32_t field, const std::string& name, const std::vector<int64_t>& shape, int32_t type) {
    std::string dims;
    for (int64_t extent : shape) {
      std::string dim;
      protozero::pbf_writer dim_writer(dim);
      if (extent >= 0) dim_writer.add_int64(1, extent);
      else dim_writer.add_string(2, "open");
      protozero::pbf_writer(dims).add_message(1, dim);
    }
    std::string tensor, type_proto, info;
    protozero::pbf_writer tensor_writer(tensor);
    tensor_writer.add_int32(1, type);
    if (field == 11 || !shape.empty()) tensor_writer.add_message(2, dims);
    protozero::pbf_writer(type_proto).add_message(1, tensor);
    protozero::pbf_writer info_writer(info);
    info_writer.add_string(1, name);
    info_writer.add_message(2, type_proto);
    protozero::pbf_writer(graph_).add_message(field, info);
  }

  std::string AddTensor(const std::string& name, const std::vector<int64_t>& shape, int32_t type,
                        std::span<const std::byte> raw) {
    std::string tensor;
    protozero::pbf_writer writer(tensor);
    writer.add_packed_int64(1, shape.begin(), shape.end());
    writer.add_int32(2, type);
    writer.add_string(8, name);
    writer.add_bytes(9, reinterpret_cast<const char*>(raw.data()), raw.size());
    protozero::pbf_writer(graph_).add_message(5, tensor);
    return name;
  }

  int64_t opset_;
  int nodes_ = 0;
  std::string graph_;
};

inline std::span<const std::byte> AsBytes(const std::string& text) { return std::as_bytes(std::span(text)); }

}  // namespace decal::testing
