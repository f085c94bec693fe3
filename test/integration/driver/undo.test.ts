import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { detach } from '../../../src/driver/down.ts';
import { attach } from '../../../src/driver/up.ts';
import { CommandError, TproxyError } from '../../../src/errors.ts';
import type { Run } from '../../../src/system/run.ts';
import { addBridge } from '../../support/network.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { type BoxDeps, boxDeps, mapOf, service, traces, vm } from './box-deps.ts';

const SERVICES = [service(5030, '10.11.12.13:5030')];
const NIC = vm(7, 'br0', 'a');

let box: Sandbox;
let deps: BoxDeps;

beforeEach(async () => {
  box = await Sandbox.create();
  deps = boxDeps(box);
  await addBridge(box, 'br0');
});

afterEach(() => box.close());

/** Makes the n-th program of the next command fail, before it does anything. */
function failAt(number: number): void {
  deps.commands.length = 0;
  deps.before = (line, count) => {
    if (count !== number) return;
    throw new CommandError(`${line}: no space left`, { command: line, status: 1, stderr: 'no space left' });
  };
}

function works(): void {
  deps.before = () => {};
}

describe('up leaves no trace when', () => {
  test('any one of its programs fails', async () => {
    const before = await traces(box);
    await attach(NIC, SERVICES, deps);
    const programs = deps.commands.length;
    await detach({ ...NIC, taps: ['one-7-0'] }, SERVICES, deps);
    expect(programs).toBeGreaterThan(6);
    for (let number = 1; number <= programs; number += 1) {
      failAt(number);
      const error = await attach(NIC, SERVICES, deps).catch((caught: unknown) => caught);
      works();
      expect(error, `program ${number}`).toBeInstanceOf(TproxyError);
      expect(await traces(box), `program ${number}: ${deps.commands[number - 1]}`).toBe(before);
    }
    expect(await attach(NIC, SERVICES, deps)).toMatchObject({ is: 'ready' });
  });

  test('the daemons cannot follow; they are told again', async () => {
    const before = await traces(box);
    deps.sync = async () => {
      throw new TproxyError('the forwarder does not answer');
    };
    await expect(attach(NIC, SERVICES, deps)).rejects.toThrow('the forwarder does not answer');
    expect(await traces(box)).toBe(before);
    expect(deps.synced).toEqual(['br0', 'br0']);
  });

  test('any one line of a batch of ip fails, the lines before it being done', async () => {
    const before = await traces(box);
    await attach(NIC, SERVICES, deps);
    await detach({ ...NIC, taps: ['one-7-0'] }, SERVICES, deps);
    for (const [batch, lines] of [
      ['ip -batch -', 4],
      ['ip -n one_tproxy_br0 -batch -', 4],
    ] as const) {
      for (let line = 0; line < lines; line += 1) {
        const run = sabotaged(deps.run, batch, line);
        await expect(attach(NIC, SERVICES, { ...deps, run })).rejects.toThrow(
          /Cannot find device "sabotage"/,
        );
        expect(await traces(box), `${batch}, line ${line}`).toBe(before);
      }
    }
  });
});

/** Puts a line that fails into the place of one of the batch. Batches that take away are left alone. */
function sabotaged(run: Run, batch: string, line: number): Run {
  return async (command, args, options) => {
    const input = options?.input ?? '';
    if ([command, ...args].join(' ') !== batch || input.includes('delete'))
      return run(command, args, options);
    const lines = input.split('\n');
    lines[line] = 'link set dev sabotage up';
    return run(command, args, { input: lines.join('\n') });
  };
}

describe('a second up that fails', () => {
  const MORE = [...SERVICES, service(80, '10.0.0.1:80')];

  test('leaves what the first has made', async () => {
    await attach(NIC, SERVICES, deps);
    const before = await traces(box);
    deps.commands.length = 0;
    await attach(NIC, MORE, deps);
    const programs = deps.commands.length;
    await attach(NIC, SERVICES, deps);
    for (let number = 1; number <= programs; number += 1) {
      failAt(number);
      await expect(attach(NIC, MORE, deps)).rejects.toThrow(TproxyError);
      works();
      expect(await traces(box), `program ${number}`).toBe(before);
    }
  });

  test('because of the daemons gives the endpoints back', async () => {
    await attach(NIC, SERVICES, deps);
    const { attachments } = await deps.attachments.load();
    deps.sync = async () => {
      throw new TproxyError('no');
    };
    await expect(attach(NIC, MORE, deps)).rejects.toThrow('no');
    expect(await mapOf(box, 'br0')).toEqual({ 5030: '10.11.12.13:5030' });
    expect((await deps.attachments.load()).attachments).toEqual(attachments);
  });

  test('repairs nothing half: the message says what failed, on which bridge, and that it was undone', async () => {
    await attach(NIC, SERVICES, deps);
    await box.sh('ip link delete br0b');
    deps.commands.length = 0;
    deps.before = (line) => {
      if (line.startsWith('nsenter') && !line.includes('ip -j'))
        throw new CommandError('nsenter: no', { command: line });
    };
    await expect(attach(NIC, SERVICES, deps)).rejects.toThrow(
      /^bridge br0: could not set \d+ sysctls in netns one_tproxy_br0: nsenter: no; the steps before it were undone$/,
    );
    works();
    expect(await attach(NIC, SERVICES, deps)).toMatchObject({ is: 'ready', changed: true });
  });
});

describe('down that fails', () => {
  test('at any one of its programs is made good by the next one', async () => {
    const before = await traces(box);
    await attach(NIC, SERVICES, deps);
    deps.commands.length = 0;
    await detach({ ...NIC, taps: ['one-7-0'] }, SERVICES, deps);
    const programs = deps.commands.length;
    for (let number = 1; number <= programs; number += 1) {
      await attach(NIC, SERVICES, deps);
      failAt(number);
      // A batch of `ip` that fails is done again step by step, so that one may succeed after all.
      await detach({ ...NIC, taps: ['one-7-0'] }, SERVICES, deps).catch(() => {});
      works();
      await detach({ ...NIC, taps: ['one-7-0'] }, SERVICES, deps);
      expect(await traces(box), `program ${number}`).toBe(before);
    }
  });

  test('removes as much as it can and tells the rest', async () => {
    await attach(NIC, SERVICES, deps);
    deps.before = (line) => {
      if (line.startsWith('nft -f'))
        throw new CommandError('nft: no', { command: line, status: 1, stderr: 'no' });
    };
    await expect(detach({ ...NIC, taps: ['one-7-0'] }, SERVICES, deps)).rejects.toThrow(
      /^bridge br0: part of its plumbing could not be removed: could not delete the endpoint map of br0, .*: nft: no; remove the cause; the next up or down on this bridge tries again$/,
    );
    expect(await box.sh('ip netns list; ip -o link show type veth')).toBe('');
  });
});
