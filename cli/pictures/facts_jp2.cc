// Size and depth of a JPEG 2000 picture: the SIZ segment of its code stream (ITU-T T.800, A.5.1).
// SPDX-License-Identifier: MIT
#include "cli/pictures/facts.h"

#include <algorithm>

namespace decal::cli {
namespace {

// Where the code stream begins: at once, or in the box "jp2c".
size_t CodeStream(ByteSpan file, const Numbers& numbers) {
  if (StartsWith(file, "\xff\x4f")) return 0;
  for (size_t at = 0; at + 8 <= file.size();) {
    uint64_t size = numbers.U32(at);
    const size_t head = size == 1 ? 16 : 8;
    if (HasAt(file, at + 4, "jp2c")) return at + head;
    if (size == 1) size = numbers.Get(at + 8, 8);
    if (size < head || size > file.size() - at) break;
    at += size;
  }
  return file.size();
}

}  // namespace

Result<FileFacts> Jp2Facts(ByteSpan file) {
  FileFacts facts;
  const Numbers numbers(file, true);
  const size_t siz = CodeStream(file, numbers) + 2;
  const int marker = numbers.U16(siz);
  facts.width = int64_t{numbers.U32(siz + 6)} - numbers.U32(siz + 14);
  facts.height = int64_t{numbers.U32(siz + 10)} - numbers.U32(siz + 18);
  facts.channels = numbers.U16(siz + 38);
  facts.bits = (numbers.U8(siz + 40) & 0x7f) + 1;
  if (numbers.failed() || marker != 0xff51 || facts.channels == 0) return CutShort();
  for (int i = 1; i < std::min(facts.channels, 4); ++i) {
    if ((numbers.U8(siz + 40 + 3 * static_cast<size_t>(i)) & 0x7f) + 1 != facts.bits) {
      return Fail(ErrorCode::kUnsupported, "JPEG 2000 whose channels differ in depth is not read");
    }
  }
  if (facts.bits > 16) return Fail(ErrorCode::kUnsupported, "JPEG 2000 with more than 16 bits is not read");
  return facts;
}

}  // namespace decal::cli
