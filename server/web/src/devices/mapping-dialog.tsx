// Topics and rules of a sensor that speaks the language of another project.

import { useState } from 'react';
import { api } from '../api/endpoints.ts';
import type { Device, DeviceMapping } from '../api/types.ts';
import { useText } from '../state/hooks.ts';
import { FormDialog } from '../ui/form-dialog.tsx';
import { Button } from '../ui/primitives.tsx';
import { toast } from '../ui/toasts.tsx';
import { rulesIn } from './rules-text.ts';

/** What each project publishes to as it comes; Shelly and ESPHome put a name of their own first. */
const PRESETS: Readonly<Record<string, (id: string) => string[]>> = {
  zigbee2mqtt: () => ['zigbee2mqtt', 'homeassistant'],
  Tasmota: () => ['tele', 'stat', 'tasmota/discovery', 'homeassistant'],
  Shelly: (id) => [id],
  ESPHome: (id) => [id, 'homeassistant'],
};

export function MappingDialog({
  device,
  onClose,
  onSaved,
}: {
  device: Device;
  onClose: () => void;
  onSaved: () => void;
}) {
  const t = useText();
  const [topics, setTopics] = useState((device.mapping?.topics ?? []).join('\n'));
  const [rules, setRules] = useState(
    device.mapping?.rules ? JSON.stringify(device.mapping.rules, undefined, 2) : '',
  );
  const submit = (): string | Promise<void> => {
    const written = rulesIn(rules);
    if (written === undefined) return t('devices.mapNoRules');
    return api.mapDevice(device.id, mappingOf(topics, written)).then(() => {
      toast(t('devices.mapped', { id: device.id }));
      onSaved();
    });
  };
  return (
    <FormDialog
      title={t('devices.mapTitle', { id: device.id })}
      submitLabel={t('devices.mapSave')}
      onSubmit={submit}
      onClose={onClose}
      testId="mapping-dialog"
      submitTestId="mapping-save"
    >
      <p>{t('devices.mapText')}</p>
      <div className="field">
        <span className="field__label">{t('devices.mapPreset')}</span>
        <div className="dialog__foot mapping__presets" role="group" aria-label={t('devices.mapPreset')}>
          {Object.entries(PRESETS).map(([name, topicsOf]) => (
            <Button key={name} onClick={() => setTopics(topicsOf(device.id).join('\n'))}>
              {name}
            </Button>
          ))}
        </div>
      </div>
      <Area
        id="mapping-topics"
        label={t('devices.mapTopics')}
        hint={t('devices.mapTopicsHint')}
        rows={4}
        value={topics}
        onChange={setTopics}
      />
      <Area
        id="mapping-rules"
        label={t('devices.mapRules')}
        hint={t('devices.mapRulesHint')}
        rows={6}
        value={rules}
        onChange={setRules}
      />
    </FormDialog>
  );
}

function Area({
  id,
  label,
  hint,
  rows,
  value,
  onChange,
}: {
  id: string;
  label: string;
  hint: string;
  rows: number;
  value: string;
  onChange: (value: string) => void;
}) {
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <textarea
        className="input input--code"
        id={id}
        rows={rows}
        spellCheck={false}
        autoCapitalize="none"
        aria-describedby={`${id}-hint`}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
      <span className="field__hint" id={`${id}-hint`}>
        {hint}
      </span>
    </div>
  );
}

/** null where nothing is left of it: then the device has its own topics and the ready rules. */
function mappingOf(topicsText: string, rules: object[]): DeviceMapping | null {
  const topics = topicsText.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  if (topics.length === 0 && rules.length === 0) return null;
  return { ...(topics.length > 0 && { topics }), ...(rules.length > 0 && { rules }) };
}
