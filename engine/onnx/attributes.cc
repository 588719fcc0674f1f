// Nodes, attributes, tensors and value descriptions out of their wire form.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "engine/base/element.h"
#include "engine/base/limits.h"
#include "engine/onnx/external_data.h"
#include "engine/onnx/onnx_model.h"

namespace decal {
namespace {

std::unexpected<Error> Corrupt(std::string what, std::string where = {}) {
  return Fail(ErrorCode::kCorruptModel, std::move(what), std::move(where));
}

Status CopyString(std::string_view from, std::string& to) {
  if (from.size() > kMaxStringBytes)
    return Fail(ErrorCode::kLimitExceeded, "a name of " + std::to_string(from.size()) + " bytes exceeds the limit of " +
                                               std::to_string(kMaxStringBytes));
  to = from;
  return {};
}

Result<OnnxAttribute> ParseAttribute(Bytes bytes) {
  OnnxAttribute attribute;
  int64_t type = 0;
  bool too_long = false;
  const auto push = [&](auto& list, auto value) {
    if (list.size() < kMaxAttributeElements) list.push_back(value);
    else too_long = true;
  };
  WireReader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case 1: DECAL_TRY(CopyString(reader.string(), attribute.name)); break;
      case 2: attribute.f = reader.float32(); break;
      case 3: attribute.i = reader.int64(); break;
      case 4: DECAL_TRY(CopyString(reader.string(), attribute.s)); break;
      case 5: {
        DECAL_TRY_ASSIGN(OnnxInitializer tensor, ParseTensor(reader.bytes()));
        if (tensor.external) {
          return Fail(ErrorCode::kUnsupportedOperator, "external data in attributes is not supported", attribute.name);
        }
        attribute.tensor = std::move(tensor.tensor);
        break;
      }
      case 7: reader.RepeatedFixed<float>([&](float v) { push(attribute.floats, v); }); break;
      case 8: reader.RepeatedVarint([&](uint64_t v) { push(attribute.ints, static_cast<int64_t>(v)); }); break;
      case 20: type = reader.int64(); break;
      default: break;
    }
  }
  if (reader.corrupt()) return Corrupt("the attribute is malformed", attribute.name);
  if (too_long) return Fail(ErrorCode::kLimitExceeded, "the attribute has too many elements", attribute.name);
  using Type = OnnxAttribute::Type;
  switch (type) {
    case 1:
    case 2:
    case 3:
    case 4:
    case 6:
    case 7: attribute.type = static_cast<Type>(type); break;
    default: attribute.type = Type::kOther; break;
  }
  return attribute;
}

// Values below a byte as the file packs them, low bits first, one per byte in memory.
void Unpack(DType dtype, uint64_t packed, std::byte* to, size_t first, size_t count) {
  const size_t bits = BitsOf(dtype);
  for (size_t i = 0; i < count; ++i) {
    const uint64_t code = packed >> (i * bits) & ((1u << bits) - 1);
    if (dtype == DType::kFloat4E2M1) to[first + i] = static_cast<std::byte>(code);
    else StoreInteger(dtype, to, static_cast<int64_t>(first + i), code);  // extends the sign
  }
}

// The field that holds the values of a type where they are not raw bytes.
uint32_t FieldOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return 4;
    case DType::kInt64: return 7;
    case DType::kFloat64: return 10;
    case DType::kUint32:
    case DType::kUint64: return 11;
    case DType::kString: return 6;
    default: return 5;
  }
}

// How many values share a byte of raw data.
size_t ValuesPerByte(DType dtype) { return BitsOf(dtype) < 8 ? 8 / BitsOf(dtype) : 1; }

// Any other byte than 0 and 1 in a bool is undefined behaviour, and the file is not ours.
void CleanBools(DType dtype, std::byte* values, size_t count) {
  if (dtype != DType::kBool) return;
  for (size_t i = 0; i < count; ++i) values[i] = std::byte{values[i] != std::byte{0}};
}

