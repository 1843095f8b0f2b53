// Fields of forms: a label over an input, over a choice, or over a few options side by side; below it a hint.

import { useId, type HTMLAttributes, type ReactNode } from 'react';
import { Segments, type SegmentsProps } from './primitives.tsx';

export interface EntryProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: string;
  name?: string;
  maxLength?: number;
  inputMode?: HTMLAttributes<HTMLInputElement>['inputMode'];
  type?: 'text' | 'datetime-local';
  isRequired?: boolean;
  /** Of what people may mean. */
  suggestions?: readonly { value: string; label?: string }[];
}

export function Entry({
  label,
  value,
  onChange,
  hint,
  name,
  maxLength = 1_000,
  inputMode,
  type,
  isRequired,
  suggestions,
}: EntryProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        className="input"
        id={id}
        name={name}
        type={type}
        value={value}
        maxLength={maxLength}
        inputMode={inputMode}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        required={isRequired}
        list={suggestions === undefined ? undefined : `${id}-list`}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onChange={(event) => onChange(event.target.value)}
      />
      {suggestions === undefined ? null : (
        <datalist id={`${id}-list`}>
          {suggestions.map((one) => (
            <option key={one.value} value={one.value}>
              {one.label ?? one.value}
            </option>
          ))}
        </datalist>
      )}
      <Hint id={id}>{hint}</Hint>
    </div>
  );
}

export interface ChoiceProps<Value extends string> {
  label: string;
  value: Value;
  options: readonly { value: Value; label: string }[];
  onChange: (value: Value) => void;
  hint?: string;
}

export function Choice<Value extends string>({ label, value, options, onChange, hint }: ChoiceProps<Value>) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select
        className="select"
        id={id}
        value={value}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onChange={(event) => onChange(event.target.value as Value)}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
      <Hint id={id}>{hint}</Hint>
    </div>
  );
}

/** For so few options that all of them are seen. */
export function Options<Value extends string>({ hint, ...rest }: SegmentsProps<Value> & { hint?: string }) {
  return (
    <div className="field">
      <span className="field__label">{rest.label}</span>
      <Segments {...rest} />
      <Hint>{hint}</Hint>
    </div>
  );
}

function Hint({ id, children }: { id?: string; children: ReactNode }) {
  if (children === undefined) return null;
  return (
    <span className="field__hint" id={id === undefined ? undefined : `${id}-hint`}>
      {children}
    </span>
  );
}
