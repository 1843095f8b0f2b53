// The server in full: figures, active streams, gateways, limits.

import type { ActiveStream, Agent, LimitRow, SystemReport } from '../api/types.ts';
import { formatBitrate, formatBytes } from '../i18n/format.ts';
import { keyOf } from '../state/fleet.ts';
import { useFleet, useSiteName, useText } from '../state/hooks.ts';
import { Chip, Skeleton } from '../ui/primitives.tsx';
import { Age } from '../ui/time.tsx';
import { StorageTable } from './storage-table.tsx';
import { LevelChip, nameOf, SystemCard } from './system-card.tsx';
import { TableCard } from './table-card.tsx';

const CHANGES_SHOWN = 10;

export function SystemPage() {
  const t = useText();
  const report = useFleet((state) => state.system);
  return (
    <section aria-labelledby="system-title">
      <div className="page-head">
        <div className="page-head__title">
          <h1 id="system-title">{t('system.title')}</h1>
          <p className="muted">{t('system.lead')}</p>
        </div>
      </div>
      <div className="system">
        <SystemCard title={t('system.load')} />
        <div className="system__tables">
          <Streams report={report} />
          <Gateways />
          <StorageTable report={report} />
          <Changes report={report} />
        </div>
      </div>
      {report?.limits === undefined || report.limits.length === 0 ? null : <Limits rows={report.limits} />}
    </section>
  );
}

function Streams({ report }: { report: SystemReport | undefined }) {
  const t = useText();
  if (report === undefined) return <Skeleton className="table-skeleton" />;
  const active = report.streams?.active ?? [];
  return (
    <TableCard
      title={t('system.activeStreams')}
      head={[t('system.col.camera'), t('system.col.profile'), t('system.col.viewers'), t('system.col.rate')]}
      isEmpty={active.length === 0}
      empty={t('system.noStreams')}
    >
      {active.map((stream) => (
        <StreamRow key={`${addressOf(stream)} ${stream.profile}`} stream={stream} />
      ))}
    </TableCard>
  );
}

function addressOf({ camera }: ActiveStream): string {
  return typeof camera === 'string' ? camera : keyOf(camera.site, camera.camera);
}

function StreamRow({ stream }: { stream: ActiveStream }) {
  const t = useText();
  const address = addressOf(stream);
  const name = useFleet((state) => state.cameras[address]?.name ?? address);
  return (
    <tr data-testid="stream-row">
      <th scope="row">{name}</th>
      <td>{t(`live.profile.${stream.profile}`)}</td>
      <td className="numeric">{stream.viewers}</td>
      <td className="numeric">{formatBitrate(stream.bytesPerSecond)}</td>
    </tr>
  );
}

function Gateways() {
  const t = useText();
  const agents = Object.values(useFleet((state) => state.agents));
  const isLoaded = useFleet((state) => state.isLoaded);
  if (!isLoaded) return <Skeleton className="table-skeleton" />;
  return (
    <TableCard
      title={t('system.gateways')}
      head={[
        t('system.col.gateway'),
        t('system.col.state'),
        t('system.col.version'),
        t('system.col.lastSeen'),
      ]}
      isEmpty={agents.length === 0}
      empty={t('system.noGateways')}
    >
      {agents.map((agent) => (
        <GatewayRow key={keyOf(agent.site, agent.id)} agent={agent} />
      ))}
    </TableCard>
  );
}

function GatewayRow({ agent }: { agent: Agent }) {
  const t = useText();
  const siteName = useSiteName(agent.site);
  const isOnline = agent.state === 'online';
  return (
    <tr data-testid="gateway-row">
      <th scope="row">
        {agent.name ?? agent.id} <span className="muted">{siteName}</span>
      </th>
      <td>
        <Chip tone={isOnline ? 'ok' : 'idle'}>
          {t(isOnline ? 'devices.state.connected' : 'devices.state.offline')}
        </Chip>
      </td>
      <td className="numeric">{agent.version ?? '–'}</td>
      <td>{isOnline ? '–' : <Age at={agent.lastSeenAt} />}</td>
    </tr>
  );
}

function Changes({ report }: { report: SystemReport | undefined }) {
  const t = useText();
  const changes = report?.pressure?.changes ?? [];
  return (
    <TableCard
      title={t('system.changes')}
      head={[t('system.col.at'), t('system.col.level'), t('system.col.causes'), t('system.col.shedding')]}
      isEmpty={changes.length === 0}
      empty={t('system.noChanges')}
    >
      {changes.slice(0, CHANGES_SHOWN).map(({ at, level, causes, shedding }) => (
        <tr key={at}>
          <th scope="row">
            <Age at={at} />
          </th>
          <td>
            <LevelChip level={level} />
          </td>
          <td>{causes.map((cause) => nameOf(t, 'system.cause', cause)).join(', ') || '–'}</td>
          <td>{shedding.map((step) => nameOf(t, 'system.shedding', step)).join(', ') || '–'}</td>
        </tr>
      ))}
    </TableCard>
  );
}

function Limits({ rows }: { rows: LimitRow[] }) {
  const t = useText();
  return (
    <details className="system__limits">
      <summary>{t('system.limits')}</summary>
      <TableCard
        title={t('system.limits')}
        head={[t('system.col.limit'), t('system.col.value'), t('system.col.policy')]}
        isEmpty={false}
        empty=""
      >
        {rows.map((row) => (
          <tr key={row.name}>
            <th scope="row">{row.name}</th>
            <td className="numeric">{valueText(row)}</td>
            <td className="muted">{row.policy ?? '–'}</td>
          </tr>
        ))}
      </TableCard>
    </details>
  );
}

function valueText({ value, unit }: LimitRow): string {
  if (typeof value === 'number' && unit === 'bytes') return formatBytes(value);
  return unit === null || unit === undefined || unit === '' ? String(value) : `${value} ${unit}`;
}
