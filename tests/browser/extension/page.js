// A page of the extension, laid open for the tests.
// SPDX-License-Identifier: MIT
import * as decal from './decal/index.js';
import * as probe from './probe.js';

Object.assign(window, { decal, probe });
