// What is stored, how long it is kept, and when it will be full.

import type { ReactNode } from 'react';
import type { StorageReport, StoredKind, SystemReport } from '../api/types.ts';
import { formatBytes, formatDateTime } from '../i18n/format.ts';
import { useLanguage, useText, type Translate } from '../state/hooks.ts';
import { Chip, Skeleton, type Tone } from '../ui/primitives.tsx';
import { TableCard } from './table-card.tsx';

const SOON_DAYS = 7;
const YEAR_DAYS = 365;

export function StorageTable({ report }: { report: SystemReport | undefined }) {
  const t = useText();
  if (report === undefined) return <Skeleton className="table-skeleton" />;
  const { storage, disk: space } = report;
  const columns = ['what', 'stored', 'limit', 'perDay', 'keptFor', 'full'] as const;
  return (
    <TableCard
      title={t('system.storage')}
      head={columns.map((name) => t(`system.storage.${name}`))}
      note={storage?.clockDoubt ? <ClockDoubt {...storage.clockDoubt} /> : undefined}
      isEmpty={storage === undefined || storage === null}
      empty={t('system.storage.unknown')}
    >
      {storage ? (
        <>
          <KindRow name={t('system.storage.snapshots')} kind={storage.kinds.snapshots} />
          <KindRow
            name={t('system.storage.clips')}
            kind={storage.kinds.clips}
            full={<Full t={t} days={storage.clips.fullInDays} />}
          />
          <KindRow name={t('system.storage.reports')} kind={storage.kinds.reports} />
          <Row
            name={t('system.storage.media')}
            cells={[formatBytes(storage.media.bytes), bytesOf(storage.media.maxBytes), '–', '–']}
            full={<Full t={t} days={storage.media.fullInDays} />}
          />
          <Row
            name={t('system.storage.disk')}
            cells={[
              space?.freeBytes === undefined
                ? '–'
                : t('system.storage.free', { bytes: formatBytes(space.freeBytes) }),
              bytesOf(space?.totalBytes),
              bytesOf(storage.disk.bytesPerDay),
              '–',
            ]}
            full={<Full t={t} days={storage.disk.fullInDays} isDisk />}
          />
        </>
      ) : null}
    </TableCard>
  );
}

function ClockDoubt({ lastSeenAt, heldUntil }: NonNullable<StorageReport['clockDoubt']>) {
  const t = useText();
  const language = useLanguage();
  const times = { at: formatDateTime(lastSeenAt, language), until: formatDateTime(heldUntil, language) };
  return (
    <p className="card__body" role="status" data-testid="clock-doubt">
      <Chip tone="warn">{t('system.storage.clockTitle')}</Chip> {t('system.storage.clock', times)}
    </p>
  );
}

function KindRow({ name, kind, full }: { name: string; kind: StoredKind; full?: ReactNode }) {
  const t = useText();
  const language = useLanguage();
  const { items, bytes, maxBytes, maxAgeDays, bytesPerDay } = kind;
  const kept =
    maxAgeDays === null ? t('system.storage.forEver') : t('system.storage.days', { n: maxAgeDays });
  return (
    <Row
      name={name}
      cells={[
        `${formatBytes(bytes)} (${new Intl.NumberFormat(language).format(items)})`,
        bytesOf(maxBytes),
        bytesOf(bytesPerDay),
        kept,
      ]}
      full={full ?? '–'}
    />
  );
}

function Row({ name, cells, full }: { name: string; cells: string[]; full: ReactNode }) {
  return (
    <tr data-testid="storage-row">
      <th scope="row">{name}</th>
      {cells.map((cell, index) => (
        <td key={index} className="numeric">
          {cell}
        </td>
      ))}
      <td>{full}</td>
    </tr>
  );
}

function Full({ t, days, isDisk }: { t: Translate; days: number | null; isDisk?: boolean }) {
  if (days === null) return <>{t('system.storage.never')}</>;
  const text =
    days === 0
      ? t(isDisk === true ? 'system.storage.nowDisk' : 'system.storage.now')
      : days < 1
        ? t('system.storage.soon')
        : days > YEAR_DAYS
          ? t('system.storage.later')
          : t('system.storage.inDays', { n: Math.round(days) });
  const tone: Tone = isDisk === true && days < SOON_DAYS ? 'warn' : 'idle';
  return <Chip tone={tone}>{text}</Chip>;
}

function bytesOf(bytes: number | null | undefined): string {
  return bytes === null || bytes === undefined ? '–' : formatBytes(bytes);
}
