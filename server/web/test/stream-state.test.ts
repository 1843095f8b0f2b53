import { describe, expect, it } from 'vitest';
import { ClockGauge } from '../src/live/clock-gauge.ts';
import { PlaybackMarks } from '../src/live/playback-marks.ts';
import { answerToRefusal, withJitter } from '../src/live/stream-state.ts';

const refusal = { message: 'no', messageKo: '아니요' };

describe('answer to a refusal', () => {
  it('shows stills and asks again after the time that the server named', () => {
    const answer = answerToRefusal({ ...refusal, code: 'STREAM_LIMIT', retryAfterMs: 4_000 }, 'main');
    expect(answer).toEqual({ kind: 'stills-and-ask-again', afterMs: 4_000 });
  });

  it.each(['STREAM_LIMIT', 'ENCODER_LIMIT', 'ENCODER_FAILED'] as const)(
    'shows stills after %s and asks again after a while when the server names no time',
    (code) => {
      const answer = answerToRefusal({ ...refusal, code }, 'main');
      expect(answer).toEqual({ kind: 'stills-and-ask-again', afterMs: 10_000 });
    },
  );

  it('does not fall back from stills to stills', () => {
    expect(answerToRefusal({ ...refusal, code: 'STREAM_LIMIT', retryAfterMs: 1 }, 'stills').kind).toBe(
      'retry',
    );
    expect(answerToRefusal({ ...refusal, code: 'PROFILE_UNSUPPORTED' }, 'stills').kind).toBe('retry');
  });

  it('stays with stills when the camera offers no video', () => {
    expect(answerToRefusal({ ...refusal, code: 'PROFILE_UNSUPPORTED' }, 'main')).toEqual({ kind: 'stills' });
  });

  it('tries again later when the camera is away', () => {
    expect(answerToRefusal({ ...refusal, code: 'CAMERA_OFFLINE' }, 'main').kind).toBe('retry');
  });

  it('spreads repeated tries by up to a quarter, never earlier than asked', () => {
    expect(withJitter(1_000, () => 0)).toBe(1_000);
    expect(withJitter(1_000, () => 0.999)).toBe(1_250);
  });
});

describe('clock gauge', () => {
  it('takes the clocks to agree while the fastest arrival is a delay that can be true', () => {
    const gauge = new ClockGauge();
    gauge.arrived(1_000, 1_120);
    expect(gauge.delay(1_000, 1_500)).toEqual({ ms: 500, isApproximate: false });
  });

  it.each([-60_000, 3_600_000])(
    'counts from the fastest arrival when the clocks differ by %d ms',
    (differenceMs) => {
      const gauge = new ClockGauge();
      gauge.arrived(1_000, 1_120 + differenceMs);
      gauge.arrived(2_000, 2_900 + differenceMs);
      expect(gauge.delay(2_000, 2_420 + differenceMs)).toEqual({ ms: 300, isApproximate: true });
    },
  );

  it('knows nothing before the first frame', () => {
    expect(new ClockGauge().delay(0, 1)).toBeUndefined();
  });
});

describe('playback marks', () => {
  const marks = (): PlaybackMarks => {
    const list = new PlaybackMarks();
    for (let sequence = 1; sequence <= 5; sequence += 1) {
      list.add({ endS: sequence / 10, capturedAtMs: sequence * 100, sequence });
    }
    return list;
  };

  it('name the frame that is on screen', () => {
    expect(marks().at(0)?.sequence).toBe(1);
    expect(marks().at(0.25)?.sequence).toBe(3);
    expect(marks().at(0.3)?.sequence).toBe(4);
  });

  it('name the newest frame at the end of what is buffered', () => {
    expect(marks().at(9)?.sequence).toBe(5);
  });

  it('are bounded', () => {
    const list = new PlaybackMarks();
    for (let sequence = 0; sequence < 5_000; sequence += 1)
      list.add({ endS: sequence, capturedAtMs: 0, sequence });
    expect(list.at(0)?.sequence).toBe(3_200);
  });
});
