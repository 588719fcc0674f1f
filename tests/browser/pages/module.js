// The package as a page without a bundler uses it, laid open for the tests.
// SPDX-License-Identifier: MIT
import * as decal from '/decal/index.js';
import * as probe from './probe.js';
import { runSequences } from './sequences.js';
import { removeSource } from './sources.js';

Object.assign(window, { decal, probe, removeSource, runSequences });