void FillFromRaw(ConstantTensor& tensor, Bytes raw) {
  const size_t count = static_cast<size_t>(tensor.shape.elements()), per_byte = ValuesPerByte(tensor.dtype);
  std::byte* to = tensor.buffer.data();
  if (per_byte > 1) {
    for (size_t i = 0; i < count; i += per_byte)
      Unpack(tensor.dtype, static_cast<uint8_t>(raw[i / per_byte]), to, i, std::min(per_byte, count - i));
  } else if (count > 0) {
    std::memcpy(to, raw.data(), raw.size());
    CleanBools(tensor.dtype, to, count);
  }
}

// A number of StringStringEntryProto; false if it is none.
bool ParseNumber(std::string_view text, uint64_t& number) {
  number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || number > (UINT64_MAX - 9) / 10) return false;
    number = 10 * number + static_cast<uint64_t>(c - '0');
  }
  return !text.empty();
}

// One entry of TensorProto.external_data.
Status ParseExternalEntry(Bytes bytes, ExternalPlace& place, uint64_t& length) {
  std::string_view key, value;
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 1) key = reader.string();
    if (reader.field() == 2) value = reader.string();
  }
  bool good = !reader.corrupt();
  if (key == "location") {
    DECAL_TRY(CopyString(value, place.file));
  } else if (key == "checksum") {
    DECAL_TRY(CopyString(value, place.checksum));
    for (char& c : place.checksum)
      if (c >= 'A' && c <= 'F') c = static_cast<char>(c + 'a' - 'A');
  } else if (key == "offset") {
    good = good && ParseNumber(value, place.offset);
  } else if (key == "length") {
    good = good && ParseNumber(value, length);
  }
  return good ? Status() : Corrupt("the reference to external data is malformed");
}

// FNV-1a, 64 bits (Fowler, Noll, Vo).
uint64_t HashString(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3;
  return hash;
}

}  // namespace

Result<DType> DTypeFromOnnx(int64_t data_type) {
  switch (data_type) {
    case 1: return DType::kFloat32;
    case 2: return DType::kUint8;
    case 3: return DType::kInt8;
    case 4: return DType::kUint16;
    case 5: return DType::kInt16;
    case 6: return DType::kInt32;
    case 7: return DType::kInt64;
    case 8: return DType::kString;
    case 9: return DType::kBool;
    case 10: return DType::kFloat16;
    case 11: return DType::kFloat64;
    case 12: return DType::kUint32;
    case 13: return DType::kUint64;
    case 16: return DType::kBFloat16;
    case 17: return DType::kFloat8E4M3FN;
    case 18: return DType::kFloat8E4M3FNUZ;
    case 19: return DType::kFloat8E5M2;
    case 20: return DType::kFloat8E5M2FNUZ;
    case 21: return DType::kUint4;
    case 22: return DType::kInt4;
    case 23: return DType::kFloat4E2M1;
    case 24: return DType::kFloat8E8M0;
    case 25: return DType::kUint2;
    case 26: return DType::kInt2;
    default: return Fail(ErrorCode::kUnsupportedOperator, "tensors of ONNX data type " + std::to_string(data_type));
  }
}

size_t RawBytes(DType dtype, const Shape& shape) {
  const size_t count = static_cast<size_t>(shape.elements()), per_byte = ValuesPerByte(dtype);
  return per_byte > 1 ? (count + per_byte - 1) / per_byte : count * SizeOf(dtype);
}

Result<ConstantPtr> FromRawBytes(DType dtype, const Shape& shape, Buffer raw) {
  if (ValuesPerByte(dtype) > 1) {
    DECAL_TRY_ASSIGN(auto tensor, ConstantTensor::Allocate(dtype, shape));
    FillFromRaw(*tensor, {raw.data(), raw.size_bytes()});
    return tensor;
  }
  CleanBools(dtype, raw.data(), raw.size_bytes());
  auto tensor = std::make_shared<ConstantTensor>();
  tensor->dtype = dtype;
  tensor->shape = shape;
  tensor->buffer = std::move(raw);
  return tensor;
}

