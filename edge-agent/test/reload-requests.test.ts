import { expect, test } from 'vitest';
import { ReloadRequests } from '../src/reload-requests.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function counted(): { begun: () => number; finish: () => Promise<void>; reload: () => Promise<void> } {
  let begun = 0;
  let finish = (): void => {};
  return {
    begun: () => begun,
    finish: async () => {
      finish();
      await settle();
    },
    reload: () => {
      begun += 1;
      return new Promise((resolve) => (finish = resolve));
    },
  };
}

test('what is asked for before it is served waits', async () => {
  const [requests, work] = [new ReloadRequests(), counted()];
  requests.request();
  requests.request();
  await settle();
  requests.serve(work.reload);
  expect(work.begun()).toBe(1);
  await work.finish();
  expect(work.begun()).toBe(1);
});

test('one is under way and one waits, whoever asks how often', async () => {
  const [requests, work] = [new ReloadRequests(), counted()];
  requests.serve(work.reload);
  expect(work.begun()).toBe(0);
  for (let asked = 0; asked < 5; asked += 1) requests.request();
  expect(work.begun()).toBe(1);
  await work.finish();
  expect(work.begun()).toBe(2);
  await work.finish();
  expect(work.begun()).toBe(2);
  requests.request();
  expect(work.begun()).toBe(3);
});

test('after the end nothing is done, neither what waits nor what is asked for', async () => {
  const [requests, work] = [new ReloadRequests(), counted()];
  requests.serve(work.reload);
  requests.request();
  requests.request();
  requests.close();
  await work.finish();
  requests.request();
  await settle();
  expect(work.begun()).toBe(1);
});
