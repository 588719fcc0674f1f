'use client';

import { removeBackground, subscribeToProgress } from 'decal';
import { useEffect, useState } from 'react';

export function CutOut() {
  const [file, setFile] = useState(null);
  const [cutout, setCutout] = useState(null);
  const [status, setStatus] = useState('Choose a photo.');

  useEffect(
    () => subscribeToProgress(({ phase, progress }) => {
      if (phase === 'downloading') setStatus(`Loading the model: ${progress} %`);
    }),
    [],
  );

  useEffect(() => {
    if (!file) return undefined;
    const controller = new AbortController();
    let removed = null;
    setStatus('Working…');
    removeBackground(file, { signal: controller.signal }).then(
      (result) => {
        removed = result;
        setCutout(result);
        setStatus(`Done in ${result.processingTimeSeconds.toFixed(1)} s`);
      },
      (error) => {
        if (!controller.signal.aborted) setStatus(error.message);
      },
    );
    return () => {
      controller.abort();
      setCutout(null);
      removed?.revoke();
    };
  }, [file]);

  return (
    <>
      <label>Photo <input type="file" accept="image/*" onChange={(event) => setFile(event.target.files[0] ?? null)} /></label>
      <p role="status">{status}</p>
      {/* biome-ignore lint/performance/noImgElement: a blob of this page, which next/image cannot optimise */}
      {cutout && <img src={cutout.blobUrl} width={cutout.width} height={cutout.height} alt="cut-out" />}
    </>
  );
}
