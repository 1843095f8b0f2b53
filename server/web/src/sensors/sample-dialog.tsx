// One message that gave no reading, and a place to write a rule and to try it.

import { useState } from 'react';
import { api } from '../api/endpoints.ts';
import type { TriedRule, UnmappedSample } from '../api/types.ts';
import { rulesIn } from '../devices/rules-text.ts';
import { useErrorSentence, useMayAct, useText } from '../state/hooks.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Button, Message } from '../ui/primitives.tsx';
import { toast } from '../ui/toasts.tsx';

export function SampleDialog({ sample, onClose }: { sample: UnmappedSample; onClose: () => void }) {
  const t = useText();
  const sentence = useErrorSentence();
  const mayKeep = useMayAct('admin') && !sample.isOfGateway;
  const [rules, setRules] = useState(() => JSON.stringify([firstRuleFor(sample)], undefined, 2));
  const [tried, setTried] = useState<TriedRule | undefined>(undefined);
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const attempt = (): void => {
    setTried(undefined);
    setProblem(undefined);
    const written = rulesIn(rules);
    if (written === undefined) return setProblem(t('unmapped.noJson'));
    api.tryRules(sample, written).then(setTried, (error: unknown) => setProblem(sentence(error)));
  };
  const keep = (): void => {
    keepRules(sample.device, rulesIn(rules) ?? []).then(
      () => {
        toast(t('unmapped.kept', { id: sample.device }));
        onClose();
      },
      (error: unknown) => setProblem(sentence(error)),
    );
  };
  return (
    <Dialog title={sample.topic} onClose={onClose} className="dialog--wide" testId="sample-dialog">
      <div className="dialog__body">
        <Message tone="warn">{sample.reason}</Message>
        <div className="snippet">
          <span className="field__label">{t('unmapped.payload')}</span>
          <pre className="snippet__text" tabIndex={0}>
            <code>{sample.payload}</code>
          </pre>
        </div>
        <div className="field">
          <label htmlFor="sample-rules">{t('unmapped.rules')}</label>
          <textarea
            className="input input--code"
            id="sample-rules"
            rows={9}
            spellCheck={false}
            autoCapitalize="none"
            aria-describedby="sample-rules-hint"
            value={rules}
            onChange={(event) => {
              setRules(event.target.value);
              setTried(undefined);
            }}
          />
          <span className="field__hint" id="sample-rules-hint">
            {t(sample.isOfGateway ? 'unmapped.hintGateway' : 'unmapped.hint')}
          </span>
        </div>
        {problem === undefined ? null : <Message tone="bad">{problem}</Message>}
        {tried === undefined ? null : <Outcome tried={tried} />}
        <div className="dialog__foot">
          <Button onClick={onClose}>{t('common.close')}</Button>
          {mayKeep && tried?.kind === 'readings' ? (
            <Button onClick={keep} data-testid="rule-keep">
              {t('unmapped.keep', { id: sample.device })}
            </Button>
          ) : null}
          <Button look="primary" onClick={attempt} data-testid="rule-try">
            {t('unmapped.try')}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

function Outcome({ tried }: { tried: TriedRule }) {
  const t = useText();
  if (tried.kind !== 'readings')
    return <Message tone="warn">{tried.reason ?? t('unmapped.nothing')}</Message>;
  const values = tried.readings.flatMap((reading) => Object.entries(reading.values));
  return (
    <div data-testid="rule-outcome">
      <Message tone="ok">{t('unmapped.works', { sensor: tried.sensor ?? '' })}</Message>
      <table className="table">
        <tbody>
          {values.map(([metric, value]) => (
            <tr key={metric}>
              <th scope="row">{metric}</th>
              <td className="numeric">
                {value} {tried.units[metric] ?? ''}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** In front of those that the device has: the first rule whose topic fits decides. */
async function keepRules(id: string, rules: object[]): Promise<void> {
  const device = (await api.devices()).find((one) => one.id === id);
  const others = device?.mapping?.rules ?? READY.map((ready) => ({ ready }));
  await api.mapDevice(id, { ...device?.mapping, rules: [...rules, ...others] });
}

const READY = ['zigbee2mqtt', 'tasmota', 'shelly', 'esphome'];

/** The numbers of the message, under the last level of its topic: something to change rather than a blank page. */
function firstRuleFor({ topic, payload }: UnmappedSample): object {
  const levels = topic.split('/');
  const last = levels.length - 1;
  return {
    topic: [...levels.slice(0, last), '{device}'].join('/'),
    values: numbersIn(payload).map((path) => ({ path })),
  };
}

const NUMBERS_MAX = 12;
const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Paths to the numbers of a JSON payload, the first of them; the payload itself where there is none. */
function numbersIn(payload: string): string[] {
  const paths: string[] = [];
  const visit = (value: unknown, path: string): void => {
    if (paths.length >= NUMBERS_MAX) return;
    if (typeof value === 'number' || typeof value === 'boolean') paths.push(path);
    if (typeof value !== 'object' || value === null) return;
    for (const [name, child] of Object.entries(value)) {
      const quoted = `['${name.replace(/['\\]/g, '\\$&')}']`;
      const step = Array.isArray(value) ? `[${name}]` : PLAIN_NAME.test(name) ? `.${name}` : quoted;
      visit(child, `${path}${step}`);
    }
  };
  try {
    visit(JSON.parse(payload), '$');
  } catch {
    // A bare word, or the beginning of a long payload.
  }
  return paths.length === 0 ? ['$'] : paths;
}
