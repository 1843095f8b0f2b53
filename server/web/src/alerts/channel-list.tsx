// Who is told: the channels, and what could not be delivered through them.

import { useCallback, useState } from 'react';
import { alertApi } from '../api/alert-calls.ts';
import type { Channel } from '../api/alert-types.ts';
import { useErrorSentence, useMayAct, useText } from '../state/hooks.ts';
import { Button, Chip, Empty, Message, Skeleton } from '../ui/primitives.tsx';
import { ChannelDialog } from './channel-dialog.tsx';
import { DeadLetters } from './dead-letters.tsx';
import { RemoveDialog } from './remove-dialog.tsx';
import { SiteName } from './site-name.tsx';
import { useReread } from './use-reread.ts';

type Open = { kind: 'new' } | { kind: 'edit'; channel: Channel } | { kind: 'remove'; channel: Channel };

export function ChannelList() {
  const t = useText();
  const sentence = useErrorSentence();
  const isAdmin = useMayAct('admin');
  const read = useCallback(() => alertApi.channels(), []);
  const { value, failure, reread } = useReread(read);
  const [open, setOpen] = useState<Open | undefined>(undefined);
  const close = (): void => setOpen(undefined);
  const done = (): void => {
    close();
    reread();
  };
  return (
    <>
      <DeadLetters />
      <div className="alerts__bar">
        <p className="muted">{t('alerts.channelsLead')}</p>
        {isAdmin ? (
          <Button
            look="primary"
            icon="plus"
            onClick={() => setOpen({ kind: 'new' })}
            data-testid="channel-add"
          >
            {t('alerts.addChannel')}
          </Button>
        ) : null}
      </div>
      {failure === undefined ? null : <Message tone="bad">{sentence(failure)}</Message>}
      {value === undefined && failure === undefined ? <Skeleton className="table-skeleton" /> : null}
      {value?.length === 0 ? (
        <Empty icon="alerts" title={t('alerts.noChannelsTitle')}>
          {t('alerts.noChannelsText')}
        </Empty>
      ) : null}
      <ul className="alerts" data-testid="channels">
        {value?.map((channel) => (
          <ChannelCard
            key={channel.id}
            channel={channel}
            onEdit={() => setOpen({ kind: 'edit', channel })}
            onRemove={() => setOpen({ kind: 'remove', channel })}
          />
        ))}
      </ul>
      {open?.kind === 'new' ? <ChannelDialog onClose={close} onDone={done} /> : null}
      {open?.kind === 'edit' ? <ChannelDialog channel={open.channel} onClose={close} onDone={done} /> : null}
      {open?.kind === 'remove' ? (
        <RemoveDialog
          title={t('alerts.removeChannelTitle', { name: open.channel.name })}
          text={t('alerts.removeChannelText')}
          remove={() => alertApi.removeChannel(open.channel.id)}
          onClose={close}
          onDone={done}
        />
      ) : null}
    </>
  );
}

function ChannelCard({
  channel,
  onEdit,
  onRemove,
}: {
  channel: Channel;
  onEdit: () => void;
  onRemove: () => void;
}) {
  const t = useText();
  const { name, kind, site, enabled, settings } = channel;
  return (
    <li className="alert card" data-testid="channel">
      <div className="alert__text">
        <p className="alert__names">
          <Chip tone={enabled ? 'ok' : 'idle'}>{t(`alerts.channel.${kind}`)}</Chip>
          <strong>{name}</strong>
          <span className="muted">{site === null ? t('shell.allSites') : <SiteName site={site} />}</span>
        </p>
        {settings === null ? null : <p className="muted alert__target">{targetOf(settings)}</p>}
        {kind === 'webhook' && !channel.hasSecret ? <p className="muted">{t('alerts.unsigned')}</p> : null}
        {settings === null ? null : (
          <div className="alert__actions">
            <Button onClick={onEdit}>{t('alerts.edit')}</Button>
            <Button look="danger" onClick={onRemove}>
              {t('alerts.remove')}
            </Button>
          </div>
        )}
      </div>
    </li>
  );
}

function targetOf(settings: NonNullable<Channel['settings']>): string {
  switch (settings.kind) {
    case 'webhook':
      return settings.url;
    case 'email':
      return settings.to.join(', ');
    case 'mqtt':
      return settings.device;
  }
}
