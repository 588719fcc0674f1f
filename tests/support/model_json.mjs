// JSON files beside models of one's own: what is wrong with some of them, for the command and Node alike.
// SPDX-License-Identifier: MIT

/** Content, the key that an error names (null: the file alone), and what it says. */
export const kWrongJson = [
  ['{"mean": [0.5, 0.5]}', 'mean', /three numbers/],
  ['{"mean": "0.5,0.5,0.5"}', 'mean', /three numbers/],
  ['{"std": [1, 0, 1]}', 'std', /each more than 0/],
  ['{"activation": "relu"}', 'activation', /one of none, sigmoid, softmax, bytes, auto/],
  ['{"activation": 1}', 'activation', /one of none/],
  ['{"input": {"rule": "long-side"}}', 'input.rule', /"stretch" or "short-side"/],
  ['{"input": {"width": 0}}', 'input.width', /whole pixels/],
  ['{"input": {"width": "64"}}', 'input.width', /whole pixels/],
  ['{"input": {"depth": 3}}', 'input.depth', /no such field/],
  ['{"input": 512}', 'input', /an object/],
  ['{"output": ""}', 'output', /the name of the output/],
  ['{"foregroundClass": 1.5}', 'foregroundClass', /a whole number/],
  ['{"passes": 3}', 'passes', /1 or 2/],
  ['{"inputs": {"ratio": "much"}}', 'inputs', /a number for each input/],
  ['{"averages": [0, 0, 0]}', 'averages', /no such field/],
  ['{"mean": [0.5, 0.5', null, /not valid JSON/],
  ['{"mean": [1e999, 0, 0]}', null, /./],
  ['[]', null, /an object, as an entry of models\/registry\.json/],
];
