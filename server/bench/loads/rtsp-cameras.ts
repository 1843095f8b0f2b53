// Foreign cameras: GStreamer's RTSP server, as the tests of the agent use it, sending a movie for ever or what it draws.

import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Load } from './load.ts';

export interface RtspCamerasOptions {
  movie: string;
  cameras: number;
}

interface RtspCamerasReport {
  urls: string[];
}

const SCRIPT = fileURLToPath(
  new URL('../../../edge-agent/test/integration/gstreamer-camera.py', import.meta.url),
);
/** Debian's own: another python on PATH does not see Debian's modules. */
const PYTHON = '/usr/bin/python3';
const PROBE = `
import gi
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
assert Gst.ElementFactory.find("appsrc") and Gst.ElementFactory.find("rtph264pay")`;

/** @returns undefined where they can run, with an ffmpeg that makes their movie. */
export function whyNoCameras(): string | undefined {
  if (spawnSync('ffmpeg', ['-version']).error) return 'ffmpeg is not installed';
  if (spawnSync(PYTHON, ['-c', PROBE]).status !== 0)
    return "GStreamer's RTSP server is not installed (gir1.2-gst-rtsp-server-1.0, python3-gi, gstreamer1.0-plugins-good)";
  return undefined;
}

/** Their server ends with this process, for its standard input does. */
export async function startRtspCameras({
  movie,
  cameras,
}: RtspCamerasOptions): Promise<Load<RtspCamerasReport>> {
  const args = [SCRIPT, '--movie', movie, '--cameras', String(cameras)];
  const port = await portOf(PYTHON, args);
  const urls = Array.from({ length: cameras }, (_, number) => `rtsp://127.0.0.1:${port}/cam${number}`);
  return { reset: () => undefined, report: () => ({ urls }) };
}

export interface DrawnCameraOptions {
  port: number;
  user?: string;
  password?: string;
}

/** One camera, at /cam. */
export async function startDrawnCamera({ port, user, password }: DrawnCameraOptions): Promise<Load<object>> {
  const login = user === undefined || password === undefined ? [] : ['--user', user, '--password', password];
  await portOf(PYTHON, [SCRIPT, '--port', String(port), ...login]);
  return { reset: () => undefined, report: () => ({}) };
}

function portOf(command: string, args: string[]): Promise<string> {
  const server = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    let output = '';
    server.stdout.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-1_000);
      const port = /^port (\d+)$/m.exec(output)?.[1];
      if (port !== undefined) resolve(port);
    });
    server.once('error', reject);
    server.once('exit', (code) => reject(new Error(`the RTSP server ended with ${code}`)));
  });
}
