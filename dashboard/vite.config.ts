import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/** The gateway of `npm start`, for `npx vite dashboard`. */
const GATEWAY = process.env.SLUICE_URL ?? 'http://127.0.0.1:8080';
/** Smaller files gain nothing from compression. */
const MIN_COMPRESSED_BYTES = 1_024;

/** Writes FILE.gz beside each file, which the gateway sends to browsers that accept it. */
function compressed(): Plugin {
  return {
    name: 'sluice-compressed',
    apply: 'build',
    // After all plugins, because Vite completes the code of dynamic imports in its own generateBundle.
    writeBundle({ dir = '' }, bundle) {
      for (const fileName of Object.keys(bundle)) {
        const source = readFileSync(join(dir, fileName));
        if (source.length >= MIN_COMPRESSED_BYTES)
          writeFileSync(join(dir, `${fileName}.gz`), gzipSync(source, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  root: import.meta.dirname,
  base: '/ui/',
  plugins: [react(), compressed()],
  worker: { format: 'es' },
  build: {
    outDir: 'dist',
    // /ui/assets/ID is the page of an asset.
    assetsDir: 'static',
    target: 'es2023',
    // The Content-Security-Policy of the gateway allows no inline script.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1_500,
  },
  server: {
    proxy: Object.fromEntries(
      ['/api', '/system', '/function', '/async-function', '/healthz', '/metrics'].map((path) => [path, GATEWAY]),
    ),
  },
});
