// Every error code of the server: the wire codes of shared, the ones of this program, and the HTTP status of each.
// The table in README.md ("Errors") is kept in step by a test.

import { AppError } from '@sitecast/shared/runtime/app-error';
import { sentencesOf, WIRE_ERRORS, type WireErrorCode } from '@sitecast/shared/protocol/errors';

/** Codes that only this program gives out, with the sentences that a person reads. */
const OWN_ERRORS = {
  LOGIN_FAILED: ['The user name or the password is wrong.', '사용자 이름 또는 비밀번호가 올바르지 않습니다.'],
  PASSWORD_WEAK: [
    'The new password must have 10 to 200 characters.',
    '새 비밀번호는 10자 이상 200자 이하여야 합니다.',
  ],
  ORIGIN_REFUSED: [
    'The request comes from another website. Open the dashboard at its own address.',
    '다른 웹사이트에서 보낸 요청입니다. 대시보드를 원래 주소로 여십시오.',
  ],
  EXPORT_LIMIT: [
    'The maximum number of exports is running. Please try again shortly.',
    '최대 동시 내보내기 수를 초과했습니다. 잠시 후 다시 시도해주세요.',
  ],
  PERIOD_TOO_LONG: [
    'The period is too long. Choose a shorter one.',
    '기간이 너무 깁니다. 더 짧은 기간을 선택하십시오.',
  ],
  QUERY_TOO_LARGE: [
    'The question covers too much. Choose a shorter period or fewer series.',
    '조회 범위가 너무 넓습니다. 더 짧은 기간이나 더 적은 항목을 선택하십시오.',
  ],
  QUERY_TIMED_OUT: [
    'The answer took too long. Choose a shorter period, or try again shortly.',
    '조회 시간이 초과되었습니다. 더 짧은 기간을 선택하거나 잠시 후 다시 시도해주세요.',
  ],
  EXPORT_STALLED: [
    'The export was not finished in time.',
    '내보내기가 제때 끝나지 않아 연결을 종료했습니다.',
  ],
  MEDIA_TYPE_UNSUPPORTED: [
    'Content of this kind is not taken here. Pictures must be JPEG or WebP.',
    '지원하지 않는 형식입니다. 사진은 JPEG 또는 WebP여야 합니다.',
  ],
  PICTURE_MALFORMED: [
    'The picture is damaged, or its size is not one of a camera.',
    '사진이 손상되었거나 크기가 올바르지 않습니다.',
  ],
  UPLOAD_TOO_SLOW: ['The upload took too long.', '업로드 시간이 초과되었습니다.'],
  UPLOAD_ABORTED: ['The upload was broken off.', '업로드가 중단되었습니다.'],
  DELIVERY_FAILED: ['The message could not be delivered.', '메시지를 전달하지 못했습니다.'],
  WEBHOOK_ADDRESS: [
    'Webhooks may not reach this address. It is private, or reserved.',
    '웹훅으로 접근할 수 없는 주소입니다. 사설 또는 예약된 주소입니다.',
  ],
  MAIL_NOT_CONFIGURED: [
    'The server has no mail server. Set SMTP_URL.',
    '서버에 메일 서버가 설정되어 있지 않습니다. SMTP_URL을 설정하십시오.',
  ],
  CHANNEL_MISSING: ['The rule has no channel that is switched on.', '규칙에 사용 중인 알림 채널이 없습니다.'],
  REPORT_NOT_DONE: ['The report is not ready.', '보고서가 아직 준비되지 않았습니다.'],
  REPORT_TOO_LARGE: [
    'The report would be too large. Choose a shorter period.',
    '보고서가 너무 큽니다. 더 짧은 기간을 선택하십시오.',
  ],
  DELETED_BY_RETENTION: [
    'It was deleted, because it was older than what is kept.',
    '보관 기간 또는 저장 용량을 넘어 삭제되었습니다.',
  ],
  EVIDENCE_BROKEN: [
    'What is stored is not what the gateway signed.',
    '저장된 내용이 현장 장치가 서명한 내용과 다릅니다.',
  ],
  CLIP_FAILED: ['The gateway could not record the clip.', '현장 장치에서 영상 클립을 녹화할 수 없습니다.'],
  CLIP_MASKS: [
    'The clip shows what the privacy masks of its camera hide now. It stays on the gateway.',
    '카메라의 사생활 보호 영역이 보이는 영상이므로 현장 장치에서 전송하지 않습니다.',
  ],
  NOT_SUPPORTED: [
    'The gateway does not do this. Look into its configuration.',
    '현장 장치에서 지원하지 않는 기능입니다. 장치 설정을 확인하십시오.',
  ],
  CONFIG_INVALID: ['The settings are not valid.', '설정이 올바르지 않습니다.'],
  LIMITS_DO_NOT_FIT: [
    'The limits need more memory than there is. Lower them, or give the server more memory.',
    '설정한 한도가 메모리보다 큽니다. 한도를 낮추거나 메모리를 늘리십시오.',
  ],
  PORT_IN_USE: ['The port is taken by another program.', '다른 프로그램이 포트를 사용하고 있습니다.'],
} as const satisfies Record<string, readonly [en: string, ko: string]>;

