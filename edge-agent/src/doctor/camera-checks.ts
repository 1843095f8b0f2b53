// Whether each camera can be reached. What it sends is for `probe`: a camera that runs already may allow only one session.

import { access } from 'node:fs/promises';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { parseSource, resolveHost, type RtspSource } from '../camera/source.ts';
import { failed, ok, type Finding } from '@sitecast/shared/node/check';
import { reach } from './uplink-checks.ts';

const RTSP_PORT = 554;
const RTSPS_PORT = 322;

export async function checkCamera({ source: text }: { source: string }): Promise<Finding> {
  const source = parseSource(text);
  switch (source.kind) {
    case 'demo':
      return ok('drawn on the gateway');
    case 'file':
      return access(source.path).then(
        () => ok(source.path),
        () =>
          failed(
            `${source.path} cannot be read`,
            'check the path, and that the user of the agent may read it',
          ),
      );
    case 'rtsp':
      return checkRtsp(source);
  }
}

async function checkRtsp(source: RtspSource): Promise<Finding> {
  const port = portOf(source);
  try {
    await reachCamera(source);
    return ok(`${source.host}:${port} answers; "probe" tells what it sends`);
  } catch (error) {
    const advice = 'check power, cable and address of the camera, and that RTSP is switched on in it';
    return failed(`${source.host}:${port}: ${messageOf(error)}`, advice);
  }
}

/** Rejects, with what people can read, where nothing takes the connection. */
export async function reachCamera(source: RtspSource): Promise<void> {
  const { host } = await resolveHost(source);
  // TLS is ffmpeg's business here: cameras sign their certificates themselves.
  await reach({ host: host.replace(/^\[|\]$/g, ''), port: portOf(source), isTls: false });
}

function portOf({ port, isEncrypted }: RtspSource): number {
  return port ?? (isEncrypted ? RTSPS_PORT : RTSP_PORT);
}
