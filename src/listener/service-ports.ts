import type { Configure, Listening, PortSocket } from '../dataplane/listeners/handover.ts';
import { messageOf } from '../errors.ts';
import { close } from '../linux/descriptor.ts';
import { tcpListen } from '../linux/tcp-socket.ts';
import { parseIpv4 } from '../model/ipv4.ts';
import { SERVICE_ADDRESS, SERVICE_BACKLOG } from '../model/names.ts';
import type { LineLog } from './line-log.ts';

/** The listening sockets of a bridge, on 169.254.16.9 in the caller's netns. */
export class ServicePorts {
  private readonly log: LineLog;
  private readonly sockets = new Map<number, number>();

  constructor(log: LineLog) {
    this.log = log;
  }

  get all(): readonly PortSocket[] {
    return [...this.sockets].map(([port, fd]) => ({ port, fd }));
  }

  /** Closes what is not wanted, opens what is missing, with those in `kept` where there is one. Says what can't be opened. */
  become(wanted: Pick<Configure, 'ports'>, kept: readonly PortSocket[]): Listening['failures'] {
    for (const port of [...this.sockets.keys()]) if (!wanted.ports.includes(port)) this.close(port);
    for (const { port, fd } of kept) {
      if (this.sockets.has(port) || !wanted.ports.includes(port)) close(fd);
      else this.add(port, fd);
    }
    const failures: { port: number; reason: string }[] = [];
    for (const port of wanted.ports) {
      if (this.sockets.has(port)) continue;
      try {
        this.add(port, tcpListen(parseIpv4(SERVICE_ADDRESS), port, SERVICE_BACKLOG));
      } catch (error) {
        const reason = messageOf(error);
        failures.push({ port, reason });
        this.log.error('cannot open service port', { service_port: port, reason });
      }
    }
    return failures;
  }

  private add(port: number, fd: number): void {
    this.sockets.set(port, fd);
    this.log.info('service port open', { service_port: port });
  }

  private close(port: number): void {
    const fd = this.sockets.get(port);
    if (fd !== undefined) close(fd);
    this.sockets.delete(port);
    this.log.info('service port closed', { service_port: port });
  }
}
