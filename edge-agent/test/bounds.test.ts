import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MAX_CAMERAS_PER_AGENT, MAX_UPLINK_IN_FLIGHT, MIB } from '@sitecast/shared/protocol/limits';
import {
  STDERR_LINE_CHARACTERS,
  STDERR_LINES,
  STDERR_PARTIAL_CHARACTERS,
} from '../src/camera/child-process.ts';
import { CAPTURE_TIMES_MAX } from '../src/camera/encoder/capture-times.ts';
import { WRITER_MAX_BYTES, WRITER_MAX_MS } from '../src/camera/encoder/fragment-writer.ts';
import { MAX_TS_UNIT_BYTES } from '../src/camera/encoder/mpeg-ts-splitter.ts';
import { MAX_BOX_BYTES } from '../src/camera/fmp4-splitter.ts';
import { GOP_RING_MAX_BYTES } from '../src/camera/gop-ring.ts';
import { MAX_PICTURE_BYTES } from '../src/camera/jpeg-splitter.ts';
import { MAX_UNPAIRED_PICTURES } from '../src/camera/keyframe-pictures.ts';
import {
  MAX_CLIP_PICTURES,
  UNWRITTEN_MAX_BYTES as UNWRITTEN_CLIP_BYTES,
} from '../src/clips/clip-recorder.ts';
import { MAX_CLIPS } from '../src/clips/clip-store.ts';
import { MAX_CHUNKS_IN_LANE } from '../src/clips/clip-uploader.ts';
import { MAX_RECORDINGS } from '../src/clips/clips.ts';
import { MAX_REFUSAL_LINES } from '../src/config-reload.ts';
import { REMEMBERED_MAX_COMMANDS, RUNNING_MAX_COMMANDS } from '../src/control/command-desk.ts';
import {
  MAX_ANSWER_BYTES,
  MAX_ANSWERS,
  MAX_DEVICES,
  MAX_DEVICES_PER_ADDRESS,
} from '../src/discovery/camera-search.ts';
import { MAX_PROFILES } from '../src/discovery/onvif-answer.ts';
import { DEVICE_DEADLINE_MS, DEVICE_MAX_BYTES, WORKER_MAX_HEAP_MIB } from '../src/discovery/onvif-device.ts';
import { UNSEALED_MAX_GAPS, UNSEALED_MAX_READINGS, UNSEALED_MAX_SNAPSHOTS } from '../src/evidence/sealer.ts';
import { MAX_SNAPSHOTS_QUEUED } from '../src/imaging/snapshot-maker.ts';
import { ALL_GUESSES, GUESSES, MAX_SESSIONS } from '../src/preview/preview-login.ts';
import { MAX_VIEWERS } from '../src/preview/preview-server.ts';
import {
  SILENCE_MAX_MS,
  UNCONFIRMED_MAX_BYTES,
  UNCONFIRMED_MAX_BYTES_A_CAMERA,
} from '../src/preview/viewer-stream.ts';
import { MAX_TRACKS } from '../src/probe/stream-log.ts';
import { ALL_RINGS_MAX_BYTES } from '../src/rack/camera-rack.ts';
import { SUB_STREAM_RING_MAX_BYTES } from '../src/rack/camera-unit.ts';
import { MAX_NOTED_EVENTS } from '../src/reporting/open-events.ts';
import { MAX_ACTIONS, MAX_RULES } from '../src/rules/rule.ts';
import { MAX_WAITING } from '../src/rules/rule-engine.ts';
import { WINDOW_MAX_BYTES, WINDOW_MIN_BYTES } from '../src/live/flow-window.ts';
import { WITHDRAWN_MAX_MS } from '../src/live/live-publisher.ts';
import { WAITING_MAX_BYTES as FRAGMENTS_WAITING_MAX_BYTES } from '../src/live/fragment-stream.ts';
import { LIVE_SOCKET_MAX_BYTES, WAITING_MAX_BYTES, WAITING_MAX_MESSAGES } from '../src/uplink/connection.ts';
import { SITE_LIMITS } from '../src/sensors/site-limits.ts';
import { UNMAPPED_MAX_TOPICS } from '../src/sensors/unmapped-topics.ts';
import { BASE_MAX_MINUTES } from '../src/uplink/ack-meter.ts';
import { MAX_IN_FLIGHT_BYTES } from '../src/uplink/replay-pace.ts';
import { TOLD_UNITS_MAX } from '../src/uplink/told-units.ts';
import {
  SAVE_AT_LEAST_EVERY_BYTES,
  SAVE_EVERY_MS,
  SAVE_MIN_INTERVAL_MS,
} from '../src/uplink/traffic-ledger.ts';
import { FORECAST_MAX_DAYS, PERIODS_MAX } from '../src/uplink/traffic-month.ts';
import { FIRST_WAIT_MS, MAX_WAIT_MS, REMEMBERED_MAX_LOOKS } from '../src/uplink/uplink-ladder.ts';
import { MAX_ACKED_RANGES } from '../src/uplink/spool-log.ts';
import { SET_ASIDE_MAX_BYTES, SET_ASIDE_MAX_FILES } from '../src/uplink/spool-segment.ts';
import {
  MAX_BELOW_ALARMS_IN_FLIGHT,
  MAX_CLIP_CHUNKS_IN_FLIGHT,
  MAX_SNAPSHOTS_IN_FLIGHT,
  MAX_SPOOL_IN_FLIGHT,
} from '../src/uplink/spool-sender.ts';
import { UNWRITTEN_MAX_BYTES, UNWRITTEN_MAX_MESSAGES } from '../src/uplink/spool.ts';

