// Starts the bare `ws` broadcaster.

import { fileURLToPath } from 'node:url';
import { Program } from '../harness/program.ts';

const BARE_WS = fileURLToPath(new URL('./bare-ws.js', import.meta.url));

export async function startBareWs(): Promise<{ program: Program; port: number; feedPort: number }> {
  const program = new Program({ command: process.execPath, args: [BARE_WS] });
  const [json] = await program.printed(/\{"ready".*\}/, 10_000);
  return { program, ...(JSON.parse(json) as { port: number; feedPort: number }) };
}
