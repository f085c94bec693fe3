import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Fetched by test/support/install.sh. */
const PROMTOOL = `${ROOT}/.cache/promtool/promtool`;
const SERVICES = {
  80: `${UPSTREAM_ADDRESS}:1111`,
  81: `${UPSTREAM_ADDRESS}:9`,
  9000: `${UPSTREAM_ADDRESS}:9000`,
};
const GREETINGS = 5;

let site: Site;

beforeAll(async () => {
  site = await createSite({ services: SERVICES });
  await startGreeter(site.host, 1111, 'first');
  await startServer(site.host, 9000);
  await site.hypervisor.deploy(site.guest);
  for (let i = 0; i < GREETINGS; i += 1) expect(await ask(site.guest, 80)).toBe('first');
  expect(await ask(site.guest, 81)).toBe('ECONNRESET');
});

afterAll(async () => {
  await site.box.close();
});

/** Value of a series, written as in the text. */
function value(text: string, series: string): number {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  if (line === undefined) throw new Error(`no ${series} in:\n${text}`);
  return Number(line.slice(series.length + 1));
}

/** Brings the running daemons to this `:tproxy_metrics_listen:`. */
async function serveAt(listen: string | undefined): Promise<string> {
  const { hypervisor } = site;
  hypervisor.configure(
    `${configFor(SERVICES)}${listen === undefined ? '' : `:tproxy_metrics_listen: ${listen}\n`}`,
  );
  const { status, stderr } = await hypervisor.tproxy('reload');
  expect(status).toBe(0);
  return stderr;
}

async function scrape(...where: string[]): Promise<string> {
  return site.box.sh(`curl -sS --fail --max-time 5 ${where.join(' ')}`);
}

describe('tproxy metrics', () => {
  test('tells what was counted, in a form that promtool takes', async () => {
    const { box, hypervisor } = site;
    const labels = 'bridge="br0",service="80"';
    await expect
      .poll(async () =>
        value(
          await hypervisor.must('metrics'),
          `tproxy_connections_finished_total{${labels},outcome="closed"}`,
        ),
      )
      .toBe(GREETINGS);
    const text = await hypervisor.must('metrics');
    expect(value(text, 'tproxy_up')).toBe(1);
    expect(value(text, 'tproxy_endpoints')).toBe(3);
    expect(value(text, `tproxy_service_up{${labels}}`)).toBe(1);
    expect(value(text, `tproxy_connections_total{${labels}}`)).toBe(GREETINGS);
    expect(value(text, `tproxy_relays{${labels}}`)).toBe(0);
    expect(value(text, `tproxy_bytes_total{${labels},direction="to_guest"}`)).toBe(
      GREETINGS * 'first\n'.length,
    );
    expect(value(text, `tproxy_upstream_connect_seconds_count{${labels}}`)).toBe(GREETINGS);
    expect(value(text, `tproxy_upstream_connect_seconds_bucket{${labels},le="+Inf"}`)).toBe(GREETINGS);
    expect(
      value(text, 'tproxy_connection_errors_total{bridge="br0",service="81",cause="upstream-refused"}'),
    ).toBe(1);
    expect(value(text, 'tproxy_last_reload_success')).toBe(1);
    expect(value(text, 'tproxy_descriptors_open')).toBeGreaterThan(10);
    const judged = await box.run([PROMTOOL, 'check', 'metrics'], { input: text });
    expect(judged).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });

  test('writes a file for node_exporter, in one step, and says when it can not', async () => {
    const { box, hypervisor } = site;
    await box.sh('mkdir -p /run/textfile && echo old > /run/textfile/tproxy.prom');
    expect(await hypervisor.must('metrics', '--textfile', '/run/textfile/tproxy.prom')).toBe('');
    expect(value(await box.sh('cat /run/textfile/tproxy.prom'), 'tproxy_up')).toBe(1);
    expect(await box.sh("stat -c '%a' /run/textfile/*; ls -A /run/textfile")).toBe('644\ntproxy.prom\n');
    const failed = await hypervisor.tproxy('metrics', '--textfile', '/run/absent/tproxy.prom');
    expect(failed).toMatchObject({ status: 1, stdout: '' });
    expect(failed.stderr).toContain("ERROR: /run/absent/tproxy.prom: can't be written");
  });
});

