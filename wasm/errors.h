// The last failure, as decal_error() returns it.
// SPDX-License-Identifier: MIT
#pragma once

#include "decal/result.h"

namespace decal {

void ClearError();
void SetError(const Error& error);
// The same without allocating.
void SetOutOfMemoryError();

}  // namespace decal
