import type { DoctorReport } from '../../src/doctor/json.ts';
import { CONDITION_MS } from './patience.ts';
import type { Program } from './program.ts';
import { createSite, type Site, startGreeter, UPSTREAM_ADDRESS } from './site.ts';

export const EXECUTABLE = '/var/tmp/one/vnm/tproxy';
export const GREETER = `${UPSTREAM_ADDRESS}:1111`;
/** Waits for a request, as most services do. */
export const SILENT = `${UPSTREAM_ADDRESS}:2222`;
export const REFUSED = `${UPSTREAM_ADDRESS}:3333`;

/** An entry of `:tproxy:`. */
export function entry(port: number, upstream: string): string {
  const [address, remotePort] = upstream.split(':');
  return `- :service_port: ${port}
  :remote_addr: ${address}
  :remote_port: ${remotePort}
`;
}

export const CONFIGURATION = `:tproxy:
${entry(5030, GREETER)}${entry(80, SILENT)}`;

export async function examine(
  site: Site,
  ...args: string[]
): Promise<DoctorReport & { readonly status: number }> {
  const { status, stdout, stderr } = await site.hypervisor.tproxy('doctor', '--json', ...args);
  if (stderr !== '') throw new Error(stderr);
  return { ...(JSON.parse(stdout) as DoctorReport), status };
}

/** The same once the forwarder, which a busy machine keeps waiting, has answered within the two seconds that doctor gives it. */
export async function examineAnswered(site: Site): ReturnType<typeof examine> {
  const deadline = Date.now() + CONDITION_MS;
  for (;;) {
    const report = await examine(site);
    const isSilent = report.checks.some(({ id, verdict }) => id === 'control' && verdict === 'failed');
    if (!isSilent || Date.now() > deadline) return report;
  }
}

/** What does not hold: `br0/veth: failed`. Skipped checks follow from others and are left out. */
export function troubles({ checks }: DoctorReport): string[] {
  return checks
    .filter(({ verdict }) => verdict === 'failed' || verdict === 'warning')
    .map(({ id, bridge, subject, verdict }) => {
      const name = [bridge, id, subject].filter((part) => part !== null).join('/');
      return `${name}: ${verdict}`;
    });
}

/** The kernel tells of its neighbours in the network namespace that the machine started with. */
export const NOT_IN_A_SANDBOX = ['neighbours'];

export function skippedIn({ checks }: DoctorReport): string[] {
  return checks.filter(({ verdict }) => verdict === 'skipped').map(({ id }) => id);
}

/** What a check has seen, or why it was skipped. */
export function seen(report: DoctorReport, id: string, subject: string | null = null): string {
  const found = report.checks.find((check) => check.id === id && check.subject === subject);
  return found?.seen ?? found?.reason ?? `no check ${id}`;
}

async function startSilent(site: Site): Promise<Program> {
  const script = `require('node:net').createServer({ allowHalfOpen: true }, (s) => s.on('error', () => {}).resume()).listen(2222, '${UPSTREAM_ADDRESS}', () => console.log('listening'))`;
  const server = site.host.spawn([process.execPath, '-e', script]);
  await server.waitFor(/^listening$/m);
  return server;
}

/** A site with both upstreams and this configuration; nothing is deployed. */
export async function createPatient(): Promise<Site> {
  const site = await createSite();
  site.hypervisor.configure(CONFIGURATION);
  await startGreeter(site.host, 1111, 'first');
  await startSilent(site);
  return site;
}
