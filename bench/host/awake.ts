import { openSync, writeSync } from 'node:fs';

/**
 * Asks the kernel to let idle cores poll instead of sleep, as long as this process lives. In a virtual machine a sleeping
 * core leaves the guest, and waking it takes longer than a proxy needs for a request; the polling core in turn may take
 * time from its neighbour, so this is no default.
 */
export function keepCoresAwake(): void {
  const latencyUs = Buffer.alloc(4);
  writeSync(openSync('/dev/cpu_dma_latency', 'w'), latencyUs);
}
