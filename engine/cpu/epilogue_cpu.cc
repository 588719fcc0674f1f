// Converts the operators' epilogue to that of the SIMD layer.
// SPDX-License-Identifier: MIT
#include "engine/cpu/epilogue_cpu.h"

#include <limits>

namespace decal {

cpu::Epilogue ToCpuEpilogue(const Epilogue& epilogue) {
  cpu::Epilogue result;
  if (epilogue.residual == Epilogue::Residual::kBeforeActivation)
    result.residual = cpu::Epilogue::Residual::kBeforePost;
  if (epilogue.residual == Epilogue::Residual::kAfterActivation) result.residual = cpu::Epilogue::Residual::kAfterPost;
  if (epilogue.prelu_slope) result.post = cpu::Epilogue::Post::kSlopes;
  if (!epilogue.activation) return result;
  result.activation = *epilogue.activation;
  switch (epilogue.activation->kind) {
    case UnaryKind::kRelu:
      result.post = cpu::Epilogue::Post::kClamp;
      result.low = 0;
      result.high = std::numeric_limits<float>::infinity();
      break;
    case UnaryKind::kClip:
      result.post = cpu::Epilogue::Post::kClamp;
      result.low = epilogue.activation->alpha;
      result.high = epilogue.activation->beta;
      break;
    case UnaryKind::kLeakyRelu:
      result.post = cpu::Epilogue::Post::kLeaky;
      result.low = epilogue.activation->alpha;
      break;
    default: result.post = cpu::Epilogue::Post::kActivate;
  }
  return result;
}

}  // namespace decal
