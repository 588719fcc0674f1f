import { openDawnDevice } from './dawn.mjs';
import { readFileSync } from 'node:fs';
const p = JSON.parse(readFileSync('/tmp/plan_birefnet_lite_512.json', 'utf8')).pipelines.filter((x) => x.label === 'convolution').slice(0, 8);
const cpu = () => { const u = process.cpuUsage(); return (u.user + u.system) / 1e6; };
const device = await openDawnDevice();
const make = (p) => {
  const m = device.createShaderModule({ code: p.code });
  const l = device.createBindGroupLayout({ entries: [{binding:0,visibility:4,buffer:{type:'uniform'}}, ...p.writable.map((w,i)=>({binding:i+1,visibility:4,buffer:{type:w?'storage':'read-only-storage'}}))]});
  return device.createComputePipelineAsync({ layout: device.createPipelineLayout({bindGroupLayouts:[l]}), compute: { module: m, entryPoint: 'main' } });
};
let c = cpu(), t = Date.now();
for (const x of p) await make(x);
console.log('serial', cpu() - c, (Date.now() - t) / 1000);
for (const x of p) x.code += ' ';
const p2 = p.map((x) => ({ ...x, code: x.code.replace('const WG_X', 'const EXTRA = 1;\nconst WG_X').replaceAll('acc', 'acc') }));
c = cpu(), t = Date.now();
await Promise.all(p2.map(make));
console.log('parallel', cpu() - c, (Date.now() - t) / 1000, p.length);
device.destroy(); process.exit(0);
