// The extension's service worker: the same package without workers of its own.
// SPDX-License-Identifier: MIT
import * as decal from './decal/inline.js';

Object.assign(self, { decal });
