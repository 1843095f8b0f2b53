// Numbers, times and sentences of one report, in its language and by the clock of its place.

import type { ReportLanguage } from './report-kinds.ts';
import { isReportWord, sentence, type ReportWord } from './report-words.ts';

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;
const METRICS: Record<string, readonly [en: string, ko: string]> = {
  temperature: ['Temperature', '온도'],
  humidity: ['Humidity', '습도'],
  pressure: ['Pressure', '압력'],
  power: ['Power', '전력'],
  watts: ['Power', '전력'],
  voltage: ['Voltage', '전압'],
  current: ['Current', '전류'],
  energy: ['Energy', '전력량'],
  co2: ['CO₂', 'CO₂'],
  battery: ['Battery', '배터리'],
  value: ['Value', '값'],
};

const EXPONENT_FROM = 1e12;

export class ReportText {
  readonly language: ReportLanguage;
  readonly #timeZone: string;
  readonly #time: Intl.DateTimeFormat;
  readonly #day: Intl.DateTimeFormat;
  readonly #clock: Intl.DateTimeFormat;
  readonly #shortDay: Intl.DateTimeFormat;
  readonly #percent: Intl.NumberFormat;
  readonly #whole: Intl.NumberFormat;

  constructor(language: ReportLanguage, timeZone: string) {
    this.language = language;
    this.#timeZone = timeZone;
    const dated = (options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat =>
      new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : 'ko-KR', { timeZone, ...options });
    this.#time = dated({
      ...{ year: 'numeric', month: language === 'en' ? 'short' : 'numeric', day: 'numeric' },
      ...{ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    });
    this.#day = dated({ dateStyle: 'long' });
    this.#clock = dated({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
    this.#shortDay = dated(
      language === 'en' ? { day: 'numeric', month: 'short' } : { day: 'numeric', month: 'numeric' },
    );
    this.#percent = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 2 });
    this.#whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
  }

  say(word: ReportWord, values?: Record<string, string>): string {
    return sentence(this.language, word, values);
  }

  time(at: Date): string {
    return this.#time.format(at);
  }

  clock(ms: number): string {
    return this.#clock.format(ms);
  }

  shortDay(ms: number): string {
    return this.#shortDay.format(ms);
  }

  /** Whole days as days, the last one as people count it; anything else with times. */
  period(from: Date, to: Date): string {
    const isWhole = [from, to].every((at) => this.clock(at.getTime()) === '00:00');
    if (!isWhole) return `${this.time(from)} – ${this.time(to)}`;
    const last = new Date(to.getTime() - 1);
    const [first, final] = [this.#day.format(from), this.#day.format(last)];
    return first === final ? first : `${first} – ${final}`;
  }

  whole(count: number): string {
    return this.#whole.format(count);
  }

  /** Never 100 % of what was away, however shortly. */
  percent(share: number | null): string {
    if (share === null) return '–';
    return this.#percent.format(share < 1 ? Math.min(share, 0.9999) : share);
  }

  /** Five significant digits; with an exponent what nobody could read otherwise. */
  value(value: number | null): string {
    if (value === null) return '–';
    if (Math.abs(value) >= EXPONENT_FROM)
      return new Intl.NumberFormat(this.language, {
        notation: 'scientific',
        maximumFractionDigits: 4,
      }).format(value);
    const maximumFractionDigits = Math.min(20, Math.max(0, 4 - Math.floor(Math.log10(Math.abs(value) || 1))));
    return new Intl.NumberFormat(this.language, { maximumFractionDigits }).format(value);
  }

  /** "2 days 3 hr", to the minute. */
  duration(ms: number): string {
    let rest = Math.round(ms / 60_000) * 60_000;
    const parts = UNITS.flatMap(([unit, size]) => {
      const count = Math.floor(rest / size);
      rest -= count * size;
      return count > 0 ? [this.#counted(count, unit)] : [];
    });
    if (parts.length > 0) return parts.slice(0, 2).join(' ');
    return ms > 0 ? `< ${this.#counted(1, 'minute')}` : this.#counted(0, 'minute');
  }

  /** As its device calls it, before what people call such a value. */
  series({ label, metric }: { label: string | null; metric: string }): string {
    return label ?? this.metric(metric);
  }

  metric(metric: string): string {
    const [english, korean] = METRICS[metric] ?? [metric, metric];
    return this.language === 'ko' ? korean : english;
  }

  /** Of an alert; a newer kind than this program knows is told as it is. */
  alertKind(kind: string): string {
    const word = `kind.${kind}`;
    return isReportWord(word) ? this.say(word) : kind;
  }

  /** ISO 8601 by the clock of the place, which says how far that is from UTC. */
  isoTime(at: Date): string {
    const wall = new Intl.DateTimeFormat('sv-SE', {
      timeZone: this.#timeZone,
      dateStyle: 'short',
      timeStyle: 'medium',
    }).format(at);
    const zone = new Intl.DateTimeFormat('en', { timeZone: this.#timeZone, timeZoneName: 'longOffset' });
    const offset = zone
      .formatToParts(at)
      .find(({ type }) => type === 'timeZoneName')
      ?.value.slice('GMT'.length);
    return `${wall.replace(' ', 'T')}${offset === undefined || offset === '' ? '+00:00' : offset}`;
  }

  #counted(count: number, unit: 'day' | 'hour' | 'minute'): string {
    return new Intl.NumberFormat(this.language, { style: 'unit', unit, unitDisplay: 'short' }).format(count);
  }
}
