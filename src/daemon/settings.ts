/** What the daemons need of the configuration. They read no file: whoever starts or reloads them hands this over. */
export interface Settings {
  /** 0 = ERROR … 3 = DEBUG. */
  readonly debugLevel: number;
  readonly connectTimeoutS: number;
  /** 0: off. */
  readonly lingerTimeoutS: number;
  /** 0: off. */
  readonly idleTimeoutS: number;
  /** 0: off. */
  readonly keepaliveS: number;
  /** 0: relays of an old forwarder are cut at once. */
  readonly drainTimeoutS: number;
  /** User that listeners run as; undefined: oneadmin if it exists, else nobody. */
  readonly processOwner?: string | undefined;
}

export const DEFAULT_SETTINGS: Settings = {
  debugLevel: 2,
  connectTimeoutS: 5,
  lingerTimeoutS: 60,
  idleTimeoutS: 0,
  keepaliveS: 60,
  drainTimeoutS: 300,
};

/** Settings from JSON made by this program (possibly by another version of it): what is missing or odd takes its default. */
export function parseSettings(value: unknown): Settings {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const number = (key: keyof Settings & keyof typeof DEFAULT_SETTINGS): number => {
    const candidate = given[key];
    return typeof candidate === 'number' && Number.isFinite(candidate) && candidate >= 0
      ? candidate
      : (DEFAULT_SETTINGS[key] as number);
  };
  return {
    debugLevel: number('debugLevel'),
    connectTimeoutS: number('connectTimeoutS'),
    lingerTimeoutS: number('lingerTimeoutS'),
    idleTimeoutS: number('idleTimeoutS'),
    keepaliveS: number('keepaliveS'),
    drainTimeoutS: number('drainTimeoutS'),
    processOwner: typeof given.processOwner === 'string' ? given.processOwner : undefined,
  };
}
