// Shaders with float16 storage for drivers without float16: the software driver is one.
// SPDX-License-Identifier: MIT

/** The same shader over words: loads unpack, stores pack. Exact where the driver rounds to nearest. */
export function withoutHalf(code) {
  if (!code.includes('enable f16;')) return code;
  let accessors = '';
  const names = [];
  code = code.replace('enable f16;\n', '').replace('alias Quad = vec4<f16>;', 'alias Quad = vec4f;'); // what memory held fits both
  code = code.replace(/var<storage, (\w+)> (b\d+): array<(f16|vec4<f16>)>;/g, (_, access, b, type) => {
    names.push(b);
    const writable = access === 'read_write';
    if (type === 'f16') {
      const word = writable ? `atomicLoad(&${b}[i >> 1u])` : `${b}[i >> 1u]`;
      accessors += `fn load_${b}(i: u32) -> f32 { return unpack2x16float(${word})[i & 1u]; }\n`;
      // Neighbours share a word: each changes its half alone.
      if (writable)
        accessors +=
          `fn store_${b}(i: u32, v: f32) {\n  let s = (i & 1u) * 16u;\n` +
          `  atomicAnd(&${b}[i >> 1u], ~(0xffffu << s));\n` +
          `  atomicOr(&${b}[i >> 1u], (pack2x16float(vec2f(v, 0.0)) & 0xffffu) << s);\n}\n`;
      return `var<storage, ${access}> ${b}: array<${writable ? 'atomic<u32>' : 'u32'}>;`;
    }
    accessors +=
      `fn load_${b}(i: u32) -> vec4f { let w = ${b}[i]; ` +
      'return vec4f(unpack2x16float(w.x), unpack2x16float(w.y)); }\n';
    if (writable)
      accessors +=
        `fn store_${b}(i: u32, v: vec4f) { ${b}[i] = vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }\n`;
    return `var<storage, ${access}> ${b}: array<vec2u>;`;
  });
  for (const b of names) {
    code = code
      .replaceAll(new RegExp(`\\b${b}\\[([^=;]*?)\\] = (?:f16|vec4<f16>)\\((v[.\\w\\[\\]]*)\\);`, 'g'), `store_${b}($1, $2);`)
      .replaceAll(`f32(${b}[k >> 2u][k & 3u])`, `load_${b}(k >> 2u)[k & 3u]`)
      .replaceAll(new RegExp(`(?:f32|vec4f)\\(${b}\\[([^;]*?)\\]\\)`, 'g'), `load_${b}($1)`);
  }
  return code + accessors;
}
