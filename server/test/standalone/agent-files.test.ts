import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { writeAgentFiles } from '../../src/standalone/agent-files.ts';

const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

function write(cameras: string[], demo: boolean) {
  const dir = mkdtempSync(join(tmpdir(), 'sitecast-agent-files-'));
  folders.push(dir);
  const files = writeAgentFiles({ dir, cameras, demo, mqttPort: 1, mediaPort: 2 });
  return { dir, files, config: parse(readFileSync(files.configPath, 'utf8')) };
}

describe('files of the local agent', () => {
  it('names real cameras by number and demo cameras by their name', () => {
    const { config } = write(['rtsp://u:p@host/1', 'demo:back-yard'], true);
    expect(config.cameras.map(({ id, name }: { id: string; name: string }) => [id, name])).toEqual([
      ['camera-1', 'Camera 1'],
      ['back-yard', 'Back yard'],
      ['courtyard', 'Courtyard'],
    ]);
    expect(config.sensors).toHaveLength(2);
  });

  it('has neither drawn camera nor drawn sensors without the demo', () => {
    const { config } = write([], false);
    expect(config).toMatchObject({ cameras: [], sensors: [] });
  });

  it('keeps camera passwords and the secret from other users', () => {
    const { dir, files } = write(['rtsp://u:p@host/1'], false);
    expect(files.secret).toBeUndefined();
    files.writeSecret('s3cret');
    for (const name of ['agent.yaml', 'secret']) expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600);
    expect(writeAgentFiles({ dir, cameras: [], demo: true, mqttPort: 1, mediaPort: 2 }).secret).toBe(
      's3cret',
    );
  });
});
