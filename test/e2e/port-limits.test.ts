import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { addGuest } from '../support/network.ts';
import { stalledMs } from '../support/patience.ts';
import {
  ask,
  configFor,
  createSite,
  program,
  type Site,
  startGreeter,
  startServer,
  UPSTREAM_ADDRESS,
} from '../support/site.ts';

const SERVICES = configFor({ 9000: `${UPSTREAM_ADDRESS}:9000`, 5030: `${UPSTREAM_ADDRESS}:5030` });
const BOTH = ':tproxy_limits: {:port_rate: 200, :port_bandwidth: 80}\n';
const LIMITED = 'br0: limit each port of a bridge to 200 new connections/s and 80 Mbit/s\n';
const BYTES = 32 * 1024 * 1024;
/** 80 Mbit/s. */
const BYTES_PER_SECOND = 10e6;
/** One second's worth and a packet. */
const AT_ONCE_BYTES = BYTES_PER_SECOND + 64 * 1024;

let site: Site;

beforeEach(async () => {
  site = await createSite();
  await startGreeter(site.host, 5030, 'hello');
});

afterEach(() => site.box.close());

async function chain(): Promise<string> {
  return site.box.sh('nft list chain bridge one_tproxy police 2>/dev/null || true');
}

test('come and go with the configuration, and stay while nobody can tell what it says', async () => {
  const { box, hypervisor, guest, bridge } = site;
  const second = await addGuest(box, bridge, { ip: '192.168.150.12' });
  hypervisor.configure(SERVICES);
  await hypervisor.deploy(guest);
  expect(await chain()).toBe('');

  hypervisor.configure(BOTH + SERVICES);
  expect(await hypervisor.must('plan')).toBe(LIMITED);
  expect((await hypervisor.tproxy('doctor')).stdout).toContain('chain police is missing');
  expect(await hypervisor.must('apply')).toBe(LIMITED);
  expect(await hypervisor.must('plan')).toBe('nothing to do\n');
  expect((await hypervisor.tproxy('doctor')).stdout).toMatch(
    /limit of its ports +200 new connections\/s and 80 Mbit\/s; 0 packets dropped/,
  );
  const limited = await chain();
  expect(limited).toContain('limit rate over 200/second');
  expect(await ask(guest, 5030)).toBe('hello');

  // Deploying goes on with a faulty setting, or without a file; neither says that there is no limit.
  for (const unknown of [BOTH.replace('200', 'many'), BOTH.replace('port_rate', 'prt_rate')]) {
    hypervisor.configure(unknown + SERVICES);
    await hypervisor.deploy(second);
    expect(await chain()).toBe(limited);
  }
  await box.sh('rm /var/tmp/one/etc/vnm/OpenNebulaNetwork.conf');
  await hypervisor.must('apply');
  expect(await chain()).toBe(limited);

  hypervisor.configure(BOTH.replace('200', '100') + SERVICES);
  await hypervisor.deploy(second);
  expect(await chain()).toContain('limit rate over 100/second');
  hypervisor.configure(SERVICES);
  expect(await hypervisor.must('apply')).toBe('br0: take the limit of ports away\n');
  expect(await box.sh('nft list table bridge one_tproxy')).not.toContain('police');

  hypervisor.configure(BOTH + SERVICES);
  await hypervisor.must('apply');
  for (const vm of [guest, second]) {
    await box.sh(`ip link delete ${vm.device}`);
    await hypervisor.undeploy(vm);
  }
  expect(await box.sh('nft list ruleset')).toBe('');
});

test('an honest transfer keeps to the limit and is complete, beside another one', async () => {
  const { box, hypervisor, guest, host, bridge } = site;
  const second = await addGuest(box, bridge, { ip: '192.168.150.12' });
  hypervisor.configure(BOTH + SERVICES);
  await hypervisor.deploy(guest);
  await hypervisor.deploy(second);
  await startServer(host, 9000);

  const upload = program('client', '169.254.16.9', 9000, 'upload', BYTES);
  const [begun, stalled] = [performance.now(), stalledMs()];
  const seconds = await Promise.all(
    [guest, second].map(async (each) => {
      const { stdout } = await each.run(upload);
      const [sent, counted] = stdout.trim().split('\n');
      expect(sent).toMatch(new RegExp(`^${BYTES} [0-9a-f]{64}$`));
      expect(counted).toBe(sent);
      return (performance.now() - begun) / 1000;
    }),
  );
  const stalledS = (stalledMs() - stalled) / 1000;
  for (const each of seconds) {
    expect(each).toBeGreaterThan((BYTES - AT_ONCE_BYTES) / BYTES_PER_SECOND);
    // Retransmissions cost it some of what it may.
    expect(each - stalledS).toBeLessThan((8 * BYTES) / BYTES_PER_SECOND);
  }
});
