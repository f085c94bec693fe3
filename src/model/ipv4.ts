/** An IPv4 address as a number, most significant byte first: 10.0.0.1 is 0x0a000001. */
export type Ipv4 = number;

/** `'10.0.0.1'` to a number. The text must be an IPv4 address. */
export function parseIpv4(text: string): Ipv4 {
  return text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function formatIpv4(ip: Ipv4): string {
  return `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`;
}