export type ServerErrorCode = WireErrorCode | keyof typeof OWN_ERRORS;

export const SERVER_ERROR_CODES = [
  ...Object.keys(WIRE_ERRORS),
  ...Object.keys(OWN_ERRORS),
] as ServerErrorCode[];

const STATUS: Partial<Record<ServerErrorCode, number>> = {
  UNAUTHORIZED: 401,
  LOGIN_FAILED: 401,
  FORBIDDEN: 403,
  ORIGIN_REFUSED: 403,
  NOT_FOUND: 404,
  DELETED_BY_RETENTION: 404,
  CONFLICT: 409,
  LIMIT_REACHED: 409,
  DELIVERY_FAILED: 502,
  WEBHOOK_ADDRESS: 422,
  MAIL_NOT_CONFIGURED: 409,
  CHANNEL_MISSING: 409,
  REPORT_NOT_DONE: 409,
  AGENT_OFFLINE: 409,
  CAMERA_OFFLINE: 409,
  PROFILE_UNSUPPORTED: 409,
  UPLINK_LIMITED: 409,
  ENCODER_FAILED: 409,
  EVIDENCE_BROKEN: 409,
  CLIP_FAILED: 409,
  CLIP_MASKS: 409,
  NOT_SUPPORTED: 409,
  PAYLOAD_TOO_LARGE: 413,
  UPLOAD_TOO_SLOW: 408,
  MEDIA_TYPE_UNSUPPORTED: 415,
  PICTURE_MALFORMED: 422,
  REPORT_TOO_LARGE: 413,
  STREAM_LIMIT: 429,
  VIEWER_LIMIT: 429,
  OWN_VIEWER_LIMIT: 429,
  RATE_LIMITED: 429,
  EXPORT_LIMIT: 429,
  ENCODER_LIMIT: 429,
  QUEUE_FULL: 503,
  MEMORY_PRESSURE: 503,
  STORE_UNAVAILABLE: 503,
  QUERY_TIMED_OUT: 503,
  SHUTTING_DOWN: 503,
  EXPORT_STALLED: 504,
  COMMAND_TIMEOUT: 504,
  COMMAND_EXPIRED: 504,
  INTERNAL: 500,
  CONFIG_INVALID: 500,
  LIMITS_DO_NOT_FIT: 500,
  PORT_IN_USE: 500,
};

/** For a list of which there may be `limit`. */
export function limitReached(what: string, limit: number): AppError {
  return new AppError('LIMIT_REACHED', `there are ${limit} ${what} already`, { detail: { limit } });
}

export function isServerErrorCode(code: string): code is ServerErrorCode {
  return Object.hasOwn(WIRE_ERRORS, code) || Object.hasOwn(OWN_ERRORS, code);
}

/** HTTP status of a code; 400 for every way of saying that the request itself is wrong. */
export function httpStatusOf(code: ServerErrorCode): number {
  return STATUS[code] ?? 400;
}

export interface ErrorBody {
  error: { code: ServerErrorCode; message: string; messageKo: string; detail: Record<string, unknown> };
}

/** The body of an HTTP error answer. `detail` must be safe to show. */
export function errorBody(code: ServerErrorCode, detail: Record<string, unknown> = {}): ErrorBody {
  return { error: { code, ...serverSentencesOf(code), detail } };
}

export function serverSentencesOf(code: ServerErrorCode): { message: string; messageKo: string } {
  if (!Object.hasOwn(OWN_ERRORS, code)) return sentencesOf(code as WireErrorCode);
  const [message, messageKo] = OWN_ERRORS[code as keyof typeof OWN_ERRORS];
  return { message, messageKo };
}