describe(':tproxy_metrics_listen:', () => {
  test('serves, moves and goes with a reload', async () => {
    await serveAt('127.0.0.1:9516');
    const text = await scrape('http://127.0.0.1:9516/metrics');
    expect(value(text, 'tproxy_connections_total{bridge="br0",service="80"}')).toBeGreaterThanOrEqual(
      GREETINGS,
    );
    const headers = await scrape('-o /dev/null -D - http://127.0.0.1:9516/metrics');
    expect(headers).toMatch(/^content-type: text\/plain; version=0\.0\.4; charset=utf-8\r$/im);
    expect(await site.box.sh('curl -s http://127.0.0.1:9516/')).toContain('/metrics');

    await serveAt("'[::1]:9517'");
    expect(value(await scrape('http://[::1]:9517/metrics'), 'tproxy_up')).toBe(1);
    await expect(scrape('http://127.0.0.1:9516/metrics')).rejects.toThrow(/Connection refused|connect/);

    await serveAt('unix:/run/metrics.sock');
    expect(value(await scrape('--unix-socket /run/metrics.sock http://x/metrics'), 'tproxy_up')).toBe(1);

    await serveAt(undefined);
    expect(
      await site.box.sh("ls -A /run | grep metrics || true; ss -Hltn 'sport >= :9516 and sport <= :9517'"),
    ).toBe('');
  });

  test('goes on after a restart and after a crash of the forwarder', async () => {
    const { box, hypervisor } = site;
    await serveAt('unix:/run/metrics.sock');
    const pid = async () => (await hypervisor.forwarder()).pid;
    const started = async () =>
      value(await scrape('--unix-socket /run/metrics.sock http://x/metrics'), 'tproxy_start_time_seconds');
    const first = await started();
    await hypervisor.must('restart');
    const second = await started();
    expect(second).toBeGreaterThan(first);
    await box.sh(`kill -KILL ${await pid()}`);
    await expect.poll(() => started().catch(() => 0)).toBeGreaterThan(second);
    const text = await scrape('--unix-socket /run/metrics.sock http://x/metrics');
    expect(value(text, 'tproxy_forwarder_revived')).toBe(1);
  });

  test('where another program listens: a warning, guests are served, and it is tried again', async () => {
    const { box, hypervisor, guest } = site;
    const other = box.spawn(program('greeter', '127.0.0.1', 9518, 'other'));
    try {
      await other.waitFor(/^listening$/m);
      expect(await serveAt('127.0.0.1:9518')).toMatch(
        /^WARNING: metrics: 127\.0\.0\.1:9518: another program listens there/m,
      );
      expect(await ask(guest, 80)).toBe('first');
      expect(hypervisor.log('one_tproxy').some(({ msg }) => msg === 'metrics are not served')).toBe(true);
    } finally {
      await other.stop();
    }
    await expect.poll(() => scrape('http://127.0.0.1:9518/metrics').catch(() => '')).toContain('tproxy_up 1');
  });

  test('a file that lies at the place of the socket is left alone', async () => {
    await site.box.sh('echo precious > /run/precious');
    expect(await serveAt('unix:/run/precious')).toContain('exists and is not a socket');
    expect(await site.box.sh('cat /run/precious')).toBe('precious\n');
  });

  test('bad scrapers harm nobody', async () => {
    const { box, hypervisor, guest } = site;
    await serveAt('127.0.0.1:9519');
    const before = await hypervisor.daemons();
    const bad = box.spawn(program('scrape', '127.0.0.1', 9519, 100));
    try {
      await bad.waitFor(/^at work$/m);
      for (let i = 0; i < 20; i += 1) expect(await ask(guest, 80)).toBe('first');
      expect(await hypervisor.must('status', '-v')).toContain('listening');
    } finally {
      await bad.stop();
    }
    // The seats of those who only sat there are free again within seconds.
    await expect.poll(() => scrape('http://127.0.0.1:9519/metrics').catch(() => '')).toContain('tproxy_up 1');
    expect(await hypervisor.daemons()).toEqual(before);
  });
});

test('connections over a limit are counted, by limit', async () => {
  const { hypervisor, guest } = site;
  hypervisor.configure(`${configFor(SERVICES)}:tproxy_limits:\n  :guest_connections: 1\n`);
  await hypervisor.must('reload');
  const refused = async () =>
    value(
      await hypervisor.must('metrics'),
      'tproxy_connections_refused_total{bridge="br0",limit="guest-limit"}',
    );
  const before = await refused();
  const held = guest.spawn(program('crowd', '169.254.16.9', 9000, 1));
  try {
    await held.waitFor(/^open 1$/m);
    expect([await ask(guest, 80), await ask(guest, 80)]).toEqual(['ECONNRESET', 'ECONNRESET']);
    await expect.poll(refused).toBe(before + 2);
    expect(await hypervisor.must('status', '-v')).toContain('connections refused: guest-limit');
  } finally {
    await held.stop();
  }
});

test('a host whose forwarder is gone tells so', async () => {
  const { hypervisor, box } = site;
  await hypervisor.must('stop');
  const { status, stdout } = await hypervisor.tproxy('metrics');
  expect(status).toBe(3);
  expect([value(stdout, 'tproxy_up'), value(stdout, 'tproxy_endpoints')]).toEqual([0, 3]);
  await hypervisor.must('metrics', '--textfile', '/run/tproxy.prom');
  expect(await box.sh('cat /run/tproxy.prom')).toBe(stdout);
});

describe('etc/prometheus', () => {
  test('the alert rules do what they say, judged by promtool', async () => {
    const { box } = site;
    const files = `${ROOT}/etc/prometheus/tproxy-alerts.yml ${ROOT}/test/fixtures/alerts.test.yml`;
    const said = await box.sh(
      `mkdir -p /run/rules && cd /run/rules && cp ${files} . && ${PROMTOOL} check rules tproxy-alerts.yml && ${PROMTOOL} test rules alerts.test.yml`,
    );
    expect(said).toContain('14 rules found');
  });

  test('alerts and dashboard ask for metrics that there are', async () => {
    const { hypervisor, guest } = site;
    hypervisor.configure(configFor(SERVICES));
    await hypervisor.must('start');
    expect(await ask(guest, 80)).toBe('first');
    const text = await hypervisor.must('metrics');
    const told = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
    for (const file of ['etc/prometheus/tproxy-alerts.yml', 'etc/grafana/tproxy.json']) {
      const asked = readFileSync(`${ROOT}/${file}`, 'utf8').match(/\btproxy_[a-z_]+(?=[{[ )"\\]|$)/gm) ?? [];
      const families = asked.map((name) => name.replace(/_(bucket|sum|count)$/, ''));
      expect(families.length).toBeGreaterThan(5);
      expect(families.filter((name) => !told.has(name))).toEqual([]);
    }
  });
});
