// The package as an application with a bundler uses it, laid open for the tests.
// SPDX-License-Identifier: MIT
import * as decal from 'decal';
import * as probe from './probe.js';

Object.assign(window, { decal, probe });
