// Starts gstreamer-camera.py, a foreign RTSP server, and ends it with the test.

import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { waitFor } from '../support.ts';

const SCRIPT = fileURLToPath(new URL('gstreamer-camera.py', import.meta.url));
// Debian's own: another python on PATH does not see Debian's modules.
const PYTHON = '/usr/bin/python3';

export interface GstreamerCamera {
  port: number;
  /** How often somebody connected. */
  clients: () => number;
  kill: () => Promise<void>;
}

/** @throws {Error} under CI when GStreamer's RTSP server is missing; otherwise says so and lets the suite skip. */
export function requireGstreamer(): boolean {
  const script =
    "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer";
  if (spawnSync(PYTHON, ['-c', script]).status === 0) return true;
  const sentence =
    "SKIPPED: GStreamer's RTSP server is not installed (gir1.2-gst-rtsp-server-1.0, python3-gi)";
  if (process.env.CI) throw new Error(sentence);
  process.stderr.write(`\n  ##  ${sentence}\n`);
  return false;
}

export async function startGstreamerCamera(...options: string[]): Promise<GstreamerCamera> {
  const server = spawn(PYTHON, [SCRIPT, ...options], { stdio: ['pipe', 'pipe', 'inherit'] });
  const gone = new Promise<void>((resolve) => server.once('close', () => resolve()));
  let output = '';
  server.stdout.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  const kill = async (): Promise<void> => {
    server.kill('SIGKILL');
    await gone;
  };
  onTestFinished(kill);
  const port = await waitFor(() => /^port (\d+)$/m.exec(output)?.[1], "GStreamer's port");
  return {
    port: Number(port),
    clients: () => output.split('\n').filter((line) => line === 'client').length,
    kill,
  };
}
