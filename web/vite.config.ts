import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

// `npm run dev` serves the page with hot reload and passes everything else to a gateway that is already running.
const gateway = process.env.HUTONG_DEV_GATEWAY ?? 'http://127.0.0.1:8080'
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: 'app',
  // Relative, so that the page also works under a path of a reverse proxy.
  base: './',
  plugins: [vue()],
  resolve: { alias: { '@app': here('app/src'), '@desk': here('desk'), '@agent': here('agent'), '@caller': here('caller') } },
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: ['es2020', 'chrome87', 'firefox78', 'safari14'],
    // No data: URLs, so that a strict Content-Security-Policy can be set.
    assetsInlineLimit: 0,
    // The licences of what is bundled travel with it.
    license: { fileName: 'licenses.md' },
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
    // The console of agents and the page of callers are pages of their own: neither pays for the other.
    rolldownOptions: { input: [here('app/index.html'), here('app/agent.html'), here('app/caller.html')] },
  },
  server: {
    proxy: Object.fromEntries(['/api', '/whip', '/whep', '/live'].map((path) => [path, { target: gateway, ws: true }])),
    fs: { allow: [here('.')] },
  },
  test: {
    environment: 'node',
    dir: here('.'),
    include: ['{app/src,agent,caller,desk}/**/*.test.ts'],
  },
})
