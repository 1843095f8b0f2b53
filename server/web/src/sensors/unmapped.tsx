// Messages of devices that gave no reading, for operators: why, and what a rule would make of them.

import { useCallback, useEffect, useState } from 'react';
import { api } from '../api/endpoints.ts';
import type { UnmappedSample } from '../api/types.ts';
import { useSite, useSiteName, useText } from '../state/hooks.ts';
import { Button } from '../ui/primitives.tsx';
import { RecordActions, RecordTable } from '../ui/record-table.tsx';
import { Age } from '../ui/time.tsx';
import { SampleDialog } from './sample-dialog.tsx';

const REREAD_MS = 15_000;

export function UnmappedMessages() {
  const t = useText();
  const samples = useSamples();
  const site = useSite();
  const [opened, setOpened] = useState<UnmappedSample | undefined>(undefined);
  const shown = samples.filter((sample) => site === undefined || sample.site === site);
  if (shown.length === 0) return null;
  return (
    <section className="card unmapped" aria-labelledby="unmapped-title" data-testid="unmapped">
      <div className="card__head">
        <h2 id="unmapped-title">{t('unmapped.title')}</h2>
      </div>
      <p className="card__body muted">{t('unmapped.lead')}</p>
      <RecordTable
        columns={[t('unmapped.topic'), t('unmapped.reason'), t('unmapped.count'), t('unmapped.last')]}
        testId="unmapped-table"
      >
        {shown.map((sample) => (
          <SampleRow
            key={`${sample.site} ${sample.device} ${sample.topic}`}
            sample={sample}
            onOpen={() => setOpened(sample)}
          />
        ))}
      </RecordTable>
      {opened === undefined ? null : <SampleDialog sample={opened} onClose={() => setOpened(undefined)} />}
    </section>
  );
}

function SampleRow({ sample, onOpen }: { sample: UnmappedSample; onOpen: () => void }) {
  const t = useText();
  const siteName = useSiteName(sample.site);
  return (
    <tr data-testid="unmapped-row">
      <th scope="row" className="unmapped__topic">
        {sample.topic}{' '}
        <span className="muted">
          {sample.device}, {siteName}
        </span>
      </th>
      <td className="unmapped__reason">{sample.reason}</td>
      <td data-label={t('unmapped.count')} className="numeric">
        {sample.count}
      </td>
      <td data-label={t('unmapped.last')}>
        <Age at={sample.lastAt} />
      </td>
      <RecordActions>
        <Button onClick={onOpen} aria-label={t('unmapped.lookAt', { topic: sample.topic })}>
          {t('unmapped.look')}
        </Button>
      </RecordActions>
    </tr>
  );
}

/** None while they cannot be had: the page has more important things to say. */
function useSamples(): UnmappedSample[] {
  const [samples, setSamples] = useState<UnmappedSample[]>([]);
  const reread = useCallback((): void => {
    api.unmappedSamples().then(setSamples, () => setSamples([]));
  }, []);
  useEffect(() => {
    reread();
    const timer = setInterval(reread, REREAD_MS);
    return () => clearInterval(timer);
  }, [reread]);
  return samples;
}
