import { describe, type Fault, type Judge } from '../reader/judge.ts';
import { severalInOne } from '../reader/scalars.ts';

const REMEDY = 'list names or ids of virtual networks, or leave :networks: out for every network';

/** `networks`: a list or a single name or id; nothing at all means every network. */
export const networkList: Judge<readonly string[]> = (written) => {
  if (written === undefined || written === null) return { value: [] };
  if (!Array.isArray(written)) {
    const fault = whyNoNetwork(written) ?? severalInOne(written, 'the name of one network');
    return fault === undefined ? { value: [String(written)] } : { faults: [fault] };
  }
  const items: readonly unknown[] = written;
  const faults = items.flatMap((item, index) => {
    const fault = whyNoNetwork(item);
    return fault === undefined ? [] : [{ ...fault, item: index }];
  });
  return faults.length > 0 ? { faults } : { value: [...new Set(items.map(String))] };
};

function whyNoNetwork(item: unknown): Fault | undefined {
  if (typeof item === 'boolean') {
    return { wrong: `holds the truth value ${item}`, remedy: 'put a name like that in quotes' };
  }
  if (item === null || (typeof item === 'string' && item.trim() === '')) {
    return { wrong: 'holds an empty name', remedy: REMEDY };
  }
  return typeof item === 'string'
    ? undefined
    : { wrong: `holds something that ${describe(item)}`, remedy: REMEDY };
}
