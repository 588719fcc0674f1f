import { openDawnDevice } from './dawn.mjs';
import { withoutHalf } from './half.mjs';
import { familyOf } from './cases.mjs';
import { execFileSync } from 'node:child_process';
import { readFileSync, mkdtempSync } from 'node:fs';
const folder = mkdtempSync('/tmp/decal-gpu-');
execFileSync('build/native/tests/gpu/decal_gpu_cases', [folder, ...process.argv.slice(2)]);
const cases = JSON.parse(readFileSync(folder + '/cases.json', 'utf8'));
const cpu = () => { const u = process.cpuUsage(); return (u.user + u.system) / 1e6; };
const device = await openDawnDevice();
const seen = new Set(), by = new Map(); const all=[];
for (const c of cases) for (const p of c.plan.pipelines) {
  const key = p.writable.join() + p.code; if (seen.has(key)) continue; seen.add(key);
  const c0 = cpu();
  const m = device.createShaderModule({ code: withoutHalf(p.code) });
  const l = device.createBindGroupLayout({ entries: [{binding:0,visibility:4,buffer:{type:'uniform'}}, ...p.writable.map((w,i)=>({binding:i+1,visibility:4,buffer:{type:w?'storage':'read-only-storage'}}))]});
  await device.createComputePipelineAsync({ layout: device.createPipelineLayout({bindGroupLayouts:[l]}), compute: { module: m, entryPoint: 'main' } });
  const d = cpu() - c0;
  const k = p.label; const e = by.get(k) ?? [0, 0]; e[0]++; e[1] += d; by.set(k, e);
  all.push([d, c.name, p.label]);
}
console.log([...by].sort((a, b) => b[1][1] - a[1][1]).slice(0, 25).map(([k, [n, s]]) => `${k}: ${n} pipelines ${s.toFixed(1)} s`).join('\n'));
console.log(all.sort((a,b)=>b[0]-a[0]).slice(0,50).map((a)=>a.join(' ')).join('\n'));
console.log('total', all.reduce((s, a) => s + a[0], 0), all.length);
device.destroy(); process.exit(0);
