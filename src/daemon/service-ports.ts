import type { Arrival, Configure, Listening } from '../dataplane/handover.ts';
import type { Reactor, Registration } from '../dataplane/reactor.ts';
import { messageOf } from '../errors.ts';
import { close } from '../linux/descriptor.ts';
import { EPOLLIN } from '../linux/epoll.ts';
import { Errno } from '../linux/errno.ts';
import { accept, acceptedIp, acceptedPort, parseIpv4, tcpListen } from '../linux/socket.ts';
import { SERVICE_ADDRESS } from '../model/names.ts';
import type { LineLog } from './line-log.ts';

/** SYN and accept queue of a service port; the kernel caps it at net.core.somaxconn. */
const BACKLOG = 4096;
const ACCEPTS_PER_TURN = 64;

/** A service port that is listened on. */
export interface ServicePort {
  readonly number: number;
  readonly fd: number;
}

/** Who gets what the ports accept. */
export interface PortsHost {
  readonly reactor: Reactor;
  readonly log: LineLog;
  /** A batch, in order; never empty. */
  arrived(arrivals: readonly Arrival[]): void;
  /** The process is out of descriptors or memory. */
  exhausted(errno: number): void;
}

/** The listening sockets of a bridge, on 169.254.16.9 in the caller's netns. */
export class ServicePorts {
  private readonly host: PortsHost;
  private readonly ports = new Map<number, ServicePort>();
  private readonly registrations = new Map<number, Registration>();

  constructor(host: PortsHost) {
    this.host = host;
  }

  get all(): readonly ServicePort[] {
    return [...this.ports.values()];
  }

  /** Closes what is not wanted, opens what is missing, with the sockets in `fds` where they were kept. */
  become(
    wanted: Configure,
    fds: readonly number[],
  ): { readonly opened: readonly ServicePort[]; readonly failures: Listening['failures'] } {
    const kept = new Map(wanted.sockets.map((port, i) => [port, fds[i] ?? -1]));
    for (const port of this.all) if (!wanted.ports.includes(port.number)) this.close(port);
    for (const [port, fd] of kept) if (!wanted.ports.includes(port)) close(fd);
    const opened: ServicePort[] = [];
    const failures: { port: number; reason: string }[] = [];
    for (const number of wanted.ports) {
      const socket = kept.get(number);
      if (this.ports.has(number)) {
        if (socket !== undefined) close(socket);
        continue;
      }
      try {
        const fd = socket ?? tcpListen(parseIpv4(SERVICE_ADDRESS), number, BACKLOG, wanted.keepaliveS);
        this.ports.set(number, { number, fd });
        if (socket === undefined) opened.push({ number, fd });
        this.host.log.info('service port open', { service_port: number });
      } catch (error) {
        failures.push({ port: number, reason: messageOf(error) });
        this.host.log.error('service port can not be opened', {
          service_port: number,
          reason: messageOf(error),
        });
      }
    }
    return { opened, failures };
  }

  /** Starts or stops accepting on all ports; guests wait in the kernel's queues meanwhile. */
  accept(on: boolean): void {
    const { reactor } = this.host;
    for (const port of this.ports.values()) {
      const registration = this.registrations.get(port.number);
      if (on && registration === undefined) {
        const target = { onEvents: () => this.acceptFrom(port) };
        this.registrations.set(port.number, reactor.add(port.fd, EPOLLIN, target));
      } else if (!on && registration !== undefined) {
        reactor.remove(registration, port.fd);
        this.registrations.delete(port.number);
      }
    }
  }

  /**
   * The first connection goes on its way before the next is looked for: what a killed listener has accepted and not handed
   * over is lost, so that is kept to the moment between two calls. The rest of a burst shares a message.
   */
  private acceptFrom(port: ServicePort): void {
    let burst: Arrival[] = [];
    for (let count = 0; count < ACCEPTS_PER_TURN; count += 1) {
      const fd = accept(port.fd);
      if (fd < 0) {
        if (burst.length > 0) this.host.arrived(burst);
        // Anything else is the trouble of one guest, who went away meanwhile.
        if (isExhaustion(-fd)) this.host.exhausted(-fd);
        return;
      }
      burst.push({ fd, servicePort: port.number, guestIp: acceptedIp(), guestPort: acceptedPort() });
      if (count > 0) continue;
      this.host.arrived(burst);
      burst = [];
    }
    this.host.arrived(burst);
  }

  private close(port: ServicePort): void {
    const registration = this.registrations.get(port.number);
    if (registration !== undefined) this.host.reactor.remove(registration, port.fd);
    this.registrations.delete(port.number);
    close(port.fd);
    this.ports.delete(port.number);
    this.host.log.info('service port closed', { service_port: port.number });
  }
}

function isExhaustion(errno: number): boolean {
  return (
    errno === Errno.EMFILE || errno === Errno.ENFILE || errno === Errno.ENOBUFS || errno === Errno.ENOMEM
  );
}
