import { describe, expect, test } from 'vitest';
import { applyEach, applySteps, undoSteps } from '../../../src/driver/plan/apply.ts';
import { planBridge } from '../../../src/driver/plan/plan.ts';
import { groupsOf } from '../../../src/driver/plan/step-groups.ts';
import { words } from '../../../src/driver/plan/step-words.ts';
import { HAND, type Step, undoOf } from '../../../src/driver/plan/steps.ts';
import { CommandError } from '../../../src/errors.ts';
import type { Run } from '../../../src/system/run.ts';
import { BARE, MAC, ONEGATE, PLUMBED, PORT_MAC, TAPS } from './facts.ts';

const DESIRED = {
  endpoints: [ONEGATE],
  mac: MAC,
  portMac: PORT_MAC,
  arpForm: 'port-set',
  taps: TAPS,
  policing: undefined,
  lacks: new Set<string>(),
} as const;
const UP = planBridge(BARE, DESIRED);
const DOWN = planBridge(PLUMBED, { ...DESIRED, endpoints: [] });

/** Programs that do nothing but fail where they are told to: on the n-th call, with this standard error. */
function recorder(failures: Readonly<Record<number, string>> = {}): { run: Run; calls: string[] } {
  const calls: string[] = [];
  const run: Run = async (command, args, options) => {
    calls.push(`${[command, ...args.slice(0, 3)].join(' ')}\n${options?.input ?? ''}`);
    const stderr = failures[calls.length];
    if (stderr === undefined) return { stdout: '', stderr: '' };
    throw new CommandError(`${command}: ${stderr}`, { command, status: 1, stderr });
  };
  return { run, calls };
}

describe('applying', () => {
  test('takes a process per hand: a new bridge needs five', async () => {
    const { run, calls } = recorder();
    await applySteps(run, 'br0', UP);
    expect(calls.map((call) => call.split('\n')[0])).toEqual([
      'ip -batch -',
      'bridge -batch -',
      'nsenter --net=/run/netns/one_tproxy_br0 -- sh',
      'ip -n one_tproxy_br0 -batch',
      'nft -f -',
    ]);
  });

  test('starts no process for no steps', async () => {
    const { run, calls } = recorder();
    await applySteps(run, 'br0', []);
    expect(calls).toEqual([]);
  });
});

const UNDO_ALL = 'ip -batch -\nlink delete dev br0b\nnetns delete one_tproxy_br0\n';

describe('a step that fails', () => {
  test.each<[string, number, string, RegExp, readonly string[]]>([
    [
      'the first line of a batch: nothing to undo',
      1,
      'File exists\nCommand failed -:1',
      /bridge br0: could not create netns one_tproxy_br0: .*; the steps before it were undone$/s,
      [],
    ],
    [
      'the third line of a batch: two are undone, the last one first',
      1,
      'RTNETLINK answers: Device or resource busy\nCommand failed -:3',
      /could not put br0b into bridge br0: /,
      [UNDO_ALL],
    ],
    ['the forwarding table', 2, 'nope', /could not pin 02:00:00:00:00:01 to br0b: /, [UNDO_ALL]],
    ['a sysctl', 3, 'sh: write error: Invalid argument', /could not set \d+ sysctls in netns/, [UNDO_ALL]],
    ['inside the netns', 4, 'nope\nCommand failed -:2', /could not set br0a up: /, [UNDO_ALL]],
    [
      'nft',
      5,
      'Error: syntax error',
      /could not create nft table bridge one_tproxy, .*syntax error/,
      [UNDO_ALL],
    ],
    [
      'nobody knows how far it got: everything is undone',
      1,
      '',
      /could not create netns one_tproxy_br0, create veth br0b/,
      [UNDO_ALL],
    ],
  ])('%s', async (_, call, stderr, message, undone) => {
    const { run, calls } = recorder({ [call]: stderr });
    await expect(applySteps(run, 'br0', UP)).rejects.toThrow(message);
    expect(calls.slice(call)).toEqual(undone);
  });

  test('keeps its message when undoing fails too, and tells of that', async () => {
    const { run } = recorder({ 4: 'Error: out of memory', 5: 'EBUSY\nCommand failed -:1', 6: 'EBUSY' });
    await expect(applySteps(run, 'br0', UP)).rejects.toThrow(
      /out of memory; undoing the steps before it failed too: could not delete veth br0b: .*EBUSY/,
    );
  });
});

describe('undoing', () => {
  test('the whole of a new bridge leaves no trace, nft first', async () => {
    const { run, calls } = recorder();
    expect(await undoSteps(run, UP)).toEqual([]);
    expect(calls).toEqual([
      `nft -f -
delete element ip one_tproxy ep_br0 { 5030 }
delete map ip one_tproxy ep_br0
delete table ip one_tproxy
flush chain bridge one_tproxy nearest
delete chain bridge one_tproxy nearest
delete element bridge one_tproxy tap_macs { "one-7-0" }
delete map bridge one_tproxy tap_macs
flush chain bridge one_tproxy guard
delete chain bridge one_tproxy guard
add set bridge one_tproxy senders { type ifname . ipv4_addr; size 8192; flags dynamic,timeout; timeout 1m; }
add set bridge one_tproxy newcomers { type ifname; size 4096; flags dynamic,timeout; timeout 1m; }
delete set bridge one_tproxy senders
delete set bridge one_tproxy newcomers
flush chain bridge one_tproxy ch_br0
delete chain bridge one_tproxy ch_br0
delete element bridge one_tproxy veth_ports { "br0b" }
delete set bridge one_tproxy veth_ports
delete table bridge one_tproxy
`,
      UNDO_ALL,
    ]);
  });

  test('changed endpoints change back', () => {
    const step: Step = { do: 'change-endpoints', bridge: 'br0', remove: [ONEGATE], add: [] };
    expect(undoOf(step)).toEqual({ do: 'change-endpoints', bridge: 'br0', remove: [], add: [ONEGATE] });
  });
});

describe('removing', () => {
  test('goes on after a failure', async () => {
    const { run, calls } = recorder({ 1: 'Error: busy', 2: 'EBUSY\nCommand failed -:1', 3: 'EBUSY' });
    expect(await applyEach(run, DOWN)).toEqual([
      expect.stringMatching(/^could not delete the endpoint map of br0, .*busy$/),
      expect.stringMatching(/^could not delete veth br0b: .*EBUSY$/),
    ]);
    expect(calls.at(-1)).toBe('ip -batch -\nnetns delete one_tproxy_br0\n');
  });

  test('finds it fine when something is already gone', async () => {
    const gone = 'Cannot find device "br0b"\nCommand failed -:1';
    const { run, calls } = recorder({ 2: gone, 3: gone });
    expect(await applyEach(run, DOWN)).toEqual([]);
    expect(calls).toHaveLength(4);
  });
});

describe('steps', () => {
  test('are put into groups without changing their order', () => {
    expect(groupsOf([...UP, ...DOWN]).flatMap<Step>((group) => [...group.steps])).toEqual([...UP, ...DOWN]);
  });

  test('in different namespaces are different processes', () => {
    const steps: Step[] = [
      { do: 'set-lo-up', netns: 'one_tproxy_br0' },
      { do: 'set-lo-up', netns: 'one_tproxy_br1' },
    ];
    expect(groupsOf(steps)).toHaveLength(2);
  });

  test('have words of their own', () => {
    const all = new Map([...UP, ...DOWN].map((step) => [step.do, words(step)]));
    expect(new Set(all.values()).size).toBe(all.size);
    for (const name of all.keys()) expect(HAND).toHaveProperty(name);
  });
});
