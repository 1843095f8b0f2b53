// The two kinds of ffmpeg that an agent meets: the one of 2018 that comes from npm, and the one that the system has.

import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { tmpdir } from 'node:os';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { findFfmpeg, type FfmpegBinary } from '../../src/camera/ffmpeg-binary.ts';

export const bundled: FfmpegBinary = await findFfmpeg({ searchPath: '', dataDir: tmpdir() });

const hasSystem = requireTool('ffmpeg', "captures are tried with the system's ffmpeg as well");
export const ffmpegs: FfmpegBinary[] = hasSystem
  ? [bundled, await findFfmpeg({ searchPath: process.env.PATH, dataDir: tmpdir() })]
  : [bundled];

/** Runs the bundled ffmpeg to its end. @returns what it wrote to standard error. */
export async function runFfmpeg(...args: string[]): Promise<string> {
  const run = promisify(execFile);
  const { stderr } = await run(bundled.path, ['-hide_banner', '-nostdin', '-y', ...args]);
  return stderr;
}

export interface RunningCapture {
  pid: number;
  commandLine: string;
}

/** All captures and encoders that this test process has started and that still run. */
export async function runningCaptures(): Promise<RunningCapture[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map(readOwnChild));
  return found.filter((child) => child !== undefined);
}

async function readOwnChild(pid: string): Promise<RunningCapture | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    if (!new RegExp(`\\) [^Z] ${process.pid} `).test(stat)) return undefined;
    const commandLine = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
    return /frag_every_frame|mpeg1video/.test(commandLine) ? { pid: Number(pid), commandLine } : undefined;
  } catch {
    return undefined;
  }
}
