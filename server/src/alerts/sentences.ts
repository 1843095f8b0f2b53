// What an alert says to a person, in English and Korean. Korean names things first and then says what is with them, so that no
// particle depends on how an id is read.

import { SERVER_SUBJECT, type RuleCondition } from './rule.ts';

export interface Told {
  condition: RuleCondition;
  subject: string;
  value: number | null;
  reason: string | null;
  /** Of the value of a threshold. */
  unit: string | null;
  /** Of the series, as its device calls it. */
  label: string | null;
}

export interface Sentences {
  message: string;
  messageKo: string;
}

export function sentencesOfAlert({ condition, subject, value, reason, unit, label }: Told): Sentences {
  switch (condition.kind) {
    case 'threshold': {
      const [is, limit] = [quantity(value, unit), quantity(condition.limit, unit)];
      const isAbove = condition.direction === 'above';
      const series = seriesName(subject, label);
      return {
        message: `${series} is ${is}, ${isAbove ? 'above' : 'below'} ${limit}.`,
        messageKo: `${series}: ${is} (기준 ${limit} ${isAbove ? '초과' : '미만'})`,
      };
    }
    case 'missing': {
      const minutes = value === null ? '?' : Math.round(value);
      const series = seriesName(subject, label);
      return {
        message: `${series} has sent nothing for ${minutes} min.`,
        messageKo: `${series}: ${minutes}분 동안 측정값이 없습니다.`,
      };
    }
    case 'camera-offline':
      return {
        message: `Camera ${subject} gives no picture (${reason ?? 'unknown'}).`,
        messageKo: `카메라 ${subject}: 영상이 없습니다 (${reason ?? '알 수 없음'}).`,
      };
    case 'agent-offline':
      return {
        message: `Gateway ${subject} is not connected.`,
        messageKo: `게이트웨이 ${subject}: 연결이 끊어졌습니다.`,
      };
    case 'disk-forecast': {
      const days = rounded(value);
      const isOfServer = subject === SERVER_SUBJECT;
      return {
        message: `The disk of ${isOfServer ? 'the server' : `gateway ${subject}`} will be full in about ${days} days.`,
        messageKo: `${isOfServer ? '서버' : `게이트웨이 ${subject}`}: 약 ${days}일 후 디스크가 가득 찹니다.`,
      };
    }
    case 'pressure':
      return {
        message: `The server is short of room (${reason ?? condition.level}).`,
        messageKo: `서버 부하가 높습니다 (${reason ?? condition.level}).`,
      };
  }
}

/** People look for the name, programs and the log for what stands behind it. */
function seriesName(subject: string, label: string | null): string {
  return label === null ? subject : `${label} (${subject})`;
}

function quantity(value: number | null, unit: string | null): string {
  return unit === null ? rounded(value) : `${rounded(value)} ${unit}`;
}

function rounded(value: number | null): string {
  return value === null ? '?' : String(Number(value.toPrecision(4)));
}
