import { expect, test } from 'vitest';
import { createMailbox } from './mailbox.ts';

test('given events before and while somebody waits, then they come in order', async () => {
  const mailbox = createMailbox<number>();
  mailbox.post(1);
  mailbox.post(2);
  expect(await mailbox.next()).toBe(1);
  expect(await mailbox.next()).toBe(2);
  const third = mailbox.next();
  mailbox.post(3);
  mailbox.post(4);
  expect(await third).toBe(3);
  expect(await mailbox.next(0)).toBe(4);
});

test('given no event before the deadline, then there is none, and the next one is not lost', async () => {
  const mailbox = createMailbox<string>();
  const deadline = performance.now() + 20;
  expect(await mailbox.next(deadline)).toBeUndefined();
  expect(performance.now()).toBeGreaterThan(deadline - 2);
  expect(await mailbox.next(performance.now() - 1)).toBeUndefined();
  mailbox.post('late');
  expect(await mailbox.next(0)).toBe('late');
});

test('given a deadline beyond what a timer can hold, then it waits for the event', async () => {
  const mailbox = createMailbox<string>();
  const event = mailbox.next(performance.now() + 1e12);
  mailbox.post('soon');
  expect(await event).toBe('soon');
});
