declare const TPROXY_VERSION: string | undefined;

/** Version and commit, set when the bundle is built. */
export const VERSION = typeof TPROXY_VERSION === 'string' ? TPROXY_VERSION : 'from source';
