// Makes a rule, or changes one.

import { useCallback, useState } from 'react';
import { alertApi } from '../api/alert-calls.ts';
import { SEVERITIES, type Rule } from '../api/alert-types.ts';
import { useFleet, useSite, useText } from '../state/hooks.ts';
import { session } from '../state/session.ts';
import { useStore } from '../state/store.ts';
import { Choice, Entry, Options } from '../ui/fields.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { toast } from '../ui/toasts.tsx';
import { RuleConditionFields } from './rule-condition-fields.tsx';
import { draftOf, emptyForm, formOf, kindsOf, type RuleFieldsProps, type RuleForm } from './rule-form.ts';
import { useReread } from './use-reread.ts';

export interface RuleDialogProps {
  /** Left out: a new one. */
  rule?: Rule;
  onClose: () => void;
  onDone: () => void;
}

export function RuleDialog({ rule, onClose, onDone }: RuleDialogProps) {
  const t = useText();
  const sites = useFleet((state) => state.sites);
  const chosenSite = useSite();
  const [form, setForm] = useState<RuleForm>(() =>
    rule === undefined ? emptyForm(chosenSite ?? sites[0]?.id ?? '') : formOf(rule),
  );
  const change = (changes: Partial<RuleForm>): void => setForm((before) => ({ ...before, ...changes }));

  const submit = (): string | Promise<void> => {
    const made = draftOf(form);
    if ('problem' in made) return t(made.problem);
    const saving =
      rule === undefined
        ? alertApi.createRule({ ...made.draft, enabled: true })
        : alertApi.changeRule(rule.id, made.draft);
    return saving.then(() => {
      toast(t('alerts.ruleSaved'));
      onDone();
    });
  };

  return (
    <FormDialog
      title={t(rule === undefined ? 'alerts.addRule' : 'alerts.editRule')}
      submitLabel={t('alerts.save')}
      onSubmit={submit}
      onClose={onClose}
      testId="rule-dialog"
      submitTestId="rule-save"
      isSticky
    >
      <Entry
        label={t('alerts.field.name')}
        value={form.name}
        onChange={(name) => change({ name })}
        maxLength={120}
        name="name"
      />
      <SubjectFields form={form} change={change} />
      <RuleConditionFields form={form} change={change} />
      <DurationFields form={form} change={change} />
      <Options
        label={t('alerts.field.severity')}
        value={form.severity}
        options={SEVERITIES.map((value) => ({ value, label: t(`alerts.severity.${value}`) }))}
        onChoose={(severity) => change({ severity })}
      />
      <ChannelChoice form={form} change={change} />
      <SnapshotChoice form={form} change={change} />
    </FormDialog>
  );
}

function SubjectFields({ form, change }: RuleFieldsProps) {
  const t = useText();
  const sites = useFleet((state) => state.sites);
  const seesAll = useStore(session, (current) => current.kind === 'user' && current.user.sites === null);
  const toSite = (site: string): void => {
    const kinds = kindsOf(site);
    const kind = kinds.includes(form.kind) ? form.kind : (kinds[0] ?? form.kind);
    change({ site, kind, sensor: '', camera: '', agent: '', snapshotCamera: '', channels: [] });
  };
  return (
    <>
      <Choice
        label={t('alerts.field.site')}
        value={form.site}
        onChange={toSite}
        options={[
          ...sites.map(({ id, name }) => ({ value: id, label: name ?? id })),
          ...(seesAll ? [{ value: '', label: t('alerts.server') }] : []),
        ]}
      />
      <Choice
        label={t('alerts.field.kind')}
        value={form.kind}
        onChange={(kind) => change({ kind })}
        options={kindsOf(form.site).map((value) => ({ value, label: t(`alerts.kind.${value}`) }))}
      />
    </>
  );
}

function DurationFields({ form, change }: RuleFieldsProps) {
  const t = useText();
  const isMissing = form.kind === 'missing';
  return (
    <div className="field-pair">
      <Entry
        label={t(isMissing ? 'alerts.field.silence' : 'alerts.field.for')}
        value={form.forMinutes}
        onChange={(forMinutes) => change({ forMinutes })}
        inputMode="decimal"
      />
      <Entry
        label={t('alerts.field.clear')}
        value={form.clearMinutes}
        onChange={(clearMinutes) => change({ clearMinutes })}
        inputMode="decimal"
      />
    </div>
  );
}

function ChannelChoice({ form, change }: RuleFieldsProps) {
  const t = useText();
  const read = useCallback(() => alertApi.channels(), []);
  const { value } = useReread(read);
  const usable = value?.filter(({ site }) => site === null || site === form.site) ?? [];
  const toggle = (id: string): void => {
    const others = form.channels.filter((one) => one !== id);
    change({ channels: others.length === form.channels.length ? [...others, id] : others });
  };
  return (
    <fieldset className="field checks">
      <legend className="field__label">{t('alerts.field.channels')}</legend>
      {usable.length === 0 ? <span className="field__hint">{t('alerts.noChannels')}</span> : null}
      {usable.map(({ id, name, kind }) => (
        <label key={id} className="checks__one">
          <input type="checkbox" checked={form.channels.includes(id)} onChange={() => toggle(id)} />
          {name} <span className="muted">{t(`alerts.channel.${kind}`)}</span>
        </label>
      ))}
    </fieldset>
  );
}

function SnapshotChoice({ form, change }: RuleFieldsProps) {
  const t = useText();
  const cameras = useFleet((state) => state.cameras);
  const ofSite = Object.values(cameras).filter(({ site }) => site === form.site);
  if (ofSite.length === 0) return null;
  return (
    <Choice
      label={t('alerts.field.snapshot')}
      value={form.snapshotCamera}
      onChange={(snapshotCamera) => change({ snapshotCamera })}
      options={[
        { value: '', label: t('alerts.noSnapshot') },
        ...ofSite.map(({ id, name }) => ({ value: id, label: name })),
      ]}
    />
  );
}
