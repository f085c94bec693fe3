import type { DataPlaneSettings } from '../dataplane/messages.ts';
import { DEFAULT_LIMITS } from '../model/limits.ts';
import type { Settings } from '../model/settings.ts';

/** What the data plane needs of the settings. */
export function dataPlaneSettings(settings: Settings): DataPlaneSettings {
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
