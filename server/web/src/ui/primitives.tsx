// Small parts without state: button, chip, meter, empty state, segments, skeleton.

import type { ButtonHTMLAttributes, ReactNode } from 'react';
import { Icon, type IconName } from './icon.tsx';

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: 'plain' | 'primary' | 'danger' | 'quiet';
  icon?: IconName;
  /** Shows the icon only; the label is read out and shown as a hint. */
  iconOnlyLabel?: string;
}

export function Button({ look = 'plain', icon, iconOnlyLabel, className, children, ...rest }: ButtonProps) {
  const names = [
    'button',
    `button--${look}`,
    iconOnlyLabel === undefined ? '' : 'button--icon',
    className ?? '',
  ];
  return (
    <button
      type="button"
      {...rest}
      className={names.filter(Boolean).join(' ')}
      {...(iconOnlyLabel === undefined ? {} : { 'aria-label': iconOnlyLabel, title: iconOnlyLabel })}
    >
      {icon === undefined ? null : <Icon name={icon} />}
      {children}
    </button>
  );
}

export type Tone = 'ok' | 'info' | 'warn' | 'bad' | 'idle';

export function Chip({ tone, isBusy, children }: { tone: Tone; isBusy?: boolean; children: ReactNode }) {
  return <span className={`chip chip--${tone}${isBusy === true ? ' chip--busy' : ''}`}>{children}</span>;
}

export interface MeterProps {
  label: string;
  /** 0 to 1 */
  fraction: number;
  /** Being nearly full is what it is for, not a danger. */
  isCalm?: boolean;
}

/** A bar that warns above 70 % and alarms above 90 %; a calm one warns when it is full. */
export function Meter({ label, fraction, isCalm }: MeterProps) {
  const filled = Math.min(1, Math.max(0, Number.isFinite(fraction) ? fraction : 0));
  const [warnAt, alarmAt] = isCalm === true ? [1, 2] : [0.7, 0.9];
  const tone = filled >= alarmAt ? ' meter--bad' : filled >= warnAt ? ' meter--warn' : '';
  return (
    <div
      className={`meter${tone}`}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(filled * 100)}
    >
      <svg className="meter__bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect width={filled * 100} height="6" />
      </svg>
    </div>
  );
}

export function Empty({
  icon,
  title,
  children,
  action,
}: {
  icon: IconName;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="empty">
      <Icon name={icon} />
      <h2>{title}</h2>
      {children === undefined ? null : <p>{children}</p>}
      {action}
    </div>
  );
}

export interface SegmentsProps<Value extends string> {
  label: string;
  value: Value;
  options: readonly { value: Value; label: string }[];
  onChoose: (value: Value) => void;
}

export function Segments<Value extends string>({ label, value, options, onChoose }: SegmentsProps<Value>) {
  return (
    <div className="segments" role="group" aria-label={label}>
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === value}
          onClick={() => onChoose(option.value)}
        >
          {option.label}
        </button>
      ))}
    </div>
  );
}

export function Skeleton({ className = '' }: { className?: string }) {
  return <div className={`skeleton ${className}`} aria-hidden="true" />;
}

export function Message({ tone, children }: { tone: 'bad' | 'ok' | 'warn' | 'info'; children: ReactNode }) {
  return (
    <p className={`message message--${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
      {children}
    </p>
  );
}
