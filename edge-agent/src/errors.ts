// Codes of the agent's own failures. README.md explains each to an installer; a test keeps the two in step.

export const AGENT_ERRORS = {
  CONFIG_INVALID:
    'The configuration file or the environment is not valid; every problem is listed with its line.',
  DATA_DIR_IN_USE: 'Another agent runs on the same data directory.',
  PORT_IN_USE: 'The site broker cannot have its port; it is tried again by itself.',
  SOURCE_UNREACHABLE: 'The camera does not answer; it is tried again by itself.',
  SOURCE_SILENT: 'Nothing comes from the camera any more; it is tried again by itself.',
  SOURCE_STALLED:
    'The camera sends, but no pictures that can be shown; it is tried again by itself. Look at its keyframe interval.',
  SOURCE_CHANGED: 'The camera was given another resolution, or its clock was set; its stream is opened anew.',
  SOURCE_ENDED: 'The camera ended the stream; it is tried again by itself.',
  SOURCE_UNAUTHORIZED: 'The camera refuses the user name or password; one try in 30 minutes.',
  SOURCE_UNSUPPORTED: 'The camera sends what the gateway cannot read; checked again every 30 minutes.',
  ENCODER_FAILED: 'ffmpeg ended by itself; its last lines are in the detail.',
  ENCODER_LIMIT:
    'As many streams are encoded as `encoders.maxProcesses` allows; close one, or allow more. Only H.264 without privacy masks, with keyframes up to 1 MiB, is shown as `main` without being encoded.',
  FRAME_MALFORMED: 'Bytes could not be read; they are dropped and counted.',
  PAYLOAD_TOO_LARGE: 'A message is above the limit of the wire; it is refused before it is spooled.',
  UPLINK_OFFLINE: 'The server is not connected; what matters waits in the spool.',
  UNAUTHORIZED: "The server refuses the agent's id or secret.",
  SPOOL_FULL: 'The spool is at its byte cap, or the disk is full.',
  SPOOL_CORRUPT: 'A part of the spool could not be read; the valid prefix is kept, the rest set aside.',
  QUEUE_FULL: 'A bounded queue is full; try again shortly.',
  NOT_FOUND: 'No such camera, or no such clip, on this agent.',
  AGENT_OFFLINE: 'The media connection is down, so no live picture can be sent; it comes back by itself.',
  CAMERA_OFFLINE: 'The camera gives no picture at the moment.',
  PROFILE_UNSUPPORTED: 'The camera does not offer this profile.',
  UPLINK_LIMITED: 'The uplink, or what is left of its monthly volume, does not carry this at the moment.',
  CLIP_FAILED: 'A clip could not be recorded: no picture came, or the disk took nothing.',
  CLIP_MASKS: 'The clip shows what the privacy masks of its camera hide now; it stays on the gateway.',
  COMMAND_EXPIRED: 'The command came after its expiry; check the clock of the gateway.',
  LEASE_ENDED: 'The stream was released before its first picture came.',
  NOT_SUPPORTED: 'This agent does not know the command, or its configuration does not want it.',
  BAD_REQUEST: 'The arguments of the command are not valid.',
  INTERNAL: 'A failure that nobody foresaw; the log has the details.',
  SHUTTING_DOWN: 'The agent is stopping.',
} as const;

export type AgentErrorCode = keyof typeof AGENT_ERRORS;
