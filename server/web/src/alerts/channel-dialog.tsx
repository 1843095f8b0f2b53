// Makes a channel, or changes one. The secret of a webhook is made here, shown once, and never read back.

import { useState } from 'react';
import { alertApi } from '../api/alert-calls.ts';
import type { Channel, ChannelKind } from '../api/alert-types.ts';
import { useFleet, useText } from '../state/hooks.ts';
import { session } from '../state/session.ts';
import { useStore } from '../state/store.ts';
import { Choice, Entry, Options } from '../ui/fields.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { Button } from '../ui/primitives.tsx';
import { toast } from '../ui/toasts.tsx';
import { channelDraftOf, channelFormOf, type ChannelForm } from './channel-form.ts';

const KINDS: readonly ChannelKind[] = ['webhook', 'email', 'mqtt'];
const SECRET_BYTES = 32;

export interface ChannelDialogProps {
  /** Left out: a new one. */
  channel?: Channel;
  onClose: () => void;
  onDone: () => void;
}

export function ChannelDialog({ channel, onClose, onDone }: ChannelDialogProps) {
  const t = useText();
  const seesAll = useStore(session, (current) => current.kind === 'user' && current.user.sites === null);
  const sites = useFleet((state) => state.sites);
  const [form, setForm] = useState<ChannelForm>(() =>
    channelFormOf(channel, seesAll ? '' : (sites[0]?.id ?? '')),
  );
  const change = (changes: Partial<ChannelForm>): void => setForm((before) => ({ ...before, ...changes }));

  const submit = (): string | Promise<void> => {
    const made = channelDraftOf(form);
    if ('problem' in made) return t(made.problem);
    const saving =
      channel === undefined
        ? alertApi.createChannel({ ...made.draft, enabled: true })
        : alertApi.changeChannel(channel.id, made.draft);
    return saving.then(() => {
      toast(t('alerts.channelSaved'));
      onDone();
    });
  };

  return (
    <FormDialog
      title={t(channel === undefined ? 'alerts.addChannel' : 'alerts.editChannel')}
      submitLabel={t('alerts.save')}
      onSubmit={submit}
      onClose={onClose}
      testId="channel-dialog"
      submitTestId="channel-save"
      isSticky
    >
      <Entry
        label={t('alerts.field.name')}
        value={form.name}
        onChange={(name) => change({ name })}
        maxLength={120}
        name="name"
      />
      <Options
        label={t('alerts.field.channelKind')}
        value={form.kind}
        options={KINDS.map((value) => ({ value, label: t(`alerts.channel.${value}`) }))}
        onChoose={(kind) => change({ kind })}
      />
      <Choice
        label={t('alerts.field.channelSite')}
        value={form.site}
        onChange={(site) => change({ site })}
        options={[
          ...(seesAll ? [{ value: '', label: t('shell.allSites') }] : []),
          ...sites.map(({ id, name }) => ({ value: id, label: name ?? id })),
        ]}
      />
      <TargetFields form={form} change={change} isKept={channel?.hasSecret === true} />
    </FormDialog>
  );
}

interface TargetFieldsProps {
  form: ChannelForm;
  change: (changes: Partial<ChannelForm>) => void;
  /** There is a secret already. */
  isKept: boolean;
}

function TargetFields({ form, change, isKept }: TargetFieldsProps) {
  const t = useText();
  switch (form.kind) {
    case 'webhook':
      return (
        <>
          <Entry
            label={t('alerts.field.url')}
            value={form.url}
            onChange={(url) => change({ url })}
            inputMode="url"
            name="url"
            hint={t('alerts.urlHint')}
          />
          <Entry
            label={t('alerts.field.secret')}
            value={form.secret}
            onChange={(secret) => change({ secret })}
            maxLength={200}
            hint={t(isKept ? 'alerts.secretKept' : 'alerts.secretHint')}
          />
          <Button onClick={() => change({ secret: randomSecret() })}>{t('alerts.makeSecret')}</Button>
        </>
      );
    case 'email':
      return (
        <>
          <Entry
            label={t('alerts.field.to')}
            value={form.to}
            onChange={(to) => change({ to })}
            inputMode="email"
            hint={t('alerts.toHint')}
          />
          <Choice
            label={t('shell.language')}
            value={form.language}
            onChange={(language) => change({ language })}
            options={[
              { value: 'en', label: 'English' },
              { value: 'ko', label: '한국어' },
            ]}
          />
        </>
      );
    case 'mqtt':
      return (
        <Entry
          label={t('alerts.field.device')}
          value={form.device}
          onChange={(device) => change({ device })}
          maxLength={63}
          hint={t('alerts.deviceHint')}
        />
      );
  }
}

function randomSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
