// Reads agent.yaml: all problems at once, each with its line, before anything opens.

import { dirname, resolve } from 'node:path';
import { checkConfig, type ConfigProblem } from '@sitecast/shared/node/load-config';
import {
  followReferences,
  readText,
  resolveSource,
  type Environment,
  type ReferenceOptions,
  type ReferenceProblem,
} from './config-references.ts';
import { configInvalid, readConfigText, type ConfigText } from './config-text.ts';
import { agentConfigSchema, type AgentConfig, type AgentSettings, type CameraSettings } from './config.ts';

export type { Environment } from './config-references.ts';

/**
 * Paths in the file are relative to the file. `SITECAST_AGENT_SECRET` wins over `uplink.secretFile`, `FFMPEG_PATH` over
 * `ffmpegPath`.
 * @throws {AppError} CONFIG_INVALID with every problem found.
 */
export async function loadAgentConfig(path: string, env: Environment): Promise<AgentConfig> {
  const file = readConfigText(await readText(path, 'the configuration file'), path);
  const options = { env, inFolder: (relative: string) => resolve(dirname(path), relative) };
  const { isValid, settings, problems } = checkConfig(agentConfigSchema, file.values);
  const references = await followReferences(file.values, options);
  const { secret, caPem, credentials } = references;
  if (!isValid || secret === undefined || references.problems.length > 0)
    throw configInvalid(path, withLines([...problems, ...references.problems], file));
  const { siteBroker } = settings;
  return {
    ...settings,
    dataDir: options.inFolder(settings.dataDir),
    ffmpegPath: env.FFMPEG_PATH ?? (settings.ffmpegPath && options.inFolder(settings.ffmpegPath)),
    cameras: settings.cameras.map((camera) => resolveSources(camera, options)),
    siteBroker: siteBroker && { ...siteBroker, credentials: [...siteBroker.credentials, ...credentials] },
    secret,
    caPem,
  };
}

/** Follows no reference. @throws {AppError} CONFIG_INVALID; each problem names its key and its line. */
export function parseAgentYaml(text: string, subject: string): AgentSettings {
  const file = readConfigText(text, subject);
  const { isValid, settings, problems } = checkConfig(agentConfigSchema, file.values);
  if (isValid) return settings;
  throw configInvalid(subject, withLines(problems, file));
}

function withLines(problems: readonly (ConfigProblem | ReferenceProblem)[], { lineOf }: ConfigText) {
  return problems.map(({ path, sentence }) => ({
    line: lineOf(path),
    text: path.length === 0 ? 'it must be a map of keys, in lines such as "site: NAME"' : sentence,
  }));
}

function resolveSources(camera: CameraSettings, options: ReferenceOptions): CameraSettings {
  const { source, subStream } = camera;
  return {
    ...camera,
    source: resolveSource(source, options),
    subStream: subStream && resolveSource(subStream, options),
  };
}
