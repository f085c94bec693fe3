import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SERVICE_ADDRESS } from '../../src/model/names.ts';
import { Hypervisor } from './hypervisor.ts';
import { addBridge, addGuest, addUpstreamHost, type Guest, type Host } from './network.ts';
import { CONDITION_MS } from './patience.ts';
import type { Place } from './place.ts';
import type { Program } from './program.ts';
import { Sandbox } from './sandbox.ts';

/** A hypervisor with a bridge, a guest on it and a machine on the backbone. Nothing is deployed yet. */
export interface Site {
  readonly box: Sandbox;
  readonly hypervisor: Hypervisor;
  readonly bridge: string;
  readonly guest: Guest;
  readonly host: Host;
}

/** `:tproxy:` entries by service port; the upstream as `address:port`. */
export type Services = Readonly<Record<number, string>>;

export const UPSTREAM_ADDRESS = '10.11.12.13';

export async function createSite(options: { services?: Services; userns?: boolean } = {}): Promise<Site> {
  const box = await Sandbox.create({ userns: options.userns ?? false });
  try {
    const bridge = await addBridge(box, 'br0');
    return {
      box,
      bridge,
      hypervisor: await Hypervisor.install(box, configFor(options.services ?? {})),
      guest: await addGuest(box, bridge, { ip: '192.168.150.11' }),
      host: await addUpstreamHost(box, UPSTREAM_ADDRESS),
    };
  } catch (error) {
    await box.close();
    throw error;
  }
}

/** `OpenNebulaNetwork.conf` with these services for every network. */
export function configFor(services: Services): string {
  const entries = Object.entries(services).map(([port, upstream]) => {
    const [address, remotePort] = upstream.split(':');
    return `- :service_port: ${port}\n  :remote_addr: ${address}\n  :remote_port: ${remotePort}\n`;
  });
  return `:tproxy_debug_level: 2\n:tproxy:\n${entries.join('')}`;
}

/** Command line of a program in test/support/programs, for `spawn` and `run`. */
export function program(name: string, ...args: readonly (string | number)[]): string[] {
  const file = fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));
  return [process.execPath, file, ...args.map(String)];
}

/** Starts test/support/programs/server.mjs and waits until it listens. */
export async function startServer(host: Host, port: number): Promise<Program> {
  const server = host.spawn(program('server', host.ip, port));
  await server.waitFor(/^listening$/m);
  return server;
}

/** A server whose every connection gets this line, to tell upstreams from each other. */
export async function startGreeter(host: Host, port: number, greeting: string): Promise<Program> {
  const server = host.spawn(program('greeter', host.ip, port, greeting));
  await server.waitFor(/^listening$/m);
  return server;
}

/** What a guest reads at a service port: the greeting, or the code of the error. */
export async function ask(guest: Place, port: number): Promise<string> {
  const { stdout } = await guest.run(program('read', SERVICE_ADDRESS, port));
  return stdout.trim();
}

/** Waits until a server, whatever it is, listens at `port`. */
export async function untilListening(place: Place, port: number, server: Program): Promise<void> {
  const deadline = Date.now() + CONDITION_MS;
  while (Date.now() < deadline) {
    if ((await place.sh(`ss -Hltn 'sport = :${port}'`)) !== '') return;
    if (server.status !== undefined) break;
    await sleep(50);
  }
  throw new Error(`nothing listens at port ${port}; the server's output:\n${server.output}`);
}
