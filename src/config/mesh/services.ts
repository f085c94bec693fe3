import type { Service } from '../../model/service.ts';
import { list } from '../reader/list.ts';
import type { Reads } from '../reader/schema.ts';
import { entry } from './service.ts';
import { findShadowed } from './shadowed.ts';

/** Far more than anybody offers. */
const MAX_SERVICES = 10_000;

const entries = list(entry, {
  item: 'entry',
  items: 'entries',
  max: MAX_SERVICES,
  noun: 'list of services',
  remedy: 'begin each service with a dash: "- :service_port: 5030"',
});

/** The value of `:tproxy:`: the faultless entries in the order of the file. */
export const services: Reads<readonly Service[]> = (written, place, source) => {
  const read = entries(written, place, source);
  if (read.value === undefined) return { problems: read.problems };
  return {
    value: read.value.map((item) => item.value.service),
    problems: [...read.problems, ...findShadowed(read.value)],
  };
};
