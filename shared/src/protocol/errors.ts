// Codes that cross the wire, with the sentences that a person reads (PR-40).

export const WIRE_ERRORS = {
  FRAME_MALFORMED: ['The message could not be read.', '메시지를 읽을 수 없습니다.'],
  PROTOCOL_VERSION: ['The protocol version is not supported.', '지원하지 않는 프로토콜 버전입니다.'],
  ID_INVALID: ['The name is not valid.', '이름이 올바르지 않습니다.'],
  PAYLOAD_TOO_LARGE: ['The message is too large.', '메시지가 너무 큽니다.'],
  BAD_REQUEST: ['The request is not valid.', '요청이 올바르지 않습니다.'],
  UNAUTHORIZED: ['Please log in.', '로그인이 필요합니다.'],
  FORBIDDEN: ['You are not allowed to do this.', '권한이 없습니다.'],
  NOT_FOUND: ['It does not exist.', '존재하지 않습니다.'],
  CONFLICT: ['It exists already.', '이미 존재합니다.'],
  LIMIT_REACHED: [
    'There are as many of these as there may be. Remove one first.',
    '허용된 최대 개수에 도달했습니다. 먼저 하나를 삭제하십시오.',
  ],
  STREAM_LIMIT: [
    'The maximum number of live streams is in use. Please try again shortly.',
    '최대 동시 스트림 수를 초과했습니다. 잠시 후 다시 시도해주세요.',
  ],
  VIEWER_LIMIT: [
    'The maximum number of viewers is reached. Please try again shortly.',
    '최대 시청자 수를 초과했습니다. 잠시 후 다시 시도해주세요.',
  ],
  OWN_VIEWER_LIMIT: [
    'Too many live views are open for this user or from this address. Please close one and try again.',
    '이 사용자 또는 주소에서 열 수 있는 실시간 영상 수를 초과했습니다. 다른 화면을 닫고 다시 시도해주세요.',
  ],
  QUEUE_FULL: [
    'The server is busy. Please try again shortly.',
    '서버가 혼잡합니다. 잠시 후 다시 시도해주세요.',
  ],
  MEMORY_PRESSURE: [
    'The server is short of memory. Please try again shortly.',
    '서버 메모리가 부족합니다. 잠시 후 다시 시도해주세요.',
  ],
  RATE_LIMITED: [
    'Too many requests. Please try again shortly.',
    '요청이 너무 많습니다. 잠시 후 다시 시도해주세요.',
  ],
  AGENT_OFFLINE: ['The site is not connected.', '현장이 연결되어 있지 않습니다.'],
  CAMERA_OFFLINE: ['The camera gives no picture at the moment.', '카메라 영상을 받을 수 없습니다.'],
  PROFILE_UNSUPPORTED: ['The camera does not offer this profile.', '카메라가 이 화질을 지원하지 않습니다.'],
  UPLINK_LIMITED: [
    'The line of the site, or what is left of its monthly volume, does not carry this at the moment.',
    '현장의 회선 속도 또는 남은 월 데이터로는 지금 전송할 수 없습니다.',
  ],
  ENCODER_LIMIT: [
    'The gateway encodes as many streams as it may. Please close another view and try again.',
    '현장 장치의 인코딩 한도에 도달했습니다. 다른 화면을 닫고 다시 시도해주세요.',
  ],
  ENCODER_FAILED: [
    'The gateway cannot encode the picture of this camera at the moment.',
    '현장 장치에서 카메라 영상을 인코딩할 수 없습니다.',
  ],
  COMMAND_TIMEOUT: ['The site did not answer in time.', '현장이 제때 응답하지 않았습니다.'],
  COMMAND_EXPIRED: ['The command came too late.', '명령이 너무 늦게 도착했습니다.'],
  VIEWER_STALLED: ['Nothing was played for too long.', '오랫동안 재생되지 않아 연결을 종료했습니다.'],
  STORE_UNAVAILABLE: [
    'The store is not reachable. Please try again shortly.',
    '저장소에 연결할 수 없습니다. 잠시 후 다시 시도해주세요.',
  ],
  SHUTTING_DOWN: ['The server is restarting.', '서버가 다시 시작되는 중입니다.'],
  INTERNAL: ['Something went wrong on the server.', '서버에 문제가 발생했습니다.'],
} as const satisfies Record<string, readonly [en: string, ko: string]>;

export type WireErrorCode = keyof typeof WIRE_ERRORS;

/** What a person is told: `message` in English, `messageKo` in Korean. */
export function sentencesOf(code: WireErrorCode): { message: string; messageKo: string } {
  const [message, messageKo] = WIRE_ERRORS[code];
  return { message, messageKo };
}
