// What a viewer is told when something fails, and the code with which its socket then closes.

import { sentencesOf, WIRE_ERRORS, type WireErrorCode } from '@sitecast/shared/protocol/errors';
import { CloseCode, type LiveMessage } from '@sitecast/shared/protocol/viewer-messages';
import { isAppError } from '@sitecast/shared/runtime/app-error';

export interface LiveErrorAnswer {
  message: Extract<LiveMessage, { type: 'error' }>;
  closeCode: number;
}

const CLOSE_CODES: Partial<Record<string, number>> = {
  SHUTTING_DOWN: CloseCode.goingAway,
  VIEWER_STALLED: CloseCode.viewerStalled,
  AGENT_OFFLINE: CloseCode.cameraUnavailable,
  CAMERA_OFFLINE: CloseCode.cameraUnavailable,
  PROFILE_UNSUPPORTED: CloseCode.cameraUnavailable,
  UPLINK_LIMITED: CloseCode.cameraUnavailable,
  ENCODER_FAILED: CloseCode.cameraUnavailable,
  COMMAND_TIMEOUT: CloseCode.cameraUnavailable,
  NOT_FOUND: CloseCode.cameraUnavailable,
  BAD_REQUEST: CloseCode.policyViolation,
  ID_INVALID: CloseCode.policyViolation,
  FRAME_MALFORMED: CloseCode.policyViolation,
  UNAUTHORIZED: CloseCode.policyViolation,
  FORBIDDEN: CloseCode.policyViolation,
};

/** For anything that `StreamHub.join` throws. The text of an unknown error stays here. */
export function liveErrorOf(error: unknown): LiveErrorAnswer {
  const code = isAppError(error) && isWireErrorCode(error.code) ? error.code : 'INTERNAL';
  const { limit, active, retryAfterMs } = isAppError(error) ? error.detail : {};
  return {
    message: {
      type: 'error',
      code,
      ...sentencesOf(code),
      ...(typeof limit === 'number' && { limit }),
      ...(typeof active === 'number' && { active }),
      ...(typeof retryAfterMs === 'number' && { retryAfterMs }),
    },
    closeCode: closeCodeOf(code),
  };
}

/** With which code a socket is closed after an `error` message of this code. */
export function closeCodeOf(code: string): number {
  return CLOSE_CODES[code] ?? CloseCode.tryAgainLater;
}

function isWireErrorCode(code: string): code is WireErrorCode {
  return Object.hasOwn(WIRE_ERRORS, code);
}
