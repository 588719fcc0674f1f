// The package as it is built, for pages of a site whose /decal has the small version of the default model.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import * as decal from '/whole/index.js';
import * as probe from './probe.js';

Object.assign(window, { decal, probe });