Result<OnnxInitializer> ParseTensor(Bytes bytes) {
  OnnxInitializer result;
  Shape shape;
  int64_t data_type = 0, elements = 1;
  bool external = false, bad_shape = false;
  uint64_t length = UINT64_MAX;
  std::shared_ptr<ExternalPlace> place;
  Bytes raw;
  // The numeric fields may come in any number of pieces; the first pass finds type and shape, the second
  // the values, so that nothing is allocated before its size is known to be backed by bytes.
  WireReader first(bytes);
  size_t value_bytes = 0;
  while (first.Next()) {
    switch (first.field()) {
      case 1:
        first.RepeatedVarint([&](uint64_t v) {
          const int64_t extent = static_cast<int64_t>(v);
          if (shape.rank() == kMaxRank || extent < 0 || (extent > 0 && elements > kMaxTensorElements / extent)) {
            bad_shape = true;
          } else {
            shape.push_back(extent);
            elements *= extent;
          }
        });
        break;
      case 2: data_type = first.int64(); break;
      case 4:
      case 5:
      case 6:
      case 7:
      case 10:
      case 11:
        value_bytes += first.type() == WireType::kLengthDelimited && first.field() != 6 ? first.bytes().size() : 1;
        break;
      case 8: DECAL_TRY(CopyString(first.string(), result.name)); break;
      case 9: raw = first.bytes(); break;
      case 13:
        if (!place) place = std::make_shared<ExternalPlace>();
        DECAL_TRY(ParseExternalEntry(first.bytes(), *place, length));
        break;
      case 14: external = first.varint() == 1; break;
      default: break;
    }
  }
  if (first.corrupt()) return Corrupt("the tensor is malformed", result.name);
  if (bad_shape) return Fail(ErrorCode::kLimitExceeded, "the tensor is too large", result.name);
  Result<DType> dtype = DTypeFromOnnx(data_type);
  if (!dtype) return Fail(dtype.error().code, dtype.error().message, result.name);

  const size_t count = static_cast<size_t>(elements);
  const size_t per_byte = ValuesPerByte(*dtype);
  const size_t raw_bytes = RawBytes(*dtype, shape);
  if (external) {
    if (!place || !StaysInFolder(place->file))
      return Corrupt(
          "external data in '" + (place ? place->file : std::string()) + "', which is not in the model's folder",
          result.name);
    if ((length != UINT64_MAX && length != raw_bytes) || place->offset > UINT64_MAX - raw_bytes ||
        *dtype == DType::kString)
      return Corrupt("the external data's length does not match the tensor's shape", result.name);
    place->dtype = *dtype;
    place->shape = shape;
    place->size = raw_bytes;
    result.external = std::move(place);
    return result;
  }
  // Numbers (or four at most that are packed) take at least a byte on the wire, so the file backs every
  // allocation within a factor of 8.
  if (raw.empty() ? value_bytes < (count + per_byte - 1) / per_byte : raw.size() != raw_bytes)
    return Corrupt("a tensor of shape " + shape.ToString() + " whose values are missing or cut off", result.name);
  if (*dtype == DType::kString && !raw.empty()) return Corrupt("strings must not be raw data", result.name);
  DECAL_TRY_ASSIGN(auto tensor, ConstantTensor::Allocate(*dtype, shape));
  result.tensor = tensor;
  if (!raw.empty() || count == 0) {
    FillFromRaw(*tensor, raw);
    return result;
  }
  std::byte* to = tensor->buffer.data();
  size_t filled = 0;
  const size_t size = SizeOf(*dtype);
  // Numbers arrive as the bits of an element (floats below 32 bits are stored as bit patterns), lowest first.
  const auto store = [&](uint64_t value) {
    if (filled >= count) {
      ++filled;
    } else if (per_byte > 1) {
      const size_t some = std::min(per_byte, count - filled);
      Unpack(*dtype, value, to, filled, some);
      filled += some;
    } else {
      if (*dtype == DType::kBool) to[filled] = std::byte{value != 0};
      else std::memcpy(to + filled * size, &value, size);
      ++filled;
    }
  };
  const uint32_t field = FieldOf(*dtype);
  WireReader second(bytes);
  while (second.Next()) {
    if (second.field() != field) continue;
    switch (field) {
      case 4: second.RepeatedFixed<float>([&](float v) { store(uint64_t{std::bit_cast<uint32_t>(v)}); }); break;
      case 10: second.RepeatedFixed<double>([&](double v) { store(std::bit_cast<uint64_t>(v)); }); break;
      case 6: store(HashString(second.string())); break;
      default: second.RepeatedVarint(store); break;
    }
  }
  if (second.corrupt() || filled != count)
    return Corrupt("a tensor of shape " + shape.ToString() + " with " + std::to_string(filled) + " values",
                   result.name);
  return result;
}