const mib = (bytes: number): string => `${bytes / MIB} MiB`;
const count = (number: number): string => number.toLocaleString('en');

const EXPECTED = {
  'put and not yet on disk': `${count(UNWRITTEN_MAX_MESSAGES)} messages, ${mib(UNWRITTEN_MAX_BYTES)}`,
  'un-acknowledged, data connection': `${MAX_UPLINK_IN_FLIGHT} messages; from the spool ${MAX_SPOOL_IN_FLIGHT} and ${mib(MAX_IN_FLIGHT_BYTES)}, ${MAX_BELOW_ALARMS_IN_FLIGHT} of them other than alarms, ${MAX_SNAPSHOTS_IN_FLIGHT} snapshots, ${MAX_CLIP_CHUNKS_IN_FLIGHT} pieces of clips`,
  'pieces of what is acknowledged, a lane': `${MAX_ACKED_RANGES}`,
  'readings that no seal names yet': count(UNSEALED_MAX_READINGS),
  'snapshots that no seal names yet': count(UNSEALED_MAX_SNAPSHOTS),
  'gaps that no seal names yet': count(UNSEALED_MAX_GAPS),
  'series whose units were told': count(TOLD_UNITS_MAX),
  'damaged parts set aside': `${SET_ASIDE_MAX_FILES} files of ${mib(SET_ASIDE_MAX_BYTES)} a lane`,
  'waiting for a place among them': `${WAITING_MAX_MESSAGES} messages, ${mib(WAITING_MAX_BYTES)}`,
  'live bytes un-acknowledged, a stream': `${WINDOW_MIN_BYTES / 1024} KiB to ${mib(WINDOW_MAX_BYTES)}, about 1 s`,
  'live fragments waiting, a stream': `${mib(FRAGMENTS_WAITING_MAX_BYTES)}, 1 s`,
  'live bytes in the socket': mib(LIVE_SOCKET_MAX_BYTES),
  'lease of a stream that is not offered any more': `${WITHDRAWN_MAX_MS / 1_000} s`,
  'wait before more is offered again': `${FIRST_WAIT_MS / 1_000} s to ${MAX_WAIT_MS / 60_000} min`,
  'throughputs, and shortest round trips, of the uplink that are remembered': `${REMEMBERED_MAX_LOOKS} of a second; ${BASE_MAX_MINUTES} of a minute`,
  'days of traffic for the forecast': `${FORECAST_MAX_DAYS}`,
  'billing periods whose traffic is known': `${PERIODS_MAX}`,
  'writes of the count of traffic': `one in ${SAVE_EVERY_MS / 1_000} s; after ${mib(SAVE_AT_LEAST_EVERY_BYTES)} one in ${SAVE_MIN_INTERVAL_MS / 1_000} s`,
  'GOP rings: the newest GOP, and `clips.preRollSeconds`': `${mib(GOP_RING_MAX_BYTES)} a camera, ${mib(ALL_RINGS_MAX_BYTES)} in all`,
  'GOP ring of a second stream': `${mib(SUB_STREAM_RING_MAX_BYTES)}, while \`low\` is leased`,
  'clips being recorded': `${MAX_RECORDINGS}, one a camera`,
  'a clip': `\`clips.maxSeconds\`, 60; \`clips.maxBytes\`, 32 MiB; ${count(MAX_CLIP_PICTURES)} pictures`,
  'fragments of a clip waiting for the disk': `${mib(UNWRITTEN_CLIP_BYTES)} beside the pre-roll`,
  'clips on the gateway': `\`clips.quotaBytes\`, 1 GiB; ${count(MAX_CLIPS)} clips`,
  'pieces of clips in the spool': `${MAX_CHUNKS_IN_LANE}`,
  'snapshots waiting to be made': count(MAX_SNAPSHOTS_QUEUED),
  'standard error of a capture or an encoder': `${STDERR_LINES} lines of ${STDERR_LINE_CHARACTERS} characters, ${count(STDERR_PARTIAL_CHARACTERS)} of an unfinished line`,
  'fMP4 box of a capture or an encoder': `${mib(MAX_BOX_BYTES)}, 2 at a time`,
  'keyframe picture of a capture': mib(MAX_PICTURE_BYTES),
  'keyframe pictures of which the JPEG or the luma is not there yet, a capture': count(MAX_UNPAIRED_PICTURES),
  'events noted for the next start, and ends that the spool refused': count(MAX_NOTED_EVENTS),
  'rules; actions of one; actions that wait': `${MAX_RULES}; ${MAX_ACTIONS}; ${MAX_WAITING}`,
  'fragments waiting for an encoder': `${mib(WRITER_MAX_BYTES)}, ${WRITER_MAX_MS / 1000} s`,
  'MPEG-1 picture of an encoder': mib(MAX_TS_UNIT_BYTES),
  'pictures within an encoder whose time is remembered': count(CAPTURE_TIMES_MAX),
  'commands under way; remembered': `${RUNNING_MAX_COMMANDS}; ${REMEMBERED_MAX_COMMANDS}`,
  'lines of a refused configuration in the log': `${MAX_REFUSAL_LINES}`,
  'connections of the site broker':
    '`siteBroker.maxConnections`, 64; ' +
    `${SITE_LIMITS.connectsPerSecond} new ones a second, ${SITE_LIMITS.connectsBurst} at once`,
  'packet on the site broker': `${SITE_LIMITS.maxPacketBytesBeforeLogin / 1024} KiB before login; \`siteBroker.maxPacketBytes\`, 1 MiB`,
  'readings of the site broker on the way to the disk': `${SITE_LIMITS.maxHeldMessagesPerConnection} messages and ${SITE_LIMITS.maxHeldBytesPerConnection / 1024} KiB a connection, beyond them what one read of a socket held (64 KiB); ${mib(SITE_LIMITS.maxHeldBytes)} in all`,
  'topics of the site broker without a rule': `${UNMAPPED_MAX_TOPICS} topics`,
  'cameras, sensors': `${MAX_CAMERAS_PER_AGENT}, 64`,
  '`probe`: tracks listed': String(MAX_TRACKS),
  '`preview`: pages that watch; sessions': `${MAX_VIEWERS}; ${MAX_SESSIONS}`,
  '`preview`: video that a page has not confirmed': `${mib(UNCONFIRMED_MAX_BYTES)}, and ${UNCONFIRMED_MAX_BYTES_A_CAMERA / 1024} KiB a camera; ${SILENCE_MAX_MS / 1000} s without a word`,
  '`preview`: wrong passwords': `${GUESSES.burst} of an address, then one in ${Math.round(1 / GUESSES.perSecond)} s; ${ALL_GUESSES.burst} of all, then one in ${1 / ALL_GUESSES.perSecond} s`,
  '`discover`: devices; of one address; streams of one': `${MAX_DEVICES}; ${MAX_DEVICES_PER_ADDRESS}; ${MAX_PROFILES}`,
  '`discover`: answers; bytes of one': `${count(MAX_ANSWERS)}; ${MAX_ANSWER_BYTES / 1024} KiB`,
  '`discover`: answers of a device to a login': `${mib(DEVICE_MAX_BYTES)}, ${DEVICE_DEADLINE_MS / 1000} s, ${WORKER_MAX_HEAP_MIB} MiB of memory in a thread of its own`,
};

test('README.md gives the bounds that the code has', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const rows = [...readme.slice(readme.indexOf('## Bounds')).matchAll(/^\| (.*?)\s*\| (.*?)\s*\|/gm)];
  const documented = Object.fromEntries(rows.map(([, what, bound]) => [what, bound]));
  expect(documented).toMatchObject(EXPECTED);
});
