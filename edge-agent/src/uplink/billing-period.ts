// The month of a data plan: from its reset day to the next one, by the clock and the time zone of the gateway.

export interface BillingPeriod {
  fromMs: number;
  untilMs: number;
}

/** @param resetDay 1 to 28: every month has it. */
export function billingPeriodOf(nowMs: number, resetDay: number): BillingPeriod {
  const now = new Date(nowMs);
  const first = now.getMonth() - (now.getDate() < resetDay ? 1 : 0);
  const start = (month: number): number => new Date(now.getFullYear(), month, resetDay).getTime();
  return { fromMs: start(first), untilMs: start(first + 1) };
}