Result<OnnxNode> ParseNode(Bytes bytes) {
  OnnxNode node;
  const auto add = [&](std::vector<std::string>& list, std::string_view text) -> Status {
    if (list.size() >= kMaxNodeInputs)
      return Fail(ErrorCode::kLimitExceeded, "the node has too many inputs", node.name);
    return CopyString(text, list.emplace_back());
  };
  WireReader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case 1: DECAL_TRY(add(node.inputs, reader.string())); break;
      case 2: DECAL_TRY(add(node.outputs, reader.string())); break;
      case 3: DECAL_TRY(CopyString(reader.string(), node.name)); break;
      case 4: DECAL_TRY(CopyString(reader.string(), node.op_type)); break;
      case 5: {
        DECAL_TRY_ASSIGN(OnnxAttribute attribute, ParseAttribute(reader.bytes()));
        if (node.attributes.size() >= kMaxNodeInputs)
          return Fail(ErrorCode::kLimitExceeded, "the node has too many attributes", node.name);
        node.attributes.push_back(std::move(attribute));
        break;
      }
      case 7: DECAL_TRY(CopyString(reader.string(), node.domain)); break;
      default: break;
    }
  }
  if (reader.corrupt()) return Corrupt("the node is malformed", node.name);
  return node;
}

Result<OnnxValueInfo> ParseValueInfo(Bytes bytes) {
  OnnxValueInfo info;
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 1) {
      DECAL_TRY(CopyString(reader.string(), info.name));
    } else if (reader.field() == 2) {  // TypeProto
      WireReader type(reader.bytes());
      while (type.Next()) {
        if (type.field() != 1) continue;  // tensor_type
        WireReader tensor(type.bytes());
        while (tensor.Next()) {
          if (tensor.field() == 1) {
            DECAL_TRY_ASSIGN(info.type.dtype, DTypeFromOnnx(tensor.int64()));
          } else if (tensor.field() == 2) {  // TensorShapeProto
            Shape shape;
            WireReader dims(tensor.bytes());
            while (dims.Next()) {
              if (dims.field() != 1) continue;
              int64_t extent = kDynamic;
              WireReader dim(dims.bytes());
              while (dim.Next())
                if (dim.field() == 1 && dim.int64() > 0) extent = dim.int64();
              if (dim.corrupt() || shape.rank() == kMaxRank || extent > kMaxTensorElements)
                return Corrupt("the shape is malformed or too large", info.name);
              shape.push_back(extent);
            }
            if (dims.corrupt()) return Corrupt("the shape is malformed", info.name);
            info.type.shape = shape;
          }
        }
        if (tensor.corrupt()) return Corrupt("the type is malformed", info.name);
      }
      if (type.corrupt()) return Corrupt("the type is malformed", info.name);
    }
  }
  if (reader.corrupt()) return Corrupt("the value description is malformed", info.name);
  return info;
}

}  // namespace decal
