import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mapByHand, plumbByHand, unplumbByHand } from '../support/hypervisor.ts';
import { addBridge, addGuest } from '../support/network.ts';
import { ask, createSite, type Site, startGreeter, UPSTREAM_ADDRESS } from '../support/site.ts';

/**
 * Stock drivers and operators make link, netns and map themselves and then call the verbs. A verb that has returned 0 has
 * done its work: every question is asked at once, nothing waits.
 */
describe.each([
  { name: 'on a hypervisor', userns: false },
  { name: 'in a user namespace', userns: true },
])('$name', ({ userns }) => {
  let site: Site;

  beforeEach(async () => {
    site = await createSite({ userns });
    const { box, bridge, host } = site;
    await plumbByHand(box, bridge, { 5030: `${UPSTREAM_ADDRESS} . 1111` });
    await Promise.all([startGreeter(host, 1111, 'first'), startGreeter(host, 2222, 'second')]);
  });

  afterEach(async () => {
    // A user namespace does not take the daemons with it.
    await site.hypervisor.tproxy('stop');
    await site.box.close();
  });

  test('start serves what the map says, when it returns', async () => {
    const { hypervisor, guest } = site;
    expect(await ask(guest, 5030)).not.toBe('first');
    expect(await hypervisor.must('start')).toBe('');
    expect(await ask(guest, 5030)).toBe('first');
    expect(await ask(guest, 5031)).toBe('ECONNREFUSED');
  });

  test('start twice leaves the processes alone', async () => {
    const { hypervisor } = site;
    await hypervisor.must('start');
    const before = await hypervisor.daemons();
    await hypervisor.must('start');
    expect(await hypervisor.daemons()).toEqual(before);
  });

  test('status prints the forwarder, then the listeners, and changes nothing', async () => {
    const { box, hypervisor } = site;
    await addBridge(box, 'br-1.42');
    await plumbByHand(box, 'br-1.42', { 5030: `${UPSTREAM_ADDRESS} . 2222` });
    await hypervisor.must('start');
    const status = await hypervisor.tproxy('status');
    expect(status).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^one_tproxy: \d+\none_tproxy_br-1\.42: \d+\none_tproxy_br0: \d+\n$/),
      stderr: '',
    });
    expect(await hypervisor.tproxy('status')).toEqual(status);
  });

  test('a process is its title, and nothing else', async () => {
    const { box, hypervisor } = site;
    await hypervisor.must('start');
    for (const { title, pid } of await hypervisor.daemons()) {
      const cmdline = readFileSync(box.path(`/proc/${pid}/cmdline`), 'latin1');
      expect(cmdline.replace(/\0+$/, '')).toBe(title);
    }
  });

  test('status, stop and reload of nothing', async () => {
    const { hypervisor } = site;
    expect(await hypervisor.tproxy('status')).toEqual({ status: 3, stdout: '', stderr: '' });
    expect(await hypervisor.tproxy('stop')).toMatchObject({ status: 0, stdout: '' });
    expect(await hypervisor.tproxy('status')).toEqual({ status: 3, stdout: '', stderr: '' });
  });

  test('reload opens and closes ports at once', async () => {
    const { box, bridge, hypervisor, guest } = site;
    await hypervisor.must('start');
    await mapByHand(box, bridge, { 5031: `${UPSTREAM_ADDRESS} . 2222` });
    await hypervisor.must('reload');
    expect(await ask(guest, 5030)).toBe('ECONNREFUSED');
    expect(await ask(guest, 5031)).toBe('second');
  });

  test('reload leads new connections to the new upstream', async () => {
    const { box, bridge, hypervisor, guest } = site;
    await hypervisor.must('start');
    const before = await hypervisor.daemons();
    expect(await ask(guest, 5030)).toBe('first');
    await mapByHand(box, bridge, { 5030: `${UPSTREAM_ADDRESS} . 2222` });
    expect(await ask(guest, 5030)).toBe('first');
    await hypervisor.must('reload');
    expect(await ask(guest, 5030)).toBe('second');
    expect(await hypervisor.daemons()).toEqual(before);
  });

  test('the second start of a deployment serves a second bridge', async () => {
    const { box, hypervisor, guest } = site;
    await hypervisor.must('start');
    const before = await hypervisor.daemons();
    await addBridge(box, 'br1');
    const other = await addGuest(box, 'br1', { ip: '192.168.150.12' });
    await plumbByHand(box, 'br1', { 5030: `${UPSTREAM_ADDRESS} . 2222` });
    await hypervisor.must('start');
    await hypervisor.must('reload');
    expect(await ask(guest, 5030)).toBe('first');
    expect(await ask(other, 5030)).toBe('second');
    expect(await hypervisor.daemons()).toEqual([...before, await hypervisor.listener('br1')]);
  });

  test.each(['start', 'reload'])('%s ends the listener of a bridge that is gone', async (verb) => {
    const { box, hypervisor, guest } = site;
    await addBridge(box, 'br1');
    await plumbByHand(box, 'br1', { 5030: `${UPSTREAM_ADDRESS} . 2222` });
    await hypervisor.must('start');
    await unplumbByHand(box, 'br1');
    await hypervisor.must(verb);
    expect((await hypervisor.daemons()).map(({ title }) => title)).toEqual(['one_tproxy', 'one_tproxy_br0']);
    expect(await ask(guest, 5030)).toBe('first');
  });

  test.each(['start', 'reload'])('%s ends everything when the last bridge is gone', async (verb) => {
    const { box, bridge, hypervisor } = site;
    await hypervisor.must('start');
    await unplumbByHand(box, bridge);
    await hypervisor.must(verb);
    await hypervisor.must('start');
    expect(await hypervisor.tproxy('status')).toEqual({ status: 3, stdout: '', stderr: '' });
  });

  test('start with an empty map starts no listener', async () => {
    const { box, bridge, hypervisor } = site;
    await mapByHand(box, bridge, {});
    expect(await hypervisor.tproxy('start')).toMatchObject({ status: 0, stdout: '' });
    expect(await hypervisor.tproxy('status')).toEqual({ status: 3, stdout: '', stderr: '' });
  });

  test('start with no table at all starts nothing', async () => {
    const { box, hypervisor } = site;
    await box.sh('nft flush ruleset');
    expect(await hypervisor.tproxy('start')).toMatchObject({ status: 0, stdout: '' });
    expect(await hypervisor.tproxy('status')).toEqual({ status: 3, stdout: '', stderr: '' });
  });

  test('stop ends all, start brings it back', async () => {
    const { hypervisor, guest } = site;
    await hypervisor.must('start');
    await hypervisor.must('stop');
    expect(await hypervisor.tproxy('status')).toEqual({ status: 3, stdout: '', stderr: '' });
    expect(await ask(guest, 5030)).toBe('ECONNREFUSED');
    await hypervisor.must('start');
    expect(await ask(guest, 5030)).toBe('first');
  });

  test('restart serves with new processes', async () => {
    const { hypervisor, guest } = site;
    await hypervisor.must('start');
    const before = await hypervisor.forwarder();
    await hypervisor.must('restart');
    expect((await hypervisor.forwarder()).pid).not.toBe(before.pid);
    expect((await hypervisor.daemons()).map(({ title }) => title)).toEqual(['one_tproxy', 'one_tproxy_br0']);
    expect(await ask(guest, 5030)).toBe('first');
  });

  test('a verb takes no argument', async () => {
    const { hypervisor } = site;
    expect((await hypervisor.tproxy('start', 'br0')).status).toBe(2);
    expect((await hypervisor.tproxy('status')).status).toBe(3);
  });
});
