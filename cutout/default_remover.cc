// The Remover of the embedded default model: native builds only, since WebAssembly builds embed no weights.
// SPDX-License-Identifier: MIT
#include "decal/cutout.h"
#include "engine/base/result.h"

namespace decal {

Result<Remover> Remover::CreateDefault(ThreadRunner& runner) {
  DECAL_TRY_ASSIGN(Session session, Session::Load(DefaultModelBytes()));
  return Create(std::move(session), Models().front(), runner);
}

}  // namespace decal
