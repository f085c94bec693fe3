import { readFileSync } from 'node:fs';
import type { Limits } from '../dataplane/messages.ts';
import { DEFAULT_LIMITS } from '../model/limits.ts';
import type { Settings } from '../model/settings.ts';

/** What the data plane needs of the settings. */
export function limitsOf(settings: Settings): Limits {
  return {
    connectMs: settings.connectTimeoutS * 1000,
    lingerMs: settings.lingerTimeoutS * 1000,
    idleMs: settings.idleTimeoutS * 1000,
    keepaliveS: settings.keepaliveS,
    admission: {
      ...DEFAULT_LIMITS,
      ...settings.limits,
      guestRateIsSoft: settings.limits.guestRate === undefined,
    },
  };
}

/** Soft limit of open files, which node raises to the hard one when it starts. */
export function descriptorLimit(): number {
  const line = readFileSync('/proc/self/limits', 'utf8').match(/^Max open files\s+(\d+)/m);
  return Number(line?.[1] ?? 1024);
}
