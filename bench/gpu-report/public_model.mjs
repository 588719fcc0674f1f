// A model of the report as the package's public calls take it.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { pathToFileURL } from 'node:url';
import { runnable } from './step.mjs';

export function publicModel(model) {
  const { size, mean, std } = model;
  return { url: pathToFileURL(runnable(model)), input: { rule: 'stretch', width: size, height: size, multiple: 1 }, mean, std, activation: 'none' };
}
