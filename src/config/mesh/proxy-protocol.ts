import { describe, fault, type Judge } from '../reader/judge.ts';

/** `proxy_protocol`: nothing or `v2`. Version 1 is text, has no place for the bridge, and is not offered. */
export const proxyProtocol: Judge<'v2' | undefined> = (written) => {
  if (written === undefined || written === null) return { value: undefined };
  if (written === 'v2') return { value: 'v2' };
  const remedy = 'write v2, or leave the key out for none';
  return fault(`${describe(written)}, which is no version of the PROXY protocol that is offered`, remedy);
};
