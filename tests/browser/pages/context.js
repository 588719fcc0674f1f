// The package in a worker of the page's, whatever kind: removes the background of what it is told, and tells how it went.
// The query of the script's address says which entry of the package: `index` or `inline`.
// SPDX-License-Identifier: MIT
const entry = new URL(self.location.href).searchParams.get('entry');

async function answer({ url, options }) {
  const decal = await import(`/decal/${entry}.js`);
  const { outcome } = await import('./probe.js');
  const { value, error } = await outcome(decal.removeBackground(url, options), decal.DecalError);
  if (error) return { error };
  const { width, height, blob, blobUrl, execution } = value;
  value.revoke();
  return { value: { width, height, blob, blobUrl, execution } };
}

const listen = (port) => {
  port.onmessage = async ({ data }) => port.postMessage(await answer(data));
};
if ('onconnect' in self) self.onconnect = ({ ports }) => listen(ports[0]);
else listen(self);
