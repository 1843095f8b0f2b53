import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

// JSMpeg brings styles for controls of its own, which are not used here and which the page's Content-Security-Policy forbids.
const jsmpegWithoutStyles: Plugin = {
  name: 'jsmpeg-without-styles',
  transform: (code, id) =>
    id.includes('/@cycjimmy/jsmpeg-player/')
      ? { code: code.replaceAll(/^styleInject\(.*\);$/gm, ''), map: null }
      : undefined,
};

// `npm run dev -w @sitecast/web` serves the page with hot reload against a server that runs on the default port.
export default defineConfig({
  plugins: [react(), jsmpegWithoutStyles],
  build: { outDir: 'dist', assetsInlineLimit: 0, modulePreload: { polyfill: false }, target: 'es2022' },
  server: { proxy: { '/api': { target: 'http://127.0.0.1:8080', ws: true } } },
});
