import { SOCKETS_PER_MESSAGE } from '../dataplane/handover.ts';
import { close } from '../linux/descriptor.ts';

/**
 * Copies of the listening sockets of a bridge. When its listener dies they keep the kernel's queues, and the guests that
 * wait in them, alive until a successor gets them.
 */
export class KeptSockets {
  private readonly sockets = new Map<number, number>();
  private netns: number | undefined;

  /** Sockets of another netns than this (an inode) are of no use any more. */
  belongTo(netns: number): void {
    if (this.netns !== netns) this.forget();
    this.netns = netns;
  }

  /** Takes over the descriptors of `ports`, in this order. */
  add(ports: readonly number[], fds: readonly number[]): void {
    ports.forEach((port, i) => {
      const fd = fds[i];
      if (fd === undefined) return;
      this.drop(port);
      this.sockets.set(port, fd);
    });
  }

  /** Closes the sockets of all ports but these. */
  keepOnly(ports: ReadonlySet<number>): void {
    for (const port of [...this.sockets.keys()]) if (!ports.has(port)) this.drop(port);
  }

  /** What a listener that has `open` already needs of these for `ports`, as much as one message can carry. */
  missing(
    ports: readonly number[],
    open: ReadonlySet<number>,
  ): { readonly ports: number[]; readonly fds: number[] } {
    const wanted = ports
      .filter((port) => this.sockets.has(port) && !open.has(port))
      .slice(0, SOCKETS_PER_MESSAGE);
    return { ports: wanted, fds: wanted.map((port) => this.sockets.get(port) ?? -1) };
  }

  forget(): void {
    this.keepOnly(new Set());
  }

  private drop(port: number): void {
    const fd = this.sockets.get(port);
    if (fd !== undefined) close(fd);
    this.sockets.delete(port);
  }
}
