import { type ChildProcess, spawn } from 'node:child_process';
import pino from 'pino';
import { afterEach, expect, test } from 'vitest';
import { BridgeListener } from '../../../../src/forwarder/bridges/bridge-listener.ts';
import type { BridgeOwner } from '../../../../src/forwarder/bridges/bridge-owner.ts';
import { DEFAULT_SETTINGS } from '../../../../src/model/settings.ts';

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

/** A forwarder whose listeners come up and say nothing. */
function silentHost(): BridgeOwner {
  return {
    log: pino({ enabled: false }),
    settings: DEFAULT_SETTINGS,
    user: undefined,
    post: () => undefined,
    lost: () => undefined,
    spawnListener: () => {
      const child = spawn('sleep', ['60'], { stdio: 'ignore' });
      started.push(child);
      return child;
    },
  };
}

test('a bridge that ends takes along the listener that is on its way, and whoever waits for it hears', async () => {
  const listener = new BridgeListener(silentHost(), 'br0', 1);
  const brought = expect(listener.bring([80], 4711)).rejects.toThrow('bridge br0: no longer served');
  await expect.poll(() => started.length).toBe(1);
  await listener.end();
  await brought;
  await expect.poll(() => started[0]?.signalCode).toBe('SIGKILL');
  // Nor is another one started.
  await expect(listener.bring([80], 4711)).rejects.toThrow('no longer served');
  expect(started).toHaveLength(1);
});

test('a listener that was prepared is the one that is waited for', async () => {
  const listener = new BridgeListener(silentHost(), 'br0', 1);
  listener.prepare();
  expect(listener.preparedPid).toBe(started[0]?.pid);
  const brought = expect(listener.bring([80], 4711)).rejects.toThrow();
  await listener.end();
  await brought;
  expect(started).toHaveLength(1);
});

test('one that can not be prepared is tried again by whoever waits for it, who hears why', async () => {
  const noMemory = () => {
    throw new Error('spawn ENOMEM');
  };
  const listener = new BridgeListener({ ...silentHost(), spawnListener: noMemory }, 'br0', 1);
  listener.prepare();
  await expect(listener.bring([80], 4711)).rejects.toThrow(
    "bridge br0: its listener can't be started (spawn ENOMEM)",
  );
});

test('one that is on its way when a successor takes over is not waited for, and lives on', async () => {
  const listener = new BridgeListener(silentHost(), 'br0', 1);
  const begin = performance.now();
  const brought = expect(listener.bring([80], 4711)).rejects.toThrow('no longer served');
  await expect.poll(() => started.length).toBe(1);
  listener.release();
  await brought;
  // It would be killed when it had not come by then.
  expect(performance.now() - begin).toBeLessThan(4000);
  expect(listener.preparedPid).toBeUndefined();
  expect(started[0]?.killed).toBe(false);
  await expect(listener.bring([80], 4711)).rejects.toThrow('no longer served');
  expect(started).toHaveLength(1);
});
