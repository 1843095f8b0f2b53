import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// `npm run dev -w @sitecast/web` serves the page with hot reload against a server that runs on the default port.
export default defineConfig({
  plugins: [react()],
  build: { outDir: 'dist', assetsInlineLimit: 0, modulePreload: { polyfill: false }, target: 'es2022' },
  server: { proxy: { '/api': { target: 'http://127.0.0.1:8080', ws: true } } },
});
